/**
 * A front-end of vhost-user, byte by byte, and the session it talks to, over the real kernel.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type Kernel, SocketType } from "../../../src/platform/kernel.ts";
import { openKernel } from "../../../src/platform/mod.ts";
import type { Sharing } from "../../../src/platform/sharing.ts";
import { NO_OFFLOAD } from "../../../src/offload/policy.ts";
import type { Region } from "../../../src/port/vhost_user/guest_memory.ts";
import { Flag } from "../../../src/port/vhost_user/message.ts";
import { Request } from "../../../src/port/vhost_user/requests.ts";
import {
  Session,
  type SessionConfig,
  type SessionHost,
} from "../../../src/port/vhost_user/session.ts";

export const MIB = 2 ** 20;
export const GIB = 2 ** 30;
export const VERSION = Flag.VERSION;
export const NEED_REPLY = Flag.VERSION | Flag.NEED_REPLY;

/** Where the front-ends of these tests have the memory of their guests. */
export const USER = 0x7f00_0000_0000;

const PLACE_BYTES = 8192;

/** Little-endian words. */
export function words(...values: number[]): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  values.forEach((value, i) => view.setUint32(4 * i, value, true));
  return new Uint8Array(view.buffer);
}

/** Little-endian 64-bit numbers. */
export function longs(...values: (number | bigint)[]): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(8 * values.length));
  values.forEach((value, i) => view.setBigUint64(8 * i, BigInt(value), true));
  return new Uint8Array(view.buffer);
}

/** A whole message. */
export function message(request: number, payload: Uint8Array, flags: number): Uint8Array {
  const bytes = new Uint8Array(12 + payload.length);
  bytes.set(words(request, flags, payload.length));
  bytes.set(payload, 12);
  return bytes;
}

/** Payload of SET_MEM_TABLE. */
export function table(...regions: Region[]): Uint8Array {
  const rows = regions.flatMap(({ guest, size, user, offset }) => [guest, size, user, offset]);
  return longs(regions.length, ...rows);
}

/** Payload of SET_VRING_ADDR, on the wire in the order descriptors, used, available. */
export function places(index: number, desc: number, avail: number, used: number, flags = 0) {
  return new Uint8Array([...words(index, flags), ...longs(desc, used, avail, 0)]);
}

/** A region of `mebibytes` from guest address 0. */
export function plainRegion(mebibytes = 1): Region {
  return { guest: 0, size: mebibytes * MIB, user: USER, offset: 0 };
}

/** What is being closed on other threads, of the case that runs. */
let closing: (() => number) | undefined;

/** Descriptors of this process that a test or a session can have opened; those that are being closed are waited for. */
export function descriptors(): number {
  for (const end = performance.now() + 5000; (closing?.() ?? 0) > 0;) {
    assert(performance.now() < end, "descriptors are not closed");
  }
  let count = 0;
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    try {
      if (/eventfd|memfd|socket:/.test(Deno.readLinkSync(`/proc/self/fd/${name}`))) count++;
    } catch { /* the descriptor that reads the folder */ }
  }
  return count;
}

/** Runs no rings, and checks that it is asked to as promised. */
export class RecordingHost implements SessionHost {
  readonly name = "vm";
  readonly config: SessionConfig;
  readonly told: string[] = [];
  halts = 0;
  halted = false;
  /** What to do on {@linkcode halt}, as one who runs rings does. */
  onHalt = () => {};

  constructor(config: Partial<SessionConfig> = {}) {
    this.config = { ...NO_OFFLOAD, unsealed: false, ...config };
  }

  halt(): void {
    assert(!this.halted, "halted twice");
    this.halted = true;
    this.halts++;
    this.onHalt();
  }

  resume(): void {
    assert(this.halted, "resumed without halt");
    this.halted = false;
  }

  log(level: string, text: string): void {
    this.told.push(`${level}: ${text}`);
  }
}

/** One front-end, its end of the connection, and our session at the other. */
export class FrontEnd {
  readonly host: RecordingHost;
  readonly session: Session;
  readonly kernel: Kernel;
  readonly sharing: Sharing;
  /** Its descriptors, which it holds until the end. */
  readonly own: number[] = [];
  readonly near: number;
  readonly far: number;
  /** It has closed its end already. */
  hungUp = false;
  readonly #place: number;

  constructor(kernel: Kernel, config: Partial<SessionConfig> = {}) {
    this.kernel = kernel;
    this.sharing = kernel.sharing!;
    assertEquals(kernel.socketPair(SocketType.STREAM), 0);
    [this.near, this.far] = kernel.pair;
    this.#place = kernel.arena.take(PLACE_BYTES);
    this.host = new RecordingHost(config);
    this.session = new Session(kernel, this.sharing, this.host, this.near);
  }

  /** A file of guest memory. */
  memory(bytes = MIB, sealed = true): number {
    const fd = this.sharing.createMemory(bytes, sealed);
    assert(fd >= 0);
    this.own.push(fd);
    return fd;
  }

