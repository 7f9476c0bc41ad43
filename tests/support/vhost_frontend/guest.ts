/**
 * A guest with one virtio-net device: its memory, and the driver with its two rings. It lives on while the
 * front-end's connection comes and goes.
 *
 * @module
 */
import type { Kernel } from "../../../src/platform/kernel.ts";
import { DriverRing } from "./driver_ring.ts";
import { GuestMemory, type RegionPlan } from "./guest_memory.ts";
import { ReceiveQueue } from "./receive_queue.ts";
import { TransmitQueue } from "./transmit_queue.ts";
import { Feature, hasBit } from "./wire.ts";

/** What a test chooses about a guest. */
export interface GuestPlan {
  readonly regions?: readonly RegionPlan[];
  /** The memory's files can not be made shorter (F_SEAL_SHRINK); true if not given. */
  readonly sealed?: boolean;
  /** Entries of a ring; 256 if not given. */
  readonly receiveSize?: number;
  readonly transmitSize?: number;
  /** Index at which both rings begin. */
  readonly base?: number;
}

/** See the head of this file. */
export class Guest {
  readonly kernel: Kernel;
  readonly memory: GuestMemory;
  /** Features of the driver, once it has started. */
  features = 0n;
  #receive: ReceiveQueue | undefined;
  #transmit: TransmitQueue | undefined;
  readonly #plan: GuestPlan;

  constructor(kernel: Kernel, plan: GuestPlan = {}) {
    this.kernel = kernel;
    this.#plan = plan;
    this.memory = new GuestMemory(kernel, plan.regions, plan.sealed);
  }

  /** The driver starts, at boot or after a reboot: new rings, and nothing in them. */
  start(features: bigint): void {
    this.#stop();
    this.features = features;
    const { receiveSize = 256, transmitSize = 256, base = 0 } = this.#plan;
    const eventIdx = hasBit(features, Feature.EVENT_IDX), { kernel, memory } = this;
    const ring = (size: number) => new DriverRing(kernel, memory, { size, base, eventIdx });
    this.#receive = new ReceiveQueue(memory, ring(receiveSize), features);
    this.#transmit = new TransmitQueue(memory, ring(transmitSize), features);
  }

  get isRunning(): boolean {
    return this.#receive !== undefined;
  }

  get receive(): ReceiveQueue {
    return running(this.#receive);
  }

  get transmit(): TransmitQueue {
    return running(this.#transmit);
  }

  /** Ring 0 is the one by which the guest receives. */
  get rings(): readonly DriverRing[] {
    return [this.receive.ring, this.transmit.ring];
  }

  /** The guest's memory moves, and the rings with it; see {@linkcode GuestMemory.move}. */
  move(): void {
    this.memory.move();
    for (const ring of this.rings) ring.attach();
  }

  /** Nobody has written but to used rings and to buffers that wait to be filled. */
  assertUntouched(): void {
    this.memory.assertUntouched(this.isRunning ? this.rings.flatMap((ring) => ring.foreign) : []);
  }

  /** Verifies {@linkcode assertUntouched} once more, if wanted, and gives everything back to the kernel. */
  close(verified = true): void {
    if (verified) this.assertUntouched();
    this.#stop();
    this.memory.close();
  }

  #stop(): void {
    this.#receive?.ring.close();
    this.#transmit?.ring.close();
    this.#receive = this.#transmit = undefined;
  }
}

function running<T>(queue: T | undefined): T {
  if (queue === undefined) throw new Error("The driver has not started");
  return queue;
}
