/**
 * What the benches write: results on stdout, progress on stderr, so that a pipe gets results only.
 *
 * @module
 */

const encoder = new TextEncoder();

/** A line of results on stdout. */
export function print(line = ""): void {
  write(Deno.stdout, `${line}\n`);
}

/** What is being done now, on stderr; on a terminal each overwrites the last, "" clears it. */
export function progress(text: string): void {
  if (Deno.stderr.isTerminal()) write(Deno.stderr, `\r\x1b[K${text}`);
  else if (text !== "") write(Deno.stderr, `${text}\n`);
}

/** Say on stderr what went wrong; the exit code will be 1. */
export function complain(error: unknown): void {
  progress("");
  write(Deno.stderr, `${error instanceof Error ? error.message : error}\n`);
  Deno.exitCode = 1;
}

/** Say what is missing and end with exit code 1, before anything is started. */
export function giveUp(text: string): never {
  complain(text);
  Deno.exit(1);
}

function write(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let bytes = encoder.encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
}
