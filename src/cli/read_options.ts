/**
 * Words of a command line to values of options: std's parser, and what it lets pass.
 *
 * std reads leniently: a missing value is "", a value for a flag is dropped (and `true` or `false` behind
 * one swallowed), an option given twice keeps its last value, unknown options are kept, and `--no-port=x`
 * is `--port=x`. Here each of these is an error. std never takes a word that starts with a dash as the
 * value of the word before it; the checks in front of it rely on that.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import type { Option, OptionTable, Values } from "./options.ts";
import { unexpectedWord, unknownOption } from "./unknown_option.ts";
import { quote, UsageError } from "./usage_error.ts";
import { describeValue, type GroupLookup, nearValue, readValue } from "./value.ts";

/** Options as they were given. */
export interface Given<T extends OptionTable> {
  /** The value of each option that was given, the first of a repeatable one; flags are always there. */
  readonly values: Values<T>;
  /** Every text of an option that takes a value, in order. */
  readonly all: (name: keyof T & string) => readonly string[];
}

const noGroups: GroupLookup = () => undefined; // no option of a command names a group

/** Reads the words behind the command's name; throws a {@linkcode UsageError} for a wrong one. */
export function readOptions<T extends OptionTable>(words: readonly string[], table: T): Given<T> {
  refuseEmptyWords(words);
  const end = words.indexOf("--");
  refuseWrongOptions(end < 0 ? words : words.slice(0, end), table);
  const found = parse(words, table);
  const values: Record<string, string | number | boolean> = {};
  for (const [name, option] of Object.entries(table)) {
    if (option.value.kind === "flag") values[name] = found[name] === true;
    else {
      const texts = found[name] as readonly string[];
      if (texts.length > 0) values[name] = readTexts(name, option, texts);
    }
  }
  return { values: values as Values<T>, all: (name) => found[name] as readonly string[] };
}

/** std's result, untyped since the names come from a table: booleans for flags, lists of texts for others. */
function parse(words: readonly string[], table: OptionTable): Readonly<Record<string, unknown>> {
  const names = Object.keys(table);
  const others = names.filter((name) => table[name].value.kind !== "flag");
  const found = parseArgs(words, {
    boolean: names.filter((name) => table[name].value.kind === "flag"),
    string: others,
    collect: others,
    alias: Object.fromEntries(names.map((name) => [name, table[name].short ?? []])),
    "--": true,
    unknown: (word) => {
      throw unexpectedWord(word, table); // unknown options do not get this far
    },
  });
  const rest = found["--"] ?? [];
  if (rest.length > 0) throw unexpectedWord(rest[0], table);
  return found;
}

function readTexts(name: string, option: Option, texts: readonly string[]): string | number {
  const { value, repeatable } = option;
  if (texts.length > 1 && repeatable !== true) {
    const given = texts.map((text) => `--${name} ${quote(text)}`).join(" and ");
    throw new UsageError(`Cannot use ${given}: --${name} may be given once; keep one of them`);
  }
  const [text] = texts;
  const read = readValue(value, text, noGroups);
  if (read !== undefined) return read;
  throw new UsageError(
    `Cannot use --${name} ${quote(text)}: give ${describeValue(value)}${nearValue(value, text)}`,
  );
}

function refuseEmptyWords(words: readonly string[]): void {
  const at = words.indexOf("");
  if (at < 0) return;
  const where = at === 0 ? "The first argument" : `The argument after ${quote(words[at - 1])}`;
  throw new UsageError(`${where} is empty; is a variable of the shell not set?`);
}

/** Refuses options that are not in the table, lack their value or have one too many. */
function refuseWrongOptions(words: readonly string[], table: OptionTable): void {
  words.forEach((word, i) => {
    if (!/^-./.test(word)) return;
    const [written] = word.split("=", 1);
    const name = Object.keys(table).find((name) =>
      written === `--${name}` || written === `-${table[name].short}`
    );
    if (name === undefined) throw unknownOption(word, table);
    const next = words[i + 1];
    if (table[name].value.kind !== "flag") {
      if (word === `${written}=`) throw missingValue(name, table[name]);
      if (word === written && /^-|^$/.test(next ?? "")) throw missingValue(name, table[name], next);
    } else if (word !== written) throw superfluousValue(written, word);
    else if (next === "true" || next === "false") {
      throw superfluousValue(written, `${word} ${next}`);
    }
  });
}

function missingValue(name: string, { value }: Option, next?: string): UsageError {
  const where = next === undefined ? "" : ` before ${quote(next)}`;
  return new UsageError(`Missing value of --${name}${where}; give ${describeValue(value)}`);
}

function superfluousValue(option: string, written: string): UsageError {
  return new UsageError(
    `Cannot use ${quote(written)}: ${option} takes no value; write only ${option}`,
  );
}
