/**
 * Descriptors of the fake kernel, and readiness over them: level-triggered, and edge-triggered for counters.
 *
 * @module
 */
import { Errno } from "../../src/platform/errno.ts";
import { Ready } from "../../src/platform/kernel.ts";
import type { FakeKqueue } from "./fake_kqueue.ts";
import type { FakeFile } from "./fake_sharing.ts";
import { type FakeProcess, type FakeSocket, Refused } from "./fake_socket.ts";

/** What a descriptor stands for. */
export type Open =
  | { readonly kind: "socket"; readonly socket: FakeSocket }
  /** A counter; `additions` says how often something was added to it. */
  | { readonly kind: "wake"; count: number; additions: number }
  | { readonly kind: "exit"; readonly process: FakeProcess }
  /** A file that is memory. */
  | { readonly kind: "memory"; readonly file: FakeFile }
  /** A folder, locked; on Darwin once it says so. */
  | { readonly kind: "folder"; readonly path: string; locked?: boolean }
  | { readonly kind: "kqueue"; readonly queue: FakeKqueue }
  /** The writing end of a pipe; `taken` is what was written. */
  | { readonly kind: "pipe"; readonly taken: number[]; broken: boolean };

/** Flags of a descriptor that {@linkcode Kernel.adopt} sets. */
export interface Flags {
  nonBlocking: boolean;
  closeOnExec: boolean;
}

function readiness(open: Open): number {
  switch (open.kind) {
    case "socket":
      return open.socket.readiness;
    case "wake":
      return Ready.WRITE | (open.count > 0 ? Ready.READ : 0);
    case "folder":
    case "kqueue":
    case "memory":
      return 0;
    case "exit":
      return open.process.ended ? Ready.READ | Ready.GONE : 0;
    case "pipe":
      return Ready.WRITE | (open.broken ? Ready.GONE : 0);
  }
}

interface Watch {
  token: number;
  interest: number;
  /** Additions to a counter when it was last reported; -1 when it was not since it is watched so. */
  seen: number;
}

/** The descriptor table of one process with its epoll: the lowest free number is given out next. */
export class FakeDescriptors {
  readonly #open = new Map<number, { open: Open; flags: Flags }>();
  /** In the order they are looked at: who was reported goes to the end, so nobody starves. */
  readonly #watched = new Map<number, Watch>();

  /** Descriptors in use, 0 to 2 not counted. */
  get all(): number[] {
    return [...this.#open.keys()];
  }

  /** @param from the lowest number it may get */
  add(open: Open, flags: Flags = { nonBlocking: true, closeOnExec: true }, from = 3): number {
    let fd = from;
    while (this.#open.has(fd)) fd++;
    this.#open.set(fd, { open, flags });
    return fd;
  }

  get(fd: number): Open {
    return this.#entry(fd).open;
  }

  find(fd: number): Open | undefined {
    return this.#open.get(fd)?.open;
  }

  flags(fd: number): Flags {
    return this.#entry(fd).flags;
  }

  /** A closed descriptor is not watched any more. */
  remove(fd: number): Open {
    const { open } = this.#entry(fd);
    this.#open.delete(fd);
    this.#watched.delete(fd);
    return open;
  }

  watch(fd: number, token: number, interest: number): number {
    this.#entry(fd);
    if (this.#watched.has(fd)) throw new Refused(Errno.EEXIST);
    this.#demandCounter(fd, interest);
    this.#watched.set(fd, { token, interest, seen: -1 });
    return 0;
  }

  rewatch(fd: number, token: number, interest: number): number {
    this.#entry(fd);
    const entry = this.#watched.get(fd);
    if (entry === undefined) throw new Refused(Errno.ENOENT);
    this.#demandCounter(fd, interest);
    Object.assign(entry, { token, interest, seen: -1 });
    return 0;
  }

  unwatch(fd: number): number {
    this.#entry(fd);
    if (!this.#watched.delete(fd)) throw new Refused(Errno.ENOENT);
    return 0;
  }

  /** Fill in who is ready; `lost` tells if a WRITE event of this descriptor is lost. */
  collect(tokens: Int32Array, bits: Int32Array, lost: (fd: number) => boolean): number {
    let n = 0;
    for (const [fd, entry] of [...this.#watched]) {
      if (n === tokens.length) break;
      let ready = readiness(this.get(fd)) & (entry.interest | Ready.GONE);
      if ((ready & Ready.WRITE) !== 0 && lost(fd)) ready &= ~Ready.WRITE;
      if (ready === 0 || this.#isOld(fd, entry)) continue;
      tokens[n] = entry.token;
      bits[n++] = ready;
      this.#watched.delete(fd);
      this.#watched.set(fd, entry);
    }
    return n;
  }

  /** An edge of anything else is nothing the switch asks for, or the fake would know. */
  #demandCounter(fd: number, interest: number): void {
    if ((interest & Ready.EDGE) === 0) return;
    const right = this.get(fd).kind === "wake" && interest === (Ready.READ | Ready.EDGE);
    if (!right) throw new Error(`Cannot watch ${fd} for edges: only counters, only with READ`);
  }

  /** True if nothing was added to a counter since its last report; else this is one. */
  #isOld(fd: number, entry: Watch): boolean {
    const open = this.get(fd);
    if ((entry.interest & Ready.EDGE) === 0 || open.kind !== "wake") return false;
    if (entry.seen === open.additions) return true;
    entry.seen = open.additions;
    return false;
  }

  #entry(fd: number): { open: Open; flags: Flags } {
    const entry = this.#open.get(fd);
    if (entry === undefined) throw new Refused(Errno.EBADF);
    return entry;
  }
}
