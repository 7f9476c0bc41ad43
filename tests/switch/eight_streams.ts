/**
 * Eight streams in both directions, and what must hold of them: the field's own stress recipe for ENOBUFS (libkrun,
 * pull request 556). Shared by the fake machines and the real kernel.
 *
 * Frames are numbered; making and reading them is cheap, since ten minutes take some millions.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { FakeSwitch, Spec } from "../support/fake_switch.ts";

export const STREAMS = 8;
/** Longest frame. */
export const LONGEST = 15_000;
const SHORTEST = 60;
/** What the switch keeps for a VM: some bursts. */
const QUEUE = 64 << 10;
const ETHERTYPE = 0x88b5;
/** Every so many bytes of a frame are looked at. */
const STEP = 61;

/** Why a frame may be lost here. */
const DROPS = ["queue-full", "expired"] as const;

/** One VM of the recipe. */
export abstract class Guest {
  readonly n: number;
  readonly sent: number[] = [];
  readonly heard: number[] = [];

  constructor(n: number) {
    this.n = n;
  }

  /** Hand one frame to the kernel; a frame that it does not take was not sent. */
  send(to: number, tag: number, length: number): void {
    if (this.put(numbered(this.n, to, tag, length))) this.sent.push(tag);
  }

  /** A broadcast that tells the switch where it is. */
  hello(): void {
    assert(this.put(numbered(this.n, 0xffff, 0, SHORTEST)));
  }

  protected abstract put(frame: Uint8Array): boolean;

  protected hear(frame: Uint8Array): void {
    const tag = tagOf(frame);
    if (tag > 0) this.heard.push(tag);
  }
}

/** Ports of the recipe: pairs of VMs, half of them of two on datagrams, half of one on datagrams and one on a stream. */
export function ports(folder: string): Spec[] {
  return Array.from({ length: 2 * STREAMS }, (_, i) => ({
    name: `p${i}`,
    kind: i % 4 === 3 ? "stream" : "dgram",
    target: `${folder}/${i}`,
    queue: QUEUE,
  }));
}

/** A burst of each stream in each direction, of up to `most` frames. Returns the last tag. */
export function burst(guests: readonly Guest[], roll: () => number, most: number, tag: number) {
  for (const guest of guests) {
    const peer = ((guest.n - 1) ^ 1) + 1, count = Math.floor(roll() * (most + 1));
    for (let i = 0; i < count; i++) {
      const length = SHORTEST + roll() * ((roll() < 0.5 ? 1514 : LONGEST) - SHORTEST);
      guest.send(peer, ++tag, Math.floor(length));
    }
  }
  return tag;
}

/** Name of the row of VM `i`'s egress. */
export function rowOf(lab: FakeSwitch, i: number): string {
  return lab.ports.includes(`p${i}.1`) ? `p${i}.1` : `p${i}`;
}

/** Delivered = sent minus counted drops, in each direction and in order; nothing waits any more. */
export function checkDelivered(lab: FakeSwitch, guests: readonly Guest[]): void {
  for (let i = 0; i < guests.length; i++) {
    const { heard } = guests[i], { sent } = guests[i ^ 1], row = rowOf(lab, i);
    let drops = 0;
    for (const reason of DROPS) drops += lab.count(row, reason);
    assertEquals(lab.count(row, "queued"), 0, row);
    let at = 0;
    for (const tag of heard) {
      while (at < sent.length && sent[at] !== tag) at++;
      assert(at++ < sent.length, `${row} heard frame ${tag} late, twice, or that nobody sent`);
    }
    assertEquals(heard.length, sent.length - drops, `${row}, of which ${drops} dropped`);
  }
}

/** A frame of one number, from station to station; 0xffff is everybody. */
function numbered(from: number, to: number, tag: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(tag), view = new DataView(bytes.buffer);
  putStation(view, 0, to);
  putStation(view, 6, from);
  view.setUint16(12, ETHERTYPE);
  view.setUint32(14, tag);
  view.setUint32(18, length);
  return bytes;
}

function putStation(view: DataView, at: number, n: number): void {
  view.setUint32(at, n === 0xffff ? 0xffff_ffff : 0x5254_0000);
  view.setUint16(at + 4, n);
}

/** The number of a frame. */
function tagOf(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tag = view.getUint32(14), byte = tag & 0xff, last = bytes.length - 1;
  assertEquals(view.getUint32(18), bytes.length, `frame ${tag} was cut`);
  for (let at = 22; at < last; at += STEP) {
    if (bytes[at] !== byte) throw new Error(`Frame ${tag} is damaged at byte ${at}`);
  }
  if (bytes[last] !== byte) throw new Error(`Frame ${tag} is damaged at its end`);
  return tag;
}
