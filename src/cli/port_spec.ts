/**
 * One `--port` value to a {@linkcode PortConfig}: `[NAME=][KIND:]TARGET[,OPTION[=VALUE]]...`.
 *
 * A comma always starts an option, as in QEMU's and socat's arguments; so a path with a comma cannot be
 * written, and what looks like one is told so.
 *
 * @module
 */
import { MIN_FRAME, PORT_DEFAULTS, type PortConfig } from "../port/config.ts";
import type { Environment } from "./environment.ts";
import { PORT_OPTIONS, type Values } from "./options.ts";
import { readPortHead } from "./port_head.ts";
import { didYouMean } from "./suggest.ts";
import { quote, UsageError } from "./usage_error.ts";
import { describeValue, readValue } from "./value.ts";

type PortValues = Values<typeof PORT_OPTIONS>;

/** What a frame has on top of an IP packet: an Ethernet header and two VLAN tags. */
const FRAME_OVER_MTU = MIN_FRAME + 2 * 4;

/** Ends the reading of a port with a reason. */
type Refuse = (reason: string) => never;

/** Reads one port; throws a {@linkcode UsageError} that quotes `text`. */
export function parsePort(text: string, environment: Environment): PortConfig {
  const refuse: Refuse = (reason) => {
    throw new UsageError(`Cannot use --port ${quote(text)}: ${reason}`);
  };
  const [first, ...pieces] = text.split(",");
  const head = readPortHead(first, environment.kinds, refuse);
  const kind = environment.kinds[head.kind];
  const given = readPortOptions(pieces, environment, refuse);
  if (kind.target === "descriptor") {
    for (const name of ["mode", "group"] as const) {
      if (given[name] !== undefined) {
        refuse(
          `${name} is for socket files that vswitch makes, not for ${head.kind}; leave it out`,
        );
      }
    }
  }
  return {
    ...head,
    clients: given.clients ?? kind.clients,
    full: given.full ?? PORT_OPTIONS.full.default,
    pauseMs: given["pause-ms"] ?? PORT_OPTIONS["pause-ms"].default,
    queue: given.queue ?? PORT_OPTIONS.queue.default,
    mtu: given.mtu ?? PORT_DEFAULTS.mtu,
    maxFrame: longestFrame(given, refuse),
    mode: given.mode ?? PORT_OPTIONS.mode.default,
    gid: given.group ?? PORT_DEFAULTS.gid,
    maxMacs: given["max-macs"] ?? PORT_OPTIONS["max-macs"].default,
  };
}

function longestFrame(given: PortValues, refuse: Refuse): number {
  const { mtu, "max-frame": maxFrame } = given;
  if (mtu === undefined) return maxFrame ?? PORT_OPTIONS["max-frame"].default;
  // No longer than the default: some clients cannot bear more.
  if (maxFrame === undefined) return Math.min(mtu + FRAME_OVER_MTU, PORT_DEFAULTS.maxFrame);
  if (maxFrame < mtu + MIN_FRAME) {
    refuse(
      `mtu ${mtu} needs frames of ${mtu + MIN_FRAME} bytes and max-frame is ${maxFrame}; ` +
        `leave max-frame out, it follows mtu`,
    );
  }
  return maxFrame;
}

function readPortOptions(
  pieces: readonly string[],
  environment: Environment,
  refuse: Refuse,
): PortValues {
  const given: Record<string, string | number> = {};
  for (const piece of pieces) {
    const [name, ...rest] = piece.split("=");
    if (!isPortOption(name)) return refuse(unknownPortOption(name, piece));
    if (Object.hasOwn(given, name)) refuse(`${name} is given twice; keep one of them`);
    given[name] = readPortValue(name, rest.join("="), environment, refuse);
  }
  return given as PortValues;
}

function isPortOption(name: string): name is keyof typeof PORT_OPTIONS {
  return Object.hasOwn(PORT_OPTIONS, name);
}

function unknownPortOption(name: string, piece: string): string {
  const names = Object.keys(PORT_OPTIONS);
  if (piece === "") return "there is nothing after a comma; remove the comma";
  if (name === piece && /[/.]/.test(piece)) {
    return `a comma starts an option and ${quote(piece)} is none; a path cannot contain a comma`;
  }
  const hint = didYouMean(name, names);
  return `${quote(name)} is not an option of a port${hint || `; there are ${names.join(", ")}`}`;
}

function readPortValue(
  name: keyof typeof PORT_OPTIONS,
  text: string,
  environment: Environment,
  refuse: Refuse,
): string | number {
  const { value, metavar } = PORT_OPTIONS[name];
  if (text === "") {
    refuse(`${name} has no value; write ${name}=${metavar}: ${describeValue(value)}`);
  }
  const read = readValue(value, text, environment.groupId);
  if (read !== undefined) return read;
  const near = value.kind === "choice" ? didYouMean(text, value.values) : "";
  const state = value.kind === "group"
    ? `there is no group ${quote(text)}`
    : `${name} is ${quote(text)}`;
  return refuse(`${state}; give ${describeValue(value)}${near}`);
}
