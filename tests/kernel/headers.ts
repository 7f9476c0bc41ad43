/**
 * Every combination of telling values of the fields of a vnet header.
 *
 * @module
 */
import { tcpFrame, type TcpShape, udpFrame } from "../offload/frames.ts";
import type { VnetHeader } from "../support/vnet_header.ts";
import { l4Of } from "../vectors/layout.ts";
import { contents } from "../vectors/wire_text.ts";

const SHAPE: TcpShape = { payload: contents({ seed: 7, length: 200 }), checksum: "partial" };

/** TCP and UDP over IPv4 and IPv6, to be cut or not. */
export const FRAMES: readonly Uint8Array[] = [
  tcpFrame(SHAPE),
  tcpFrame({ ...SHAPE, version: 6 }),
  udpFrame(SHAPE),
  udpFrame({ ...SHAPE, version: 6 }),
];

/** The combinations for a frame. */
export function headersFor(frame: Uint8Array): Generator<VnetHeader> {
  const l4 = l4Of(frame), { length } = frame;
  return combinations<VnetHeader>({
    flags: [0, 1, 0xfe],
    gsoType: [0, 1, 3, 4, 5, 6, 0x80, 0x81, 0x83, 0x84, 0x85],
    headerLength: [0, 10, l4, length + 2, length + 3],
    gsoSize: [0, 1, 64, 500, 65_535],
    checksumStart: [0, 19, 20, l4, l4 + 2, length - 2, 65_535],
    checksumOffset: [6, 15, 16, 0xfff0],
  });
}

/** An object for each way to take one of the values of every property. */
function* combinations<T>(values: { [K in keyof T]: ReadonlyArray<T[K]> }): Generator<T> {
  const names = Object.keys(values) as Array<keyof T>;
  const total = names.reduce((product, name) => product * values[name].length, 1);
  for (let number = 0; number < total; number++) {
    let rest = number;
    const picked = names.map((name) => {
      const value = values[name][rest % values[name].length];
      rest = Math.floor(rest / values[name].length);
      return [name, value];
    });
    yield Object.fromEntries(picked);
  }
}
