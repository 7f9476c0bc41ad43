/**
 * Puts a shell text and an archive together to one file that unpacks and runs itself; see launcher.sh.
 *
 * @module
 */
import { gzipSync } from "node:zlib";
import { RUN_FLAGS } from "./permissions.ts";
import { tar } from "./tar.ts";

/** What a self-extracting file is made of. */
export interface Parts {
  readonly version: string;
  /** The machine it is for, as `uname -sm` prints it. */
  readonly system: string;
  readonly deno: Uint8Array;
  readonly bundle: Uint8Array;
  readonly notice: string;
}

/**
 * The file. The same parts give the same bytes.
 *
 * @param launcher text of launcher.sh, whose `@NAME@` words are filled in
 */
export async function selfExtracting(launcher: string, parts: Parts): Promise<Uint8Array> {
  const archive = tar([
    { name: "deno", mode: 0o700, bytes: parts.deno },
    { name: "vswitch.js", mode: 0o600, bytes: parts.bundle },
    { name: "NOTICE", mode: 0o600, bytes: new TextEncoder().encode(parts.notice) },
  ]);
  // 9 costs some seconds more than 6, once, and saves half a megabyte on every download.
  const payload = gzipSync(archive, { level: 9 });
  const text = new TextEncoder().encode(fill(launcher, {
    VERSION: parts.version,
    SYSTEM: parts.system,
    LINES: String(launcher.split("\n").length), // the first line behind the text, counted from 1
    SUM: await sum16(archive),
    DENO_BYTES: String(parts.deno.byteLength),
    BUNDLE_BYTES: String(parts.bundle.byteLength),
    FLAGS: RUN_FLAGS.join(" "),
  }));
  const file = new Uint8Array(text.byteLength + payload.byteLength);
  file.set(text);
  file.set(payload, text.byteLength);
  return file;
}

/** Names the unpack folder: other contents, another folder. */
async function sum16(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", Uint8Array.from(bytes));
  return new Uint8Array(digest).toHex().slice(0, 16);
}

function fill(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(/@([A-Z_]+)@/g, (word, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`launcher.sh has ${word}, which nothing fills in`);
    return value;
  });
}
