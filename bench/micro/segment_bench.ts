/**
 * Cutting large frames, with and without summing up their payload. Time is per iteration; the name says of how
 * many segments. What the payload's sum costs is the difference, and a row of its own.
 *
 * @module
 */
import { sum } from "../../src/frame/checksum.ts";
import { Headers } from "../../src/frame/headers.ts";
import { fragmentUdp } from "../../src/offload/fragment_udp.ts";
import { Gather, GATHER_SCRATCH } from "../../src/offload/gather.ts";
import { segmentTcp } from "../../src/offload/segment_tcp.ts";
import { segmentUdp } from "../../src/offload/segment_udp.ts";
import { filler, tcpFrame, udpFrame } from "../../tests/offload/frames.ts";

const TIMESTAMPS = [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8];
const SEGMENTS = 45, MSS = 1448;
const FRAME = 1 << 20;
const sums = new Int32Array(1);

/** A frame in memory, walked, and a gather to cut it into. */
class Bench {
  readonly view = new DataView(new ArrayBuffer(FRAME + (1 << 20)));
  readonly gather = new Gather(this.view, FRAME - GATHER_SCRATCH);
  readonly headers = new Headers();

  constructor(frame: Uint8Array) {
    new Uint8Array(this.view.buffer).set(frame, FRAME);
    this.headers.walk(this.view, FRAME, frame.length);
  }
}

/** `all` is the frame of 64 KiB; `bare` has as many segments, of one byte each: all that is not the payload's sum. */
function benchCut(
  name: string,
  all: Bench,
  bare: Bench,
  cut: (bench: Bench, size: number) => void,
) {
  Deno.bench(`${name}, ${SEGMENTS} segments of ${MSS} bytes`, () => cut(all, MSS));
  Deno.bench(`${name}, ${SEGMENTS} segments of 1 byte`, () => cut(bare, 1));
}

function cutTcp(bench: Bench, size: number): void {
  const { view, gather, headers } = bench;
  gather.begin(false, 12);
  segmentTcp(view, gather, headers, FRAME, headers.frameEnd, size, false);
}

function cutUdp(bench: Bench, size: number): void {
  const { view, gather, headers } = bench;
  gather.begin(false, 12);
  segmentUdp(view, gather, headers, FRAME, headers.frameEnd, size);
}

function fragment(bench: Bench): void {
  const { view, gather, headers } = bench;
  gather.begin(false, 12);
  fragmentUdp(view, gather, headers, FRAME, headers.frameEnd, MSS, 1, true);
}

const payload = filler(SEGMENTS * MSS), bytes = filler(SEGMENTS);
for (const version of [4, 6] as const) {
  const tcp = { version, tcpOptions: TIMESTAMPS, flags: 0x18 };
  benchCut(
    `TCP over IPv${version}`,
    new Bench(tcpFrame({ ...tcp, payload })),
    new Bench(tcpFrame({ ...tcp, payload: bytes })),
    cutTcp,
  );
}
benchCut(
  "UDP datagrams",
  new Bench(udpFrame({ payload })),
  new Bench(udpFrame({ payload: bytes })),
  cutUdp,
);

const datagram = new Bench(udpFrame({ payload }));
Deno.bench(`UDP fragments, ${SEGMENTS} of ${MSS} bytes`, () => fragment(datagram));

Deno.bench(`Sum of ${SEGMENTS} times ${MSS} bytes`, () => {
  const { view, headers } = datagram;
  for (let i = 0; i < SEGMENTS; i++) sums[0] += sum(view, headers.payload + i * MSS, MSS);
});
