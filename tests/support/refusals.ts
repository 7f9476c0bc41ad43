/**
 * Sends that are refused at random although there is room, as macOS refuses them under load (ENOBUFS).
 *
 * Of a batch a random part goes first. No more than {@linkcode MOST_IN_ROW} sends of one descriptor are refused in a
 * row, those with a reason counted: that is the most the field has seen (libkrun, pull request 556). Now and then a
 * storm begins, in which it is up to {@linkcode STORM_IN_ROW}. What is remembered of each refusal is how long the
 * switch then leaves that descriptor alone.
 *
 * @module
 */
import { Errno } from "../../src/platform/errno.ts";
import { type Kernel, Ready, SocketType } from "../../src/platform/kernel.ts";
import type { LibSystem } from "../../src/platform/darwin_libc.ts";
import { CMemory } from "./fake_c_memory.ts";
import type { FakeDarwinMachine } from "./fake_darwin_machine.ts";
import { fakeLibSystem } from "./fake_libsystem.ts";
import type { FaultCall, Strike } from "./faults.ts";

/** Of all sends this part is refused, in a storm and else. */
const RATE = 1 / 3, STORM_RATE = 0.95;
/** Of those, this part is refused before anything went. */
const AT_ONCE = 0.6;
const MOST_IN_ROW = 5, STORM_IN_ROW = 30;
const DESCRIPTORS = 4096;

/** See the head of this file. Times are in milliseconds. */
export class Refusals {
  /** Sends that took nothing, with a reason or without. */
  refused = 0;
  /** The longest run of them on one descriptor. */
  longestRun = 0;
  /** Longest time from a refusal to the next try. */
  longestPause = 0;
  /** Without it none is refused but for a reason. */
  on = false;
  readonly #roll: () => number;
  readonly #now: () => number;
  readonly #inRow = new Int32Array(DESCRIPTORS);
  readonly #refusedAt = new Float64Array(DESCRIPTORS).fill(Infinity);
  #stormUntil = -Infinity;

  constructor(roll: () => number, now: () => number) {
    this.#roll = roll;
    this.#now = now;
  }

  storm(ms: number): void {
    this.#stormUntil = this.#now() + ms;
  }

  get isStorm(): boolean {
    return this.#now() < this.#stormUntil;
  }

  /** How many of `units` messages or bytes go before the refusal; Infinity: as many as there is room for. */
  before(fd: number, units: number): number {
    this.longestPause = Math.max(this.longestPause, this.#now() - this.#refusedAt[fd]);
    const { isStorm } = this;
    const most = isStorm ? STORM_IN_ROW : MOST_IN_ROW;
    if (!this.on || this.#inRow[fd] >= most) return Infinity;
    if (this.#roll() >= (isStorm ? STORM_RATE : RATE)) return Infinity;
    return this.#roll() < AT_ONCE ? 0 : Math.floor(this.#roll() * units);
  }

  /**
   * What came of the send: a count, or a negative error.
   *
   * @param cut a stream took a part of what it was offered: the rest is the first refusal of a row
   */
  after(fd: number, taken: number, cut: boolean): number {
    if (taken >= 0) {
      this.#inRow[fd] = cut ? 1 : 0;
      this.#refusedAt[fd] = Infinity;
    } else {
      this.refused++;
      this.longestRun = Math.max(this.longestRun, ++this.#inRow[fd]);
      this.#refusedAt[fd] = this.#now();
    }
    return taken;
  }
}

/** Refuse inside the C library: for the third argument of FakeDarwin. */
export function refusingLibrary(refusals: Refusals) {
  return (machine: FakeDarwinMachine): { libc: LibSystem; errno: Int32Array } => {
    const { libc, errno } = fakeLibSystem(machine);
    const { sendmsg, sendmsg_x } = libc, memory = new CMemory(machine.arena);
    let limit = Infinity;
    const strike = machine.faults.strike.bind(machine.faults);
    const struck = (call: FaultCall, fd: number): Strike | undefined =>
      (call === "send" || call === "write") && limit < Infinity
        ? { short: limit }
        : strike(call, fd);
    Object.defineProperty(machine.faults, "strike", { value: struck });
    const refuse = (fd: number, units: number, isStream: boolean, send: () => number): number => {
      limit = refusals.before(fd, units);
      const n = send();
      limit = Infinity;
      return refusals.after(fd, n, isStream && n < units);
    };
    /** Bytes that a stream is offered; 0 for another socket. */
    const streamBytes = (fd: number, header: bigint) => {
      const open = machine.table.find(fd);
      if (open?.kind !== "socket" || open.socket.type !== SocketType.STREAM) return 0;
      return memory.message(header).pieces.reduce((sum, { length }) => sum + length, 0);
    };
    const wrapped: Pick<LibSystem, "sendmsg" | "sendmsg_x"> = {
      sendmsg: (fd, header, flags) => {
        const bytes = streamBytes(fd, header);
        return refuse(fd, bytes || 1, bytes > 0, () => sendmsg(fd, header, flags));
      },
      sendmsg_x: sendmsg_x &&
        ((fd, headers, count, flags) =>
          refuse(fd, count, false, () => sendmsg_x(fd, headers, count, flags))),
    };
    return { libc: { ...libc, ...wrapped }, errno };
  };
}

/** Refuse at the seam: for a kernel that has no library to refuse in. */
export function refuseAtSeam(kernel: Kernel, refusals: Refusals): void {
  const send: Kernel["send"] = kernel.send.bind(kernel);
  const write: Kernel["write"] = kernel.write.bind(kernel);
  replace(kernel, "send", (fd, table, from, count) => {
    const most = Math.min(count, refusals.before(fd, count));
    return refusals.after(fd, most === 0 ? -Errno.ENOBUFS : send(fd, table, from, most), false);
  });
  replace(kernel, "write", (fd, vector, count) => {
    const most = Math.min(count, refusals.before(fd, count));
    let bytes = 0;
    for (let i = 0; i < count; i++) bytes += vector.length(i);
    const n = most === 0 ? -Errno.EAGAIN : write(fd, vector, most);
    return refusals.after(fd, n, n < bytes);
  });
}

/** Never ask for WRITE when `hides` says so: what the kernel is not asked it does not tell. */
export function hideWritable(kernel: Kernel, hides: () => boolean): void {
  const visible = (interest: number) =>
    (interest & Ready.WRITE) !== 0 && hides() ? interest & ~Ready.WRITE : interest;
  const watch: Kernel["watch"] = kernel.watch.bind(kernel);
  const rewatch: Kernel["rewatch"] = kernel.rewatch.bind(kernel);
  replace(kernel, "watch", (fd, token, interest) => watch(fd, token, visible(interest)));
  replace(kernel, "rewatch", (fd, token, interest) => rewatch(fd, token, visible(interest)));
}

function replace<Name extends keyof Kernel>(kernel: Kernel, name: Name, value: Kernel[Name]): void {
  Object.defineProperty(kernel, name, { value, configurable: true });
}