  /** An eventfd. */
  counter(): number {
    const fd = this.kernel.openWake();
    this.own.push(fd);
    return fd;
  }

  /** Bytes on the wire; returns how many were taken. */
  send(bytes: Uint8Array, fds: readonly number[] = []): number {
    this.kernel.arena.u8.set(bytes, this.#place);
    return this.sharing.sendMessage(this.far, this.#place, bytes.length, fds);
  }

  /** Send a message and have it read; false when the session is over. */
  say(
    request: number,
    payload: Uint8Array = new Uint8Array(),
    fds: readonly number[] = [],
    flags: number = VERSION,
  ) {
    const bytes = message(request, payload, flags);
    assertEquals(this.send(bytes, fds), bytes.length);
    const going = this.session.read();
    assert(!this.host.halted, "halted for ever");
    return going;
  }

  /** What the session has answered: request, flags, and the payload as words. */
  replies(): number[][] {
    const bytes: number[] = [];
    const { arena } = this.kernel;
    for (;;) {
      const n = this.sharing.receiveMessage(this.far, this.#place, PLACE_BYTES);
      if (n <= 0) break;
      bytes.push(...arena.u8.subarray(this.#place, this.#place + n));
      assertEquals(this.sharing.descriptors, []);
    }
    const replies: number[][] = [];
    const view = new DataView(new Uint8Array(bytes).buffer);
    const word = (at: number) => view.getUint32(at, true);
    for (let at = 0; at < view.byteLength; at += 12 + word(at + 8)) {
      const payload = Array.from({ length: word(at + 8) / 4 }, (_, i) => word(at + 12 + 4 * i));
      replies.push([word(at), word(at + 4), ...payload]);
    }
    return replies;
  }

  /** Send a message that wants to be acknowledged; returns 0 or 1 as it was. */
  ask(request: number, payload?: Uint8Array, fds: readonly number[] = []): number {
    this.say(request, payload, fds, NEED_REPLY);
    const [reply, ...more] = this.replies();
    assertEquals([reply?.slice(0, 2), reply?.length, more], [[request, 5], 4, []]);
    assertEquals(reply[3], 0);
    return reply[2];
  }

  /** Agree to REPLY_ACK, so that {@linkcode ask} can be used. */
  agree(): this {
    this.say(Request.SET_PROTOCOL_FEATURES, longs(1 << 3));
    return this;
  }

  end(): void {
    this.session.close();
    for (const fd of [...this.own, this.near]) this.kernel.close(fd);
    if (!this.hungUp) this.kernel.close(this.far);
    this.kernel.arena.give(this.#place);
  }
}

/** Run a case with a kernel of its own; nothing may be left of it. */
export function withKernel(run: (kernel: Kernel) => void): void {
  const before = descriptors(), kernel = openKernel(16 * MIB, 2048 * GIB);
  const available = kernel.arena.available;
  closing = () => kernel.sharing!.closing();
  try {
    run(kernel);
    descriptors();
  } finally {
    closing = undefined;
  }
  assertEquals(kernel.arena.available, available, "arena memory");
  kernel.dispose();
  assertEquals(descriptors(), before, "descriptors");
}

/** Run a case with one front-end. */
export function withFrontEnd(
  run: (front: FrontEnd) => void,
  config: Partial<SessionConfig> = {},
): void {
  withKernel((kernel) => {
    const front = new FrontEnd(kernel, config);
    run(front);
    front.end();
  });
}

/** The low half of what is always offered: MRG_RXBUF, ANY_LAYOUT, INDIRECT, EVENT_IDX, PROTOCOL_FEATURES. */
export const ALWAYS = 2 ** 15 + 2 ** 27 + 2 ** 28 + 2 ** 29 + 2 ** 30;

/** Where {@linkcode setUp} has the parts of a ring. */
export const [DESC, AVAIL, USED] = [0x1000, 0x2000, 0x3000];

/** Say all about ring `index` that makes it ready, but for ENABLE. */
export function setUp(front: FrontEnd, index: number, at = USER): void {
  front.say(Request.SET_VRING_NUM, words(index, 256));
  front.say(Request.SET_VRING_BASE, words(index, 7));
  const place = places(index, at + DESC, at + AVAIL, at + USED);
  front.say(Request.SET_VRING_ADDR, place);
  front.say(Request.SET_VRING_KICK, longs(index), [front.counter()]);
  front.say(Request.SET_VRING_CALL, longs(index), [front.counter()]);
}

/** Have memory, and both rings ready. */
export function run(front: FrontEnd): void {
  front.agree();
  front.say(Request.SET_FEATURES, longs(2 ** 32 + ALWAYS));
  front.say(Request.SET_MEM_TABLE, table(plainRegion()), [front.memory()]);
  for (const i of [0, 1]) {
    setUp(front, i, USER + i * 0x8000);
    front.say(Request.SET_VRING_ENABLE, words(i, 1));
  }
  assertEquals(front.session.rings.map(({ ready }) => ready), [true, true]);
}
