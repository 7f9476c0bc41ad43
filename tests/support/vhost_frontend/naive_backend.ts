/**
 * The plainest vhost-user back-end: slow, and obviously right. It is what the front-end is tested with, and
 * trusts it. What it does with frames is in naive_bounce.ts.
 *
 * @module
 */
import type { Kernel } from "../../../src/platform/kernel.ts";
import { sharingOf } from "./channel.ts";
import { bits, Feature, Flag, hasBit, Protocol, Request } from "./wire.ts";

/** What it offers if a test says nothing else. */
export const OFFERED: bigint = bits(
  ...Object.values(Feature).filter((bit) => bit !== Feature.MTU && bit !== Feature.MAC),
);

interface Ring {
  size: number;
  next: number;
  used: number;
  /** Where desc, used and avail are, in addresses of the front-end's process. */
  users: number[];
  kick: number;
  call: number;
  enabled: boolean;
}

/** A guest as the back-end knows it. */
export class NaiveDevice {
  features = 0n;
  ended = false;
  readonly #kernel: Kernel;
  readonly #fd: number;
  readonly #room: number;
  readonly #offered: bigint;
  #regions: { guest: number; bytes: number; user: number; at: number; base: number }[] = [];
  readonly rings: Ring[] = [0, 1].map(() => (
    { size: 0, next: 0, used: 0, users: [], kick: -1, call: -1, enabled: false }
  ));

  constructor(kernel: Kernel, fd: number, offered: bigint = OFFERED) {
    this.#kernel = kernel;
    this.#fd = fd;
    this.#offered = offered;
    this.#room = kernel.arena.take(4096);
  }

  /** Answer the messages that have arrived. */
  listen(): void {
    for (;;) {
      const sharing = sharingOf(this.#kernel), view = this.#kernel.arena.view, at = this.#room;
      const n = sharing.receiveMessage(this.#fd, at, 12);
      if (n === 0) this.ended = true;
      if (n <= 0) return;
      const descriptors = [...sharing.descriptors], bytes = view.getUint32(at + 8, true);
      if (n !== 12) throw new Error("Half a header");
      if (bytes > 0) this.#kernel.read(this.#fd, at + 12, bytes);
      const flags = view.getUint32(at + 4, true), request = view.getUint32(at, true);
      this.#obey(request, flags, descriptors);
    }
  }

  #obey(request: number, flags: number, descriptors: number[]): void {
    const view = this.#kernel.arena.view, at = this.#room + 12;
    const word = (i: number) => Number(view.getBigUint64(at + i * 8, true));
    const index = view.getUint32(at, true) & 0xff, value = view.getUint32(at + 4, true);
    const ring = this.rings[index];
    switch (request) {
      case Request.GET_FEATURES:
        return this.#answer(request, this.#offered);
      case Request.GET_PROTOCOL_FEATURES:
        return this.#answer(request, bits(Protocol.MQ, Protocol.REPLY_ACK));
      case Request.GET_QUEUE_NUM:
        return this.#answer(request, 1n);
      case Request.GET_VRING_BASE:
        ring.enabled = false;
        return this.#answer(request, BigInt(index) | BigInt(ring.next) << 32n);
      case Request.SET_FEATURES:
        this.features = view.getBigUint64(at, true);
        if (!hasBit(this.features, Feature.PROTOCOL_FEATURES)) {
          for (const each of this.rings) each.enabled = true;
        }
        break;
      case Request.SET_MEM_TABLE:
        this.#map(view.getUint32(at, true), word, descriptors.splice(0));
        break;
      case Request.SET_VRING_NUM:
        ring.size = value;
        break;
      case Request.SET_VRING_BASE:
        ring.next = value;
        break;
      case Request.SET_VRING_ADDR:
        ring.users = [word(1), word(2), word(3)];
        ring.used = view.getUint16(this.#part(ring, 1) + 2, true);
        break;
      case Request.SET_VRING_KICK:
        this.#replace(ring, "kick", descriptors.splice(0)[0]);
        break;
      case Request.SET_VRING_CALL:
        this.#replace(ring, "call", descriptors.splice(0)[0]);
        break;
      case Request.SET_VRING_ENABLE:
        ring.enabled = value === 1;
    }
    for (const fd of descriptors) this.#kernel.close(fd);
    if ((flags & Flag.NEED_REPLY) !== 0) this.#answer(request, 0n);
  }

  #answer(request: number, word: bigint): void {
    const { view } = this.#kernel.arena, at = this.#room;
    [request, Flag.VERSION | Flag.REPLY, 8].forEach((n, i) => view.setUint32(at + i * 4, n, true));
    view.setBigUint64(at + 12, word, true);
    sharingOf(this.#kernel).sendMessage(this.#fd, at, 20, []);
  }

  #map(count: number, word: (i: number) => number, descriptors: number[]): void {
    const former = this.#regions;
    this.#regions = descriptors.slice(0, count).map((fd, i) => {
      const [guest, bytes, user, offset] = [1, 2, 3, 4].map((k) => word(i * 4 + k));
      const base = sharingOf(this.#kernel).map(fd, offset, bytes);
      if (base < 0) throw new Error(`Cannot map: ${base}`);
      return { guest, bytes, user, at: base, base };
    });
    for (const fd of descriptors) this.#kernel.close(fd);
    for (const { base } of former) sharingOf(this.#kernel).unmap(base);
  }

  #find(space: "guest" | "user", address: number, length: number): number {
    for (const region of this.#regions) {
      const at = address - region[space];
      if (at >= 0 && at + length <= region.bytes) return region.at + at;
    }
    throw new Error(`Nothing at ${space} address ${address.toString(16)}`);
  }

