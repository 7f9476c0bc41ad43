/**
 * One `--port` value to a {@linkcode PortConfig}: `[NAME=][KIND:]TARGET[,OPTION[=VALUE]]...`.
 *
 * A comma always starts an option, as in QEMU's and socat's arguments; so a path with a comma cannot be
 * written, and what looks like one is told so.
 *
 * @module
 */
import { PORT_DEFAULTS, type PortConfig } from "../port/config.ts";
import type { Environment, Kind } from "./environment.ts";
import { refuseForeign } from "./kind_options.ts";
import { PORT_OPTIONS, type Values } from "./options.ts";
import { readPortHead } from "./port_head.ts";
import { readPolicy } from "./port_policy.ts";
import { editDistance } from "./suggest.ts";
import { unknownPortOption } from "./unknown_port_option.ts";
import { quote, UsageError } from "./usage_error.ts";
import { describeValue, nearValue, readValue, type Value } from "./value.ts";

type PortValues = Values<typeof PORT_OPTIONS>;

/** Ends the reading of a port with a reason. */
type Refuse = (reason: string) => never;

/** Reads one port; throws a {@linkcode UsageError} that quotes `text`. */
export function parsePort(text: string, environment: Environment): PortConfig {
  const refuse: Refuse = (reason) => {
    throw new UsageError(`Cannot use --port ${quote(text)}: ${reason}`);
  };
  const [first, ...pieces] = text.split(",");
  const head = readPortHead(first, environment, refuse);
  const kind = environment.kinds[head.kind];
  const given = readPortOptions(pieces, kind, environment, refuse);
  refuseForeign(given, head.kind, kind, refuse);
  return {
    ...head,
    clients: given.clients ?? kind.clients,
    full: given.full ?? PORT_OPTIONS.full.default,
    pauseMs: given["pause-ms"] ?? PORT_OPTIONS["pause-ms"].default,
    queue: given.queue ?? PORT_OPTIONS.queue.default,
    ...readPolicy({ given, pieces, ...head, negotiates: kind.shares }, refuse),
    pollUs: given["poll-us"] ?? PORT_OPTIONS["poll-us"].default,
    unsealed: given.unsealed === undefined ? PORT_DEFAULTS.unsealed : given.unsealed === "on",
    mode: given.mode ?? PORT_OPTIONS.mode.default,
    gid: given.group ?? PORT_DEFAULTS.gid,
    maxMacs: given["max-macs"] ?? PORT_OPTIONS["max-macs"].default,
  };
}

function readPortOptions(
  pieces: readonly string[],
  kind: Kind,
  environment: Environment,
  refuse: Refuse,
): PortValues {
  const given: Record<string, string | number> = {};
  for (const piece of pieces) {
    const [name, ...rest] = piece.split("=");
    if (!isPortOption(name)) return refuse(unknownPortOption(name, piece, kind));
    if (Object.hasOwn(given, name)) refuse(`${name} is given twice; keep one of them`);
    given[name] = readPortValue(name, rest.join("="), environment, refuse);
  }
  return given as PortValues;
}

function isPortOption(name: string): name is keyof typeof PORT_OPTIONS {
  return Object.hasOwn(PORT_OPTIONS, name);
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
  const near = misplaced(name, text) ?? nearValue(value, text);
  const state = value.kind === "group"
    ? `there is no group ${quote(text)}`
    : `${name} is ${quote(text)}`;
  return refuse(`${state}; give ${describeValue(value)}${near}`);
}

/** For a value of an option whose name is nearly the same (clients, client): that one is meant. */
function misplaced(name: string, text: string): string | undefined {
  const other = Object.entries<{ value: Value }>(PORT_OPTIONS).find(([other, { value }]) =>
    editDistance(name, other) === 1 && value.kind === "choice" && value.values.includes(text)
  );
  return other === undefined ? undefined : `; did you mean ${other[0]}=${text}?`;
}
