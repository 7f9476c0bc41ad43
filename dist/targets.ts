/**
 * The machines a package can be made for, and what Deno, npm and uname(1) call each of them.
 *
 * @module
 */

/** Other names of one target. */
interface Names {
  /** npm's package with the deno program for it. */
  readonly npm: string;
  /** What `uname -sm` prints there. */
  readonly uname: string;
}

/** Targets by Deno's name for them. */
export const TARGETS: Readonly<Record<string, Names>> = {
  "x86_64-unknown-linux-gnu": { npm: "@deno/linux-x64-glibc", uname: "Linux x86_64" },
  "aarch64-unknown-linux-gnu": { npm: "@deno/linux-arm64-glibc", uname: "Linux aarch64" },
  "x86_64-apple-darwin": { npm: "@deno/darwin-x64", uname: "Darwin x86_64" },
  "aarch64-apple-darwin": { npm: "@deno/darwin-arm64", uname: "Darwin arm64" },
};

/** The target this machine is. */
export const HOST: string = Deno.build.target;
