/**
 * Sockets by launchd's names: launch_activate_socket(3), macOS 10.10 and later.
 *
 * launchd tells a name once; what it hands out is a list, since one entry of `Sockets` may be several. It was
 * written from Apple's manual and has not run on a Mac.
 *
 * @module
 */
import { Unpassed } from "./activation.ts";
import { cString } from "./c_string.ts";
import { fromDarwin } from "./darwin_errno.ts";
import { LIBSYSTEM_PATH } from "./darwin_libc.ts";

/** The functions of libSystem it needs. */
export const LAUNCHD = {
  // int launch_activate_socket(const char *name, int **fds, size_t *cnt)
  launch_activate_socket: { parameters: ["buffer", "buffer", "buffer"], result: "i32" },
  free: { parameters: ["pointer"], result: "void" },
  close: { parameters: ["i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** Their callable form; a test passes its own. */
export type LaunchdSymbols = Pick<
  Deno.DynamicLibrary<typeof LAUNCHD>["symbols"],
  keyof typeof LAUNCHD
>;

/** Darwin's numbers that it returns (it does not set errno). */
const ENOENT = 2, ESRCH = 3, EALREADY = 37;

/** The descriptor that launchd passed under `name`, or a number of {@linkcode Unpassed}. */
export function launchdSocket(name: string, c: LaunchdSymbols): number {
  const list = new BigUint64Array(1), count = new BigUint64Array(1);
  const error = c.launch_activate_socket(cString(name), list, count);
  if (error === ESRCH) return Unpassed.NOBODY;
  if (error === EALREADY) return Unpassed.TAKEN;
  if (error === ENOENT) return Unpassed.UNKNOWN;
  if (error !== 0) return -fromDarwin(error);
  const pointer = Deno.UnsafePointer.create(list[0]);
  if (pointer === null) return Unpassed.UNKNOWN;
  const fds = descriptors(pointer, Number(count[0]));
  c.free(pointer);
  if (fds.length === 1) return fds[0];
  for (const fd of fds) c.close(fd);
  return fds.length === 0 ? Unpassed.UNKNOWN : Unpassed.SEVERAL;
}

/** As {@linkcode launchdSocket}, of this process. */
export function launchdSocketOfThis(name: string): number {
  const library = Deno.dlopen(LIBSYSTEM_PATH, LAUNCHD);
  try {
    return launchdSocket(name, library.symbols);
  } finally {
    library.close();
  }
}

function descriptors(pointer: Deno.PointerObject, count: number): number[] {
  const view = new Deno.UnsafePointerView(pointer);
  return Array.from({ length: count }, (_, i) => view.getInt32(4 * i));
}
