/**
 * Start here: one VM with offload and one without on one switch, and each gets what it understands.
 *
 * VM 1 is like krunkit with `offloading=on`: it sends frames of up to 64 KiB whose checksum is only begun,
 * and takes long ones if theirs is finished. VM 2 is like QEMU: it knows frames of 1514 bytes that are all
 * there.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { filler, tcpFrame } from "../offload/frames.ts";
import { concat, readPacket, type SeenPacket } from "../support/packet.ts";
import { ProcessLab } from "../support/process_lab.ts";
import { until } from "../support/time.ts";
import type { Vm } from "../support/vm.ts";
import type { Vswitch } from "../support/vswitch.ts";

/** Payload of a segment on a link with an MTU of 1500, and how many of them make the data. */
const MSS = 1460, SEGMENTS = 44;
const DATA = filler(SEGMENTS * MSS);

/** Frames of TCP with the data in them: one with all of it, or one a segment. */
function frames(from: Vm, to: Vm, payload: number, checksum: "partial" | "full"): Uint8Array[] {
  return Array.from({ length: DATA.length / payload }, (_, i) =>
    tcpFrame({
      ...{ from: from.station, to: to.station, id: i, seq: i * payload, checksum },
      payload: DATA.subarray(i * payload, (i + 1) * payload),
    }));
}

/** Send frames, which the switch is to find all at once, and take what arrives until all data has. */
async function pass(
  vswitch: Vswitch,
  from: Vm,
  to: Vm,
  sent: readonly Uint8Array[],
): Promise<SeenPacket[]> {
  const packets: SeenPacket[] = [];
  to.onFrame = (frame) => {
    const packet = readPacket(frame);
    if (packet !== undefined) packets.push(packet);
  };
  vswitch.signal("SIGSTOP");
  for (const frame of sent) await until("room to send", () => from.sendBytes(frame));
  vswitch.signal("SIGCONT");
  await until("the data to arrive", () => {
    to.poll();
    return packets.reduce((sum, { payload }) => sum + payload.length, 0) >= DATA.length;
  });
  return packets;
}

/** All lengths and checksums are right, and the data is what was sent. */
function assertRight(packets: readonly SeenPacket[]): void {
  for (const { faults, unfinished } of packets) assertEquals([faults, unfinished], [[], false]);
  assertEquals(concat(...packets.map(({ payload }) => payload)), DATA);
}

Deno.test("vswitch lets a VM with offload and a VM without talk", async () => {
  await using lab = new ProcessLab();
  const vswitch = await lab.start(
    lab.ports("a.sock,client=krunkit-offload", "b=stream:b.sock,client=qemu"),
  );
  const krunkit = lab.dgram(1, "a.sock"), qemu = lab.stream(2, "b.sock");
  await lab.introduce(krunkit, qemu);

  // 64 KiB with half a checksum in, 44 whole segments out
  const segments = await pass(
    vswitch,
    krunkit,
    qemu,
    frames(krunkit, qemu, DATA.length, "partial"),
  );
  assertRight(segments);
  assertEquals(segments.map(({ payload }) => payload.length), Array(SEGMENTS).fill(MSS));

  // and back: 44 segments in, and one frame of 64 KiB out, or a few if the switch was woken too early
  const merged = await pass(vswitch, qemu, krunkit, frames(qemu, krunkit, MSS, "full"));
  assertRight(merged);
  assert(merged.length < SEGMENTS, `${merged.length} frames`);

  const { total } = await vswitch.statsWhen("what was done to be counted", ({ ports }) => {
    const done = (name: string) => ports.find((port) => port.name === name)!.offload;
    return done("b.1").segmented === 1 && done("b.1").segments === SEGMENTS &&
      done("a").merges > 0;
  });
  assert(total.balanced);
  assertEquals((await vswitch.stop()).code, 0);
});

Deno.test("vswitch names a VM with offload on a port that was not told of it", async () => {
  await using lab = new ProcessLab();
  const vswitch = await lab.start(lab.ports("a.sock", "b=stream:b.sock"));
  const krunkit = lab.dgram(1, "a.sock"), qemu = lab.stream(2, "b.sock");
  await lab.introduce(krunkit, qemu);
  qemu.onFrame = () => {};
  const [frame] = frames(krunkit, qemu, DATA.length, "partial");
  await until("a line that says so", () => {
    krunkit.sendBytes(frame);
    qemu.poll();
    return vswitch.log.includes("use client=krunkit-offload");
  });
  const lines = vswitch.logLines.filter((line) => line.includes("unfinished checksum"));
  assertEquals(lines.length, 1, vswitch.log);
  assert((await vswitch.stats()).total.balanced);
});
