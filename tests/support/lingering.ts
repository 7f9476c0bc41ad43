/**
 * A descriptor that is slow to close: a TCP socket with a linger time and data that nobody takes. Whoever closes
 * it last waits for that time.
 *
 * @module
 */
const AF_INET = 2, STREAM_CLOEXEC = 1 | 0o2000000, SOL_SOCKET = 1, SO_LINGER = 13;
const DONTWAIT_NOSIGNAL = 0x40 | 0x4000;

const LIBC = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  accept: { parameters: ["i32", "pointer", "pointer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

function ok(result: number): number {
  if (result < 0) throw new Error("Cannot make a TCP connection on the loopback interface");
  return result;
}

/** See the head of this file. Disposing of it ends the waiting of whoever closes it. */
export class Lingering implements Disposable {
  readonly fd: number;
  // Opened here and not with the module, which is imported on systems that have no such library.
  readonly #library = Deno.dlopen("libc.so.6", LIBC);
  readonly #libc = this.#library.symbols;
  readonly #sink: number;
  #ours = true;

  constructor(seconds: number) {
    const libc = this.#libc;
    const listener = ok(libc.socket(AF_INET, STREAM_CLOEXEC, 0));
    const address = new Uint8Array([AF_INET, 0, 0, 0, 127, 0, 0, 1, ...new Uint8Array(8)]);
    ok(libc.bind(listener, address, address.length));
    ok(libc.listen(listener, 1));
    ok(libc.getsockname(listener, address, Int32Array.of(address.length)));
    this.fd = ok(libc.socket(AF_INET, STREAM_CLOEXEC, 0));
    ok(libc.connect(this.fd, address, address.length));
    this.#sink = ok(libc.accept(listener, null, null));
    libc.close(listener);
    this.#linger(seconds);
    const bytes = new Uint8Array(1 << 16);
    while (libc.send(this.fd, bytes, BigInt(bytes.length), DONTWAIT_NOSIGNAL) > 0);
  }

  /** Somebody else closes it. */
  given(): void {
    this.#ours = false;
  }

  /** It is on its way in a message: close our own, which is not the last. */
  letGo(): void {
    this.given();
    this.#libc.close(this.fd);
  }

  [Symbol.dispose](): void {
    if (this.#ours) {
      this.#linger(0);
      this.#libc.close(this.fd);
    }
    this.#libc.close(this.#sink);
    this.#library.close();
  }

  #linger(seconds: number): void {
    ok(this.#libc.setsockopt(this.fd, SOL_SOCKET, SO_LINGER, Int32Array.of(1, seconds), 8));
  }
}
