/**
 * Values of options: what there may be, how the text is read, and the phrase that tells a user what to
 * give. Help and error messages use the same phrase, so they cannot differ.
 *
 * @module
 */
import { FEATURE_NAMES, formatFeatures, parseFeatures } from "../offload/features.ts";
import { didYouMean } from "./suggest.ts";
import { listed } from "./usage_error.ts";

/** What an option takes. Ranges include both ends. */
export type Value =
  | { readonly kind: "flag" }
  /** Any text; `what` says which, as it stands after "give". */
  | { readonly kind: "text"; readonly what: string }
  | { readonly kind: "choice"; readonly values: readonly string[] }
  | { readonly kind: "integer" | "decimal"; readonly unit?: string } & Range
  /** Bytes; K and M behind the number stand for KiB and MiB. */
  | { readonly kind: "size" } & Range
  /** Permission bits. */
  | { readonly kind: "octal" } & Range
  /** A group's name or number; read as its number. */
  | { readonly kind: "group" }
  /** Names of offload features with + between them, or `none`; read as a set of their bits. */
  | { readonly kind: "features" };

interface Range {
  readonly min: number;
  readonly max: number;
}

/** What reading a {@linkcode Value} gives. */
export type ValueOf<V extends Value> = V extends { kind: "flag" } ? boolean
  : V extends { kind: "choice"; values: readonly (infer C)[] } ? C
  : V extends { kind: "text" } ? string
  : number;

/** Finds the number of a group by its name; undefined when there is no such group. */
export type GroupLookup = (name: string) => number | undefined;

/** Highest group number; the one above means "leave it" to chown(2). */
const MAX_GID = 0xffff_fffe;

const within = (number: number, range: Range): number | undefined =>
  number >= range.min && number <= range.max ? number : undefined;

/** The text as a value, or undefined when it is not one; a flag has no text. */
export function readValue(
  value: Value,
  text: string,
  groupId: GroupLookup,
): string | number | undefined {
  switch (value.kind) {
    case "flag":
      return undefined;
    case "text":
      return text;
    case "choice":
      return value.values.includes(text) ? text : undefined;
    case "integer":
      return /^\d{1,15}$/.test(text) ? within(Number(text), value) : undefined;
    case "decimal":
      return /^\d{1,15}(\.\d{1,15})?$/.test(text) ? within(Number(text), value) : undefined;
    case "octal":
      return /^[0-7]{1,9}$/.test(text) ? within(parseInt(text, 8), value) : undefined;
    case "size":
      return readSize(text, value);
    case "group":
      if (!/^\d+$/.test(text)) return groupId(text);
      return within(Number(text), { min: 0, max: MAX_GID });
    case "features":
      return parseFeatures(text);
  }
}

function readSize(text: string, range: Range): number | undefined {
  const match = /^(\d{1,15})([KM]?)$/i.exec(text);
  if (match === null) return undefined;
  const factor = { "": 1, K: 1 << 10, M: 1 << 20 }[match[2].toUpperCase()]!;
  return within(Number(match[1]) * factor, range);
}

/** Bytes in the largest unit that divides them: `128K`, `1M`, `65550`. */
export function formatSize(bytes: number): string {
  if (bytes > 0 && bytes % (1 << 20) === 0) return `${bytes >> 20}M`;
  if (bytes > 0 && bytes % (1 << 10) === 0) return `${bytes >> 10}K`;
  return `${bytes}`;
}

/** What to give for a value, as it stands after "give". */
export function describeValue(value: Value): string {
  switch (value.kind) {
    case "flag":
      return "no value";
    case "text":
      return value.what;
    case "choice":
      return listed(value.values, "or");
    case "integer":
      return `a whole number${
        value.unit ? ` of ${value.unit}` : ""
      } from ${value.min} to ${value.max}`;
    case "decimal":
      return `${value.unit ?? "a number"} from ${value.min} to ${value.max}`;
    case "octal":
      return `an octal number from ${value.min.toString(8)} to ${value.max.toString(8)}`;
    case "size":
      return `bytes from ${formatSize(value.min)} to ${formatSize(value.max)} (K: KiB, M: MiB)`;
    case "group":
      return "the name or number of a group of this machine";
    case "features":
      return `none, or any of ${FEATURE_NAMES.join(" ")} with + between them`;
  }
}

/** `; did you mean X?` for a text that is no such value, or nothing. */
export function nearValue(value: Value, text: string): string {
  if (value.kind === "choice") return didYouMean(text, value.values);
  if (value.kind !== "features") return "";
  const wrong = text.split("+").find((word) => parseFeatures(word) === undefined) ?? text;
  return didYouMean(wrong, [...FEATURE_NAMES, "none"]);
}

/** A default as a user would write it. */
export function formatValue(value: Value, what: string | number): string {
  if (value.kind === "octal") return what.toString(8).padStart(4, "0");
  if (value.kind === "features") return formatFeatures(Number(what));
  return value.kind === "size" ? formatSize(Number(what)) : `${what}`;
}
