/**
 * Socket pairs that two children inherit, one end each: what a launcher makes for `fd` ports.
 *
 * Both ends are close-on-exec from birth, so no other child ever holds one by accident and the end of a
 * peer is seen as the end of the socket. {@linkcode inheriting} lifts the flag for one spawn.
 *
 * @module
 */
const AF_UNIX = 1, CLOEXEC = 0o2000000, F_SETFD = 2, FD_CLOEXEC = 1;

// opened once for the life of the test process: a library cannot be closed while a pair is in use
const libc = Deno.dlopen("libc.so.6", {
  socketpair: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
}).symbols;

/** A connected pair of unix sockets. Dispose of it once both children hold their end. */
export class DescriptorPair implements Disposable {
  readonly near: number;
  readonly far: number;
  #open = true;

  constructor(type: "stream" | "dgram") {
    const ends = new Int32Array(2);
    if (libc.socketpair(AF_UNIX, (type === "stream" ? 1 : 2) | CLOEXEC, 0, ends) !== 0) {
      throw new Error(`Cannot make a ${type} socket pair`);
    }
    [this.near, this.far] = ends;
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    libc.close(this.near);
    libc.close(this.far);
  }
}

/** Run `spawn` while these descriptors, and no others, pass to the child. */
export function inheriting<T>(descriptors: readonly number[], spawn: () => T): T {
  const setFlag = (flag: number) => {
    for (const fd of descriptors) {
      if (libc.fcntl(fd, F_SETFD, flag) !== 0) {
        throw new Error(`Cannot pass descriptor ${fd} to a child: it is not open`);
      }
    }
  };
  setFlag(0);
  try {
    return spawn();
  } finally {
    setFlag(FD_CLOEXEC);
  }
}
