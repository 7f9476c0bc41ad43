/**
 * Writes a tar archive that depends on nothing but names and contents: sorted, without times and owners, so
 * that the same files give the same bytes.
 *
 * The format is ustar (POSIX pax, "ustar Interchange Format"): a header of 512 bytes a file, its contents
 * padded to 512, and two empty blocks at the end.
 *
 * @module
 */

/** A regular file of the archive. */
export interface TarFile {
  /** At most 100 bytes, with no folder. */
  readonly name: string;
  /** Permission bits. */
  readonly mode: number;
  readonly bytes: Uint8Array;
}

const BLOCK = 512;
/** Offsets and lengths of the header's fields; numbers are octal digits and a NUL. */
const FIELD = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  magic: [257, 8],
} as const;

/** An archive of these files, sorted by name. */
export function tar(files: readonly TarFile[]): Uint8Array {
  const sorted = files.toSorted((a, b) => a.name < b.name ? -1 : 1);
  const total = sorted.reduce((sum, { bytes }) => sum + BLOCK + padded(bytes.byteLength), 0);
  const archive = new Uint8Array(total + 2 * BLOCK);
  let at = 0;
  for (const file of sorted) {
    archive.set(header(file), at);
    archive.set(file.bytes, at + BLOCK);
    at += BLOCK + padded(file.bytes.byteLength);
  }
  return archive;
}

function padded(length: number): number {
  return Math.ceil(length / BLOCK) * BLOCK;
}

function header({ name, mode, bytes }: TarFile): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const put = ([at, length]: readonly [number, number], text: string) => {
    const field = new TextEncoder().encode(text);
    if (field.byteLength > length) {
      throw new RangeError(`Cannot archive ${name}: "${text}" is longer than ${length} bytes`);
    }
    block.set(field, at);
  };
  const octal = ([, length]: readonly [number, number], value: number) =>
    value.toString(8).padStart(length - 1, "0");
  put(FIELD.name, name);
  put(FIELD.mode, octal(FIELD.mode, mode));
  put(FIELD.uid, octal(FIELD.uid, 0));
  put(FIELD.gid, octal(FIELD.gid, 0));
  put(FIELD.size, octal(FIELD.size, bytes.byteLength));
  put(FIELD.mtime, octal(FIELD.mtime, 0));
  put(FIELD.checksum, " ".repeat(8)); // the sum counts itself as blanks
  put(FIELD.type, "0");
  put(FIELD.magic, "ustar\x0000");
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(FIELD.checksum, `${sum.toString(8).padStart(6, "0")}\0 `);
  return block;
}
