/**
 * Gathers of random frames, and what must be on the wire of whoever sends them.
 *
 * @module
 */
import fc from "fast-check";
import { Gather, GATHER_SCRATCH } from "../../src/offload/gather.ts";
import type { VnetBytes } from "../../src/offload/policy.ts";
import { SocketType } from "../../src/platform/kernel.ts";
import type { PortConfig } from "../../src/port/config.ts";
import { ScriptedPort } from "../engine/scripted_port.ts";
import { filler } from "../offload/frames.ts";
import { FakeSwitch } from "../support/fake_switch.ts";
import { concat, record } from "../switch/frames.ts";

/** A frame to gather: bytes of a prefix of its own, and of bodies. */
export interface Cut {
  /** What its prefix is made of; 0 when not given. */
  readonly tag?: number;
  readonly prefix: number;
  readonly bodies: readonly number[];
}

/** Frames as segmenting and merging make them, and with more pieces than either. */
export const cuts: fc.Arbitrary<Cut[]> = fc.array(
  fc.record({
    tag: fc.nat(255),
    prefix: fc.integer({ min: 14, max: 120 }),
    bodies: fc.oneof(
      { weight: 6, arbitrary: fc.array(fc.nat(300), { maxLength: 2 }) },
      {
        weight: 1,
        arbitrary: fc.array(fc.nat(20), { minLength: 100, maxLength: 300, size: "max" }),
      },
    ),
  }),
  { minLength: 1, maxLength: 25, size: "max" },
);

const BODY_BYTES = 64 << 10;

/** A switch with a port to send by, over one end of a socketpair. */
export class GatherLab {
  readonly lab = new FakeSwitch();
  readonly gather: Gather;
  readonly port: ScriptedPort;
  readonly fd: number;
  readonly peer: ReturnType<FakeSwitch["kernel"]["inherit"]>["vm"];
  readonly #body: number;

  constructor(type: SocketType, config: Partial<PortConfig>) {
    const { kernel, engine } = this.lab, { arena } = kernel;
    const { fd, vm } = kernel.inherit(type);
    this.fd = fd;
    this.peer = vm;
    kernel.setBuffers(fd, 4 << 20);
    this.gather = new Gather(arena.view, arena.take(GATHER_SCRATCH));
    this.#body = arena.take(BODY_BYTES);
    arena.u8.set(filler(BODY_BYTES), this.#body);
    const row = engine.enroll("p");
    this.port = new ScriptedPort(row, arena, engine.tally, { name: "p", ...config });
  }

  /** Gather frames; what each of them is on the wire, without the length of a stream. */
  fill(all: readonly Cut[], framed: boolean): Uint8Array[] {
    const { gather } = this, { vnetHdr } = this.port.config, { u8 } = this.lab.kernel.arena;
    gather.begin(framed, vnetHdr);
    return all.map(({ tag = 0, prefix, bodies }) => {
      const at = gather.open(prefix), header = vnetHeader(vnetHdr, tag);
      u8.set(header, gather.vnet);
      u8.fill(tag, at, at + prefix);
      for (const [k, bytes] of bodies.entries()) gather.body(this.#bodyOf(k), bytes);
      gather.close();
      const slices = bodies.map((bytes, k) => u8.slice(this.#bodyOf(k), this.#bodyOf(k) + bytes));
      return concat([header, new Uint8Array(prefix).fill(tag), ...slices]);
    });
  }

  /** Bytes of frames without their vnet headers. */
  bytesOf(wires: readonly Uint8Array[]): number {
    return wires.reduce((sum, { length }) => sum + length - this.port.config.vnetHdr, 0);
  }

  /** What was counted as sent. */
  sent(): { frames: number; bytes: number } {
    return { frames: this.lab.count("p", "txFrames"), bytes: this.lab.count("p", "txBytes") };
  }

  #bodyOf(k: number): number {
    return this.#body + 100 * k;
  }
}

/** A stream of frames, each behind its length. */
export function stream(wires: readonly Uint8Array[]): Uint8Array {
  return concat(wires.map(record));
}

/** A header that is told from that of another frame; it is 0 bytes long where a port has none. */
function vnetHeader(bytes: VnetBytes, tag: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, at) => at === 2 ? tag : at);
}
