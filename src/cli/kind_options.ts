/**
 * Options that not every kind of port has.
 *
 * One that would do nothing is refused and not ignored: who writes `poll-us=` behind a datagram port, or
 * `client=` where the guest itself says what it can, believes something that is not so.
 *
 * @module
 */
import type { Kind } from "./environment.ts";
import { PORT_OPTIONS, type Values } from "./options.ts";

type Given = Values<typeof PORT_OPTIONS>;

/** Options that a port is refused with the reason, as it stands before "; leave it out". */
type Refusals = Partial<Record<keyof Given, string>>;

/** Calls `refuse` with the reason when an option is given that a port of kind `name` cannot have. */
export function refuseForeign(
  given: Given,
  name: string,
  kind: Kind,
  refuse: (reason: string) => never,
): void {
  for (const [option, reason] of Object.entries(refusals(name, kind))) {
    if (given[option as keyof Given] !== undefined) refuse(`${reason}; leave it out`);
  }
  if (kind.connects === true && (given.clients ?? kind.clients) !== kind.clients) {
    refuse(`${name} connects to one VM and has no other clients; leave clients out`);
  }
}

/** Names of the options that a port of this kind can have. */
export function optionsOf(kind: Kind): string[] {
  const refused = refusals("", kind);
  return Object.keys(PORT_OPTIONS).filter((option) =>
    !Object.hasOwn(refused, option) && !(option === "clients" && kind.connects === true)
  );
}

function refusals(name: string, kind: Kind): Refusals {
  const file = "is for socket files that vswitch makes";
  return {
    ...(kind.target === "descriptor" || kind.connects === true) &&
      { mode: `mode ${file}, not for ${name}`, group: `group ${file}, not for ${name}` },
    ...(kind.shares ? NEGOTIATED : {
      "poll-us": `poll-us is for vhost-user ports, not for ${name}`,
      unsealed: `unsealed is for vhost-user ports, not for ${name}`,
    }),
  };
}

/** What a vhost-user guest says itself. */
const NEGOTIATED: Refusals = {
  client: "client is for VMs that negotiate nothing, and a vhost-user guest says what it can",
  "vnet-hdr": "vnet-hdr is negotiated with a vhost-user guest",
  finish: "finish is for sockets without a header, and every vhost-user frame has one",
};