  #part(ring: Ring, i: number): number {
    return this.#find("user", ring.users[i], 1);
  }

  #replace(ring: Ring, name: "kick" | "call", fd: number): void {
    if (ring[name] >= 0) this.#kernel.close(ring[name]);
    ring[name] = fd;
  }

  // ---- rings ----

  /** Buffers of the k-th available chain that was not used yet; undefined when there are not so many. */
  chain(
    index: number,
    k: number,
  ): { head: number; pieces: [at: number, length: number][] } | undefined {
    const ring = this.rings[index], view = this.#kernel.arena.view;
    if (!isReady(ring)) return undefined;
    const desc = this.#part(ring, 0), avail = this.#part(ring, 2);
    if (((view.getUint16(avail + 2, true) - ring.next) & 0xffff) <= k) return undefined;
    const head = view.getUint16(avail + 4 + 2 * ((ring.next + k) % ring.size), true);
    const pieces: [number, number][] = [];
    let table = desc;
    for (let i = head;;) {
      const at = table + i * 16, address = Number(view.getBigUint64(at, true));
      const length = view.getUint32(at + 8, true), flags = view.getUint16(at + 12, true);
      const place = length === 0 ? 0 : this.#find("guest", address, length);
      if ((flags & 4) !== 0) {
        table = place;
        i = 0;
        continue;
      }
      if ((flags & 2) !== (index === 0 ? 2 : 0)) throw new Error("Wrong direction");
      pieces.push([place, length]);
      if ((flags & 1) === 0) return { head, pieces };
      i = view.getUint16(at + 14, true);
    }
  }

  /** Give the next available chain back. */
  use(index: number, head: number, written: number): void {
    const ring = this.rings[index], view = this.#kernel.arena.view;
    const at = this.#part(ring, 1);
    view.setUint32(at + 4 + (ring.used % ring.size) * 8, head, true);
    view.setUint32(at + 8 + (ring.used % ring.size) * 8, written, true);
    ring.next = (ring.next + 1) & 0xffff;
    ring.used = (ring.used + 1) & 0xffff;
  }

  /** Let the driver see what was used, call it when it wants that, and ask for the next kick. */
  publish(index: number): void {
    const ring = this.rings[index], view = this.#kernel.arena.view;
    if (!isReady(ring)) return;
    const used = this.#part(ring, 1), avail = this.#part(ring, 2);
    const before = view.getUint16(used + 2, true);
    view.setUint16(used + 2, ring.used, true);
    const isEvent = hasBit(this.features, Feature.EVENT_IDX);
    if (isEvent) view.setUint16(used + 4 + 8 * ring.size, ring.next, true);
    const event = view.getUint16(avail + 4 + 2 * ring.size, true);
    const moved = (ring.used - before) & 0xffff;
    const wanted = isEvent
      ? ((ring.used - event - 1) & 0xffff) < moved
      : moved > 0 && (view.getUint16(avail, true) & 1) === 0;
    if (wanted) this.#kernel.wake(ring.call);
  }

  /** Number of kicks of a ring since the last look. */
  kicks(index: number): number {
    return this.#kernel.takeWakes(this.rings[index].kick);
  }

  close(): void {
    for (const { kick, call } of this.rings) {
      for (const fd of [kick, call]) if (fd >= 0) this.#kernel.close(fd);
    }
    for (const { base } of this.#regions) sharingOf(this.#kernel).unmap(base);
    this.#kernel.close(this.#fd);
    this.#kernel.arena.give(this.#room);
  }
}

function isReady(ring: Ring): boolean {
  return ring.enabled && ring.users.length > 0 && ring.kick >= 0 && ring.call >= 0;
}
