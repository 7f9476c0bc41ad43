/**
 * The one error the command line room throws: the user must change the command.
 *
 * A message says what cannot be used, where it stands and how to write it instead. Words of the user are
 * always in quotes and made printable, so that no control sequence of an argument reaches the terminal.
 *
 * @module
 */

/** A command line that cannot be used; the process ends with 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A word of the user as it is shown in messages. */
export function quote(word: string): string {
  const hex = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(word).replace(/[\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g, hex);
}

/** `a, b or c`, as sentences have it. */
export function listed(words: readonly string[], link: "and" | "or"): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} ${link} ${words.at(-1)}`;
}
