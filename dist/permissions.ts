/**
 * What the program is allowed to do, spelled out once for every package.
 *
 * Calling the C library can do anything its user may do, so this is no sandbox; it says what the program
 * itself uses, and anything else fails at once (`--no-prompt`) instead of asking a terminal that nobody
 * watches. `--allow-ffi` names no library: with a name, Deno looks for that file in the current folder.
 *
 * @module
 */

/** Permission flags of `deno run` and `deno compile`. */
export const PERMISSIONS: readonly string[] = [
  "--no-prompt",
  "--allow-ffi", // sockets, epoll, the frames' memory
  "--allow-read", // its own file for the engine's thread, /etc/group, the pid file
  "--allow-write", // the pid file, the demo's folder, the self-test's dangling link
  "--allow-sys", // to close the debugger that Deno opens on SIGUSR1 (the flag has no name for it alone); self-test
  "--allow-env=VSWITCH_SENDMSG_X", // macOS: whether its bulk calls are used
  "--allow-run", // signal 0: does the process a pid file names still live?; the self-test's processes
];

/** Flags of `deno run` for a bundle that must look at nothing but itself. */
export const RUN_FLAGS: readonly string[] = [
  "--quiet",
  "--no-config",
  "--no-lock",
  "--no-remote",
  "--no-npm",
  ...PERMISSIONS,
];
