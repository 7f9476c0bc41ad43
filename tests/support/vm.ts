/**
 * VMs as the switch meets them, without the machine: real sockets, used the way VM monitors use them, that
 * send test frames and verify every byte of what arrives.
 *
 * Nothing here blocks: {@linkcode Vm.poll} takes what is there. The kernel is the project's own, so one
 * thread plays any number of VMs.
 *
 * @module
 */
import type { Kernel } from "../../src/platform/kernel.ts";
import { makeFrame, readFrame, SHORTEST, type TestFrame } from "./test_frame.ts";

/** Longest frame of a test, and a little more. */
export const SLOT_BYTES = 70_000;

/** One VM. */
export abstract class Vm {
  /** Verified frames that arrived, in order. */
  readonly got: TestFrame[] = [];
  /**
   * Takes what arrives instead of {@linkcode got}, for frames that are no test frames; the bytes are valid
   * during the call.
   */
  onFrame: ((frame: Uint8Array) => void) | undefined;
  /** Number of its MAC address; see test_frame.ts. */
  readonly station: number;
  readonly fd: number;
  protected readonly kernel: Kernel;
  /** Room for what is sent. */
  protected readonly outbox: number;
  #seq = 0;

  constructor(kernel: Kernel, station: number, fd: number) {
    this.kernel = kernel;
    this.station = station;
    this.fd = fd;
    this.outbox = kernel.arena.take(SLOT_BYTES);
  }

  /** Send a frame; false when there is no room for it now. Sequence numbers count up from 1. */
  send(to: number, length: number = SHORTEST): boolean {
    const frame = makeFrame({ from: this.station, to, seq: this.#seq + 1, length });
    if (!this.sendBytes(frame)) return false;
    this.#seq++;
    return true;
  }

  /** Frames sent so far. */
  get sent(): number {
    return this.#seq;
  }

  /** Frames that arrived from one station. */
  from(station: number): TestFrame[] {
    return this.got.filter((frame) => frame.from === station);
  }

  /** Send one frame of any content; false when there is no room for it now. */
  abstract sendBytes(frame: Uint8Array): boolean;
  /** Take what has arrived; returns how many frames. Throws when one is not whole. */
  abstract poll(): number;

  close(): void {
    this.kernel.close(this.fd);
    this.kernel.arena.give(this.outbox);
  }

  protected take(frame: Uint8Array): void {
    if (this.onFrame === undefined) this.got.push(readFrame(frame));
    else this.onFrame(frame);
  }
}
