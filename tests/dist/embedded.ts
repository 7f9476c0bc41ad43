/**
 * Reads what `deno compile` put into an executable, without running it.
 *
 * Deno appends an ELF note (section `.note.sui`) that holds, each behind its length as a little-endian u64:
 * the metadata as JSON, npm's snapshot, remote modules (three u32 counts), the file table as JSON, and the
 * files' contents. Lengths, not layouts of other versions, lead through it, and every surprise throws.
 *
 * @module
 */

/** The part of Deno's metadata that matters here. */
export interface Metadata {
  readonly entrypoint_key: string;
  readonly code_cache_key: unknown;
  readonly app_name: string;
  readonly argv: readonly string[];
  readonly permissions: Readonly<Record<string, readonly string[] | boolean | null>>;
}

/** What an executable holds. */
export interface Embedded {
  readonly metadata: Metadata;
  /** The file table as Deno wrote it. */
  readonly files: readonly unknown[];
  /** Contents of all its files, one behind the other. */
  readonly contents: Uint8Array;
}

const MAGIC = new TextEncoder().encode("d3n0l4nd");

/** Read an ELF executable. */
export function readEmbedded(program: Uint8Array): Embedded {
  const note = section(program, ".note.sui");
  const first = indexOf(note, MAGIC, 0);
  const start = indexOf(note, MAGIC, first + 1); // once for the finder, once for the payload
  const reader = new Reader(note, start + MAGIC.byteLength);
  const metadata = JSON.parse(reader.text()) as Metadata;
  const npm = reader.bytes();
  const remote = [reader.count(), reader.count(), reader.count()]; // specifiers, redirects, modules
  if (npm.byteLength > 0 || remote.some((count) => count > 0)) {
    throw new Error("the executable embeds npm packages or remote modules");
  }
  return {
    metadata,
    files: JSON.parse(reader.text()) as unknown[],
    contents: reader.bytes(),
  };
}

/** Contents of a section by its name (ELF-64, little endian). */
function section(program: Uint8Array, name: string): Uint8Array {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const long = (at: number) => Number(view.getBigUint64(at, true));
  const table = long(0x28), size = view.getUint16(0x3a, true), count = view.getUint16(0x3c, true);
  const header = (i: number) => table + i * size;
  const content = (at: number) => program.subarray(long(at + 24), long(at + 24) + long(at + 32));
  const names = content(header(view.getUint16(0x3e, true)));
  for (let i = 0; i < count; i++) {
    const from = view.getUint32(header(i), true);
    const found = new TextDecoder().decode(names.subarray(from, names.indexOf(0, from)));
    if (found === name) return content(header(i));
  }
  throw new Error(`the executable has no section ${name}`);
}

function indexOf(bytes: Uint8Array, part: Uint8Array, from: number): number {
  for (let i = bytes.indexOf(part[0], from); i >= 0; i = bytes.indexOf(part[0], i + 1)) {
    if (part.every((byte, j) => bytes[i + j] === byte)) return i;
  }
  throw new Error("the executable has no payload of deno compile");
}

/** Walks over values behind their lengths. */
class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = at;
  }

  count(): number {
    const count = this.#view.getUint32(this.#at, true);
    this.#at += 4;
    return count;
  }

  bytes(): Uint8Array {
    const length = Number(this.#view.getBigUint64(this.#at, true));
    this.#at += 8 + length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  text(): string {
    return new TextDecoder().decode(this.bytes());
  }
}
