/**
 * A folder for the sockets of the self-test, in which their paths fit.
 *
 * A socket's path is short, 103 bytes on macOS, and half of that is its temporary folder. Where there is no room, every
 * question would fail for that reason and none for its own; so it is said once, before any.
 *
 * @module
 */
import { Exit, Failure } from "../control/failure.ts";
import { temporaryFolder } from "../demo/folder.ts";
import { DARWIN, LINUX } from "../platform/abi.ts";

/** Short, since a process that asks has a folder within that of the process that reports. */
const PREFIX = "vs-";
/** Longest name of such a folder: its slash, prefix and 16 digits. */
const FOLDER_BYTES = 1 + PREFIX.length + 16;
/** Longest name in a folder, with its slash; see {@linkcode Bench.folder}. */
const NAME_BYTES = 13;
/** The least of all systems: asking this one would be a foreign call, which the process that reports makes none of. */
const PATH_LIMIT = Math.min(LINUX.socketAddress.pathLimit, DARWIN.socketAddress.pathLimit);

/**
 * Make one.
 *
 * @param shared processes that ask have theirs in it
 * @throws Failure when there is no place for it, or its path is too long (usage)
 */
export async function socketFolder(shared: boolean): Promise<string> {
  const folder = await temporaryFolder(PREFIX);
  const bytes = new TextEncoder().encode(folder.slice(0, folder.lastIndexOf("/"))).byteLength;
  const most = PATH_LIMIT - NAME_BYTES - (shared ? 2 : 1) * FOLDER_BYTES;
  if (bytes <= most) return folder;
  await Deno.remove(folder);
  throw new Failure(
    `Cannot put sockets into the temporary folder: its path is ${bytes} bytes, the limit is ` +
      `${most}; write TMPDIR=/tmp vswitch self-test`,
    Exit.USAGE,
  );
}
