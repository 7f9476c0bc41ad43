/**
 * What a path is, by the runtime's own lstat: the one thing no system call of ours is needed for.
 *
 * @module
 */
import type { PathInfo } from "./kernel.ts";

/** See Kernel.stat. */
export function pathInfo(path: string): PathInfo | undefined {
  try {
    const info = Deno.lstatSync(path);
    const kind = info.isSocket
      ? "socket"
      : info.isFile
      ? "file"
      : info.isDirectory
      ? "directory"
      : info.isSymlink
      ? "symlink"
      : "other";
    // Inode numbers are used again at once; the time tells two files apart.
    const identity = `${info.dev}:${info.ino}:${info.mtime?.getTime() ?? 0}`;
    return { kind, identity, mode: (info.mode ?? 0) & 0o7777, uid: info.uid ?? -1 };
  } catch {
    return undefined;
  }
}
