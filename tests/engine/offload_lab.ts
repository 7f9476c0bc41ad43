/**
 * A lab whose ports do not agree about offload, and the frames that go between them.
 *
 * Station `n` of tests/offload/frames.ts is behind port `n`.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { Feature } from "../../src/offload/features.ts";
import type { PortConfig } from "../../src/port/config.ts";
import { filler, tcpFrame, type TcpShape } from "../offload/frames.ts";
import { naiveTcp } from "../offload/naive_segment.ts";
import { tcpWire } from "../offload/wire.ts";
import { Lab } from "./lab.ts";
import type { ScriptedPort } from "./scripted_port.ts";

const { CSUM, TSO4, TSO6 } = Feature;
/** A VM that leaves everything unfinished, and takes it so. */
export const TSO = { sends: CSUM | TSO4 | TSO6, accepts: CSUM | TSO4 | TSO6 } as const;
/** The same behind a vnet header. */
export const TSO_VNET = { ...TSO, vnetHdr: 12 } as const;

/** A lab with a port for each of these. */
export function openOffload(
  ...options: readonly Partial<PortConfig>[]
): { lab: Lab; p: ScriptedPort[] } {
  const lab = new Lab();
  const p = options.map((each) => lab.join(each));
  for (const port of p) lab.fdb.learn(0x0200, port.row, port.row, lab.seconds);
  return { lab, p };
}

/** A large TCP frame of `bytes` bytes of payload, unfinished; `number` makes it one of its own. */
export function large(from: number, to: number, bytes: number, number = 0): TcpShape {
  const seq = 1 + number * 100_000, id = number * 100;
  return { from, to, seq, id, flags: 0x18, payload: filler(bytes, seq), checksum: "partial" };
}

/** The frame as the VM of a port sends it; with a vnet header it is to be cut to `size`. */
export function sent(shape: TcpShape, { config }: ScriptedPort, size = 1460): Uint8Array {
  return tcpWire(shape, config.vnetHdr, shape.payload!.length > size ? size : 0);
}

/** What it becomes for a VM without offload, behind an empty vnet header of `vnet` bytes. */
export function segmentsOf(shape: TcpShape, size = 1460, vnet = 0): Uint8Array[] {
  return naiveTcp(tcpFrame(shape), size).map((frame) => {
    const wire = new Uint8Array(vnet + frame.length);
    wire.set(frame, vnet);
    if (vnet === 12) wire[10] = 1;
    return wire;
  });
}

/** Fails unless a port has taken exactly these frames. */
export function assertTaken(port: ScriptedPort, expected: readonly Uint8Array[]): void {
  assertEquals(port.taken.length, expected.length, "frames");
  port.taken.forEach((frame, i) => {
    const other = expected[i];
    if (frame.length !== other.length || frame.some((byte, at) => byte !== other[at])) {
      assertEquals(frame, other, `frame ${i}`);
    }
  });
}

/** Let the VM take everything from now on, and time pass until it has. */
export function drain(lab: Lab, port: ScriptedPort): void {
  port.room = Infinity;
  const until = lab.now + 20;
  while (lab.now < until) lab.wait(lab.now + 0.05);
}
