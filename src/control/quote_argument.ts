/**
 * Words of the arguments that are shown to users: each reader takes some characters for its own.
 *
 * @module
 */

/** A path in an option of QEMU, which takes two commas for one. */
export function qemuPath(path: string): string {
  return path.replaceAll(",", ",,");
}

/** Quoted for a POSIX shell where it must be. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
