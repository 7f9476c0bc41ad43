/**
 * The offload policy of a port in words, for the log: told at start, since a policy that does not fit its
 * VM breaks nothing that would be noticed at once.
 *
 * @module
 */
import type { OpenedPort } from "../engine/protocol.ts";
import { clients } from "../offload/clients.ts";
import { describePolicy } from "../offload/describe_policy.ts";
import { Feature, LARGE } from "../offload/features.ts";
import { accepted, NO_OFFLOAD, type Policy } from "../offload/policy.ts";
import { type LogLevel, LONGEST_NEEDED } from "./config.ts";

/** A line about a port. */
export interface PolicyLine {
  readonly level: LogLevel;
  readonly text: string;
}

/** What to tell of the policy of a port: nothing when it was not asked for one. */
export function tellPolicy(port: OpenedPort): PolicyLine[] {
  // What a vhost-user guest makes of its offer is told by the port, for each guest.
  const negotiates = port.socket === "vhost-user";
  if (port.asked === "" && (negotiates || isPlain(port.policy))) return [];
  const text = describePolicy(port.policy);
  return [
    { level: "info", text: negotiates ? `offered to its guest: ${text}` : text },
    ...doubts(port).map((text) => ({ level: "warning", text } as const)),
  ];
}

function isPlain(policy: Policy): boolean {
  return Object.entries(NO_OFFLOAD).every(([key, usual]) => policy[key as keyof Policy] === usual);
}

/** What is allowed and hardly ever meant. */
function doubts({ client, policy }: OpenedPort): string[] {
  const found: string[] = [];
  // A client that is known to take them like this does so by other means (vmnet computes all of them).
  const isKnown = client !== "" && !clients[client].finish;
  if (policy.vnetHdr === 0 && (accepted(policy) & Feature.CSUM) !== 0 && !isKnown) {
    found.push(
      "accepts csum, but its socket has no header to say that a checksum is unfinished; libkrun's " +
        "guests drop such frames: use client=krunkit-offload or finish=on if this is one",
    );
  }
  if ((policy.sends & LARGE) !== 0 && policy.maxFrame < LONGEST_NEEDED) {
    found.push(
      `its VM may send frames of ${LONGEST_NEEDED} bytes and max-frame is ${policy.maxFrame}; ` +
        "longer ones are dropped",
    );
  }
  return found;
}
