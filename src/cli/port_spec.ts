/**
 * One `--port` value to a {@linkcode PortConfig}: `[NAME=][KIND:]TARGET[,OPTION[=VALUE]]...`.
 *
 * A comma always starts an option, as in QEMU's and socat's arguments; so a path with a comma cannot be
 * written, and what looks like one is told so.
 *
 * @module
 */
import { featureOf } from "../offload/features.ts";
import { PORT_DEFAULTS, type PortConfig } from "../port/config.ts";
import type { Environment } from "./environment.ts";
import { refuseForeign } from "./kind_options.ts";
import { PORT_OPTIONS, type Values } from "./options.ts";
import { readPortHead } from "./port_head.ts";
import { readPolicy } from "./port_policy.ts";
import { didYouMean, editDistance } from "./suggest.ts";
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
  const head = readPortHead(first, environment.kinds, refuse);
  const kind = environment.kinds[head.kind];
  const given = readPortOptions(pieces, environment, refuse);
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
  if (featureOf(name) !== 0) {
    return `${
      quote(name)
    } is not an option of a port; features have + between them, as in sends=csum+tso4`;
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
