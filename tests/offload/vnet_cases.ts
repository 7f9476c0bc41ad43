/**
 * Random vnet headers in front of a stock of frames: mostly almost right, since that is where the errors are.
 *
 * @module
 */
import type { VnetHeader } from "../support/vnet_header.ts";
import {
  filler,
  l4Of,
  type PacketShape,
  tcpFrame,
  tcpPayloadOf,
  type TcpShape,
  udpFrame,
} from "./frames.ts";

/** A frame, and where things are in it as its builder knows. */
export interface StockFrame {
  readonly frame: Uint8Array;
  readonly version: number;
  readonly tcp: boolean;
  readonly l4: number;
  readonly payload: number;
  /** What was done to it, if anything: it is no good frame with GSO. */
  readonly damage: string;
}

/** Random numbers, the same ones for the same seed (xorshift). */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 1;
  }

  /** 0 .. count - 1. */
  roll(count: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % count;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.roll(list.length)];
  }
}

const ADDITIONS: readonly PacketShape[] = [
  {},
  { tags: [0x8100_0007] },
  { tags: [0x88a8_0007, 0x8100_0008] },
  { ipOptions: [1, 1, 1, 0], extensions: [{ protocol: 60, data: [1, 4, 0, 0, 0, 0] }] },
  { trailer: new Uint8Array(9) },
];

/** Byte patches that break a frame, by name; offsets from the IP header (l3) or the transport header (l4). */
const DAMAGE: readonly [string, version: 4 | 6, from: "l3" | "l4", offset: number, byte: number][] =
  [
    ["more fragments", 4, "l3", 6, 0x20],
    ["fragment", 4, "l3", 7, 0x10],
    ["long", 4, "l3", 2, 0xff],
    ["long", 6, "l3", 4, 0xff],
    ["short", 4, "l3", 3, 0],
    ["ihl", 4, "l3", 0, 0x44],
    ["ihl", 4, "l3", 0, 0x41],
    ["version", 4, "l3", 0, 0x65],
    ["version", 6, "l3", 0, 0x45],
    ["protocol", 4, "l3", 9, 1],
    ["protocol", 6, "l3", 6, 59],
    ["doff", 4, "l4", 12, 0x40],
    ["doff", 6, "l4", 12, 0x30],
  ];

/** The stock: TCP and UDP of all forms and several lengths, damaged frames, and noise. */
export function stock(): StockFrame[] {
  const frames: StockFrame[] = [];
  for (const version of [4, 6] as const) {
    for (const checksum of ["partial", "full"] as const) {
      for (const bytes of [0, 1, 60, 333]) {
        for (const addition of ADDITIONS) {
          const shape = { ...addition, version, checksum, payload: filler(bytes, bytes) };
          frames.push(tcp(shape), udp(shape));
        }
        frames.push(tcp({ version, checksum, payload: filler(bytes), tcpOptions: filler(12) }));
      }
    }
  }
  for (const [damage, version, from, offset, byte] of DAMAGE) {
    const good = tcp({ version, payload: filler(200), checksum: "partial" });
    frames.push(damaged(good, damage, (from === "l3" ? 14 : good.l4) + offset, byte));
  }
  // Long enough to be cut into too many pieces.
  frames.push(tcp({ payload: filler(20_000), checksum: "partial" }));
  frames.push(udp({ payload: filler(20_000), checksum: "partial" }));
  for (const length of [14, 20, 34, 53, 80]) {
    const base = tcp({ payload: filler(60) });
    frames.push({ ...base, frame: base.frame.slice(0, length), damage: "cut off" });
    frames.push({ ...base, frame: filler(length), damage: "noise" });
  }
  return frames;
}

function tcp(shape: TcpShape): StockFrame {
  const { version = 4 } = shape;
  const places = { l4: l4Of(shape), payload: tcpPayloadOf(shape) };
  return { frame: tcpFrame(shape), version, tcp: true, ...places, damage: "" };
}

function udp(shape: PacketShape): StockFrame {
  const { version = 4 } = shape, l4 = l4Of(shape);
  return { frame: udpFrame(shape), version, tcp: false, l4, payload: l4 + 8, damage: "" };
}

function damaged(base: StockFrame, damage: string, offset: number, byte: number): StockFrame {
  const frame = base.frame.slice();
  frame[offset] = byte;
  return { ...base, frame, damage };
}

/** A header for the frame: right in most of its fields, and anything at all in the others. */
export function randomHeader(
  dice: Dice,
  { frame, l4, tcp, version, payload }: StockFrame,
): VnetHeader {
  const word = () => dice.roll(0x1_0000), near = (n: number) => Math.max(0, n + dice.roll(5) - 2);
  const type = tcp ? (version === 4 ? 1 : 4) : dice.pick([3, 5]);
  const most = (right: number, ...others: (() => number)[]) =>
    dice.roll(4) !== 0 ? right : dice.pick(others)();
  return {
    flags: most(1, () => 0, () => dice.roll(256)),
    gsoType: most(type, () => 0, () => type | 0x80, () => dice.roll(8), () => dice.roll(256)),
    headerLength: most(payload, () => near(frame.length), () => 0, word),
    gsoSize: most(
      dice.pick([100, 1448]),
      () => 0,
      () => near(Math.max(0, frame.length - payload)),
      () => near(frame.length - l4),
      () => dice.roll(16),
      word,
      () => 0xffff,
    ),
    checksumStart: most(
      l4,
      () => near(l4),
      () => near(frame.length),
      () => near(20),
      () => 0,
      word,
    ),
    checksumOffset: most(
      tcp ? 16 : 6,
      () => dice.pick([6, 16]),
      () => near(frame.length - l4),
      word,
    ),
  };
}
