/**
 * VMs with offload and VMs without on one switch: over the fake kernel, so that what lies together, and who
 * does not read, is not left to chance.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { clients } from "../../src/offload/clients.ts";
import { filler, tcpFrame, udpFrame } from "../offload/frames.ts";
import type { DgramPeer, StreamPeer } from "../support/fake_peers.ts";
import { FakeSwitch, type Spec } from "../support/fake_switch.ts";
import { concat, readPacket } from "../support/packet.ts";

const MSS = 1460, SEGMENTS = 44;
const DATA = filler(SEGMENTS * MSS);
/** Only finished checksums are taken by these two, and by the third also others. */
const KRUNKIT = 1, QEMU = 2, CSUM = 3;
const GROUP = [1, 0, 0x5e, 0, 0, 0x63];

/** A large frame with half a checksum. */
const LARGE = tcpFrame({ from: KRUNKIT, to: QEMU, payload: DATA, checksum: "partial", seq: 0 });
/** The same as segments that are all there. */
const WHOLE = Array.from({ length: SEGMENTS }, (_, i) =>
  tcpFrame({
    ...{ from: QEMU, to: KRUNKIT, id: i, seq: i * MSS },
    payload: DATA.subarray(i * MSS, (i + 1) * MSS),
  }));

interface Room {
  readonly lab: FakeSwitch;
  readonly krunkit: DgramPeer;
  readonly qemu: StreamPeer;
  readonly csum: DgramPeer;
}

/** One VM of each kind, known to the switch. */
function room(options: Partial<Spec> = {}): Room {
  const { sends, accepts, finish } = clients["krunkit-offload"];
  const lab = new FakeSwitch().open(
    { name: "krunkit", target: "/run/k", sends, accepts, finish, ...options },
    { name: "qemu", kind: "stream", target: "/run/q", clients: "replace", ...options },
    { name: "csum", target: "/run/c", sends: 1, accepts: 1, ...options },
  );
  const krunkit = lab.kernel.peerDgram("/run/k", { bind: "/run/vm1" });
  const qemu = lab.kernel.peerStream("/run/q");
  const csum = lab.kernel.peerDgram("/run/c", { bind: "/run/vm3" });
  for (const vm of [krunkit, qemu, csum]) vm.socket.sendLimit = 16 << 20;
  lab.settle();
  krunkit.send(hello(KRUNKIT));
  qemu.sendFrame(hello(QEMU));
  csum.send(hello(CSUM));
  lab.settle();
  for (const vm of [krunkit, csum]) vm.receive();
  qemu.receiveFrames();
  return { lab, krunkit, qemu, csum };
}

function hello(from: number): Uint8Array {
  const frame = udpFrame({ from, to: 99, payload: [1] });
  frame.set(GROUP);
  return frame;
}

/** The data in frames, all of whose lengths and checksums have to be right. */
function dataOf(frames: readonly Uint8Array[]): Uint8Array {
  return concat(...frames.map((frame) => {
    const { faults, unfinished, payload } = readPacket(frame)!;
    assertEquals([faults, unfinished], [[], false]);
    return payload;
  }));
}

Deno.test("the switch cuts a large frame for a VM without offload", () => {
  const { lab, krunkit, qemu } = room();
  krunkit.send(LARGE);
  lab.settle();
  const frames = qemu.receiveFrames();
  assertEquals(frames.map(({ length }) => length), Array(SEGMENTS).fill(54 + MSS));
  assertEquals(dataOf(frames), DATA);
  assertEquals(
    [lab.count("qemu", "segmented"), lab.count("qemu", "segments"), lab.sum("merged")],
    [1, SEGMENTS, 0],
  );
  lab.stop();
});

Deno.test("the switch merges segments for a VM with offload", () => {
  const { lab, krunkit, qemu } = room();
  for (const frame of WHOLE) qemu.sendFrame(frame);
  lab.settle();
  const frames = krunkit.receive();
  assertEquals(frames.map(({ length }) => length), [54 + DATA.length]);
  assertEquals(dataOf(frames), DATA);
  assertEquals(
    [lab.count("krunkit", "merged"), lab.count("krunkit", "merges"), lab.sum("segmented")],
    [SEGMENTS, 1, 0],
  );
  lab.stop();
});

Deno.test("the switch keeps segments for a VM that does not read now, whole and in order", () => {
  const { lab, krunkit, qemu } = room();
  qemu.stopReading();
  for (let i = 0; i < 10; i++) krunkit.send(LARGE);
  lab.run(5);
  qemu.startReading();
  lab.run(50);
  const frames = qemu.receiveFrames();
  assertEquals(frames.length, 10 * SEGMENTS);
  for (let i = 0; i < 10; i++) {
    assertEquals(dataOf(frames.slice(i * SEGMENTS, (i + 1) * SEGMENTS)), DATA);
  }
  assertEquals(lab.sum("queue-full"), 0);
  lab.stop();
});

Deno.test("the switch drops whole segments for a VM that never reads, and counts each", () => {
  const { lab, krunkit, qemu } = room({ queue: 256 << 10 });
  qemu.stopReading();
  for (let i = 0; i < 20; i++) krunkit.send(LARGE);
  lab.run(5);
  assertEquals(lab.count("qemu", "segments"), 20 * SEGMENTS);
  const dropped = lab.count("qemu", "queue-full");
  lab.assertBalanced();
  qemu.startReading();
  lab.run(50);
  const frames = qemu.receiveFrames();
  assertEquals(frames.length, 20 * SEGMENTS - dropped);
  dataOf(frames);
  lab.stop();
});

Deno.test("the switch finishes a flooded checksum once, for those who need it", () => {
  const { lab, krunkit, qemu, csum } = room();
  const frame = udpFrame({ from: CSUM, to: 99, payload: filler(500), checksum: "partial" });
  frame.set(GROUP);
  csum.send(frame);
  lab.settle();
  for (const [seen] of [krunkit.receive(), qemu.receiveFrames()]) {
    assertEquals(dataOf([seen]), filler(500));
  }
  const other = frame.slice();
  other.set([2, 0, 0, 0, 0, KRUNKIT], 6);
  krunkit.send(other);
  lab.settle();
  const [seen] = csum.receive();
  assertEquals(readPacket(seen)!.faults, []);
  assertEquals(dataOf(qemu.receiveFrames()), filler(500));
  lab.stop();
});
