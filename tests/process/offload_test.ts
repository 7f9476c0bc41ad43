/**
 * What a port can be told about its VM besides its offloads, through the whole program.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { filler, tcpFrame, type TcpShape } from "../offload/frames.ts";
import { concat, readPacket, type SeenPacket } from "../support/packet.ts";
import { ProcessLab } from "../support/process_lab.ts";
import { until } from "../support/time.ts";
import type { Vm } from "../support/vm.ts";
import { GSO_TCPV4, NEEDS_CSUM, NO_OFFLOAD, withVnet } from "../support/vnet_header.ts";

const SYN = 2;
/** TCP option: maximum segment size 8960. */
const MSS_8960 = [2, 4, 0x23, 0x00];
const DATA = filler(40 * 1460);

/** Send frames and take as many packets as `enough` wants. */
async function pass(
  from: Vm,
  to: Vm,
  frames: readonly Uint8Array[],
  enough: (packets: readonly SeenPacket[]) => boolean,
): Promise<SeenPacket[]> {
  const packets: SeenPacket[] = [];
  to.onFrame = (frame) => {
    const packet = readPacket(frame);
    if (packet !== undefined) packets.push(packet);
  };
  for (const frame of frames) await until("room to send", () => from.sendBytes(frame));
  await until("the packets", () => (to.poll(), enough(packets)));
  for (const { faults } of packets) assertEquals(faults, []);
  return packets;
}

function hasAll(packets: readonly SeenPacket[]): boolean {
  return concat(...packets.map(({ payload }) => payload)).length >= DATA.length;
}

Deno.test("vswitch gives a VM with forward-safe=on no frame longer than its MTU", async () => {
  await using lab = new ProcessLab();
  const large = "client=krunkit-offload";
  await lab.start(lab.ports(`a.sock,${large}`, `b.sock,${large},forward-safe=on,mtu=1400`));
  const [a, b] = [lab.dgram(1, "a.sock"), lab.dgram(2, "b.sock")];
  await lab.introduce(a, b);
  const frame = (shape: TcpShape) => tcpFrame({ payload: DATA, checksum: "partial", ...shape });
  const packets = await pass(a, b, [frame({ from: 1, to: 2 })], hasAll);
  const lengths = packets.map(({ payload }) => 40 + payload.length);
  assertEquals(Math.max(...lengths), 1400);
  assertEquals(concat(...packets.map(({ payload }) => payload)), DATA);
  const back = await pass(b, a, [frame({ from: 2, to: 1 })], hasAll);
  assertEquals(back.length, 1, "it may send what it likes");
});

Deno.test("vswitch lowers the MSS of connections from and to a VM with clamp-mss=on", async () => {
  await using lab = new ProcessLab();
  await lab.start(lab.ports("a.sock,mtu=9000", "b.sock,mtu=1400,clamp-mss=on"));
  const [a, b] = [lab.dgram(1, "a.sock"), lab.dgram(2, "b.sock")];
  await lab.introduce(a, b);
  for (const version of [4, 6] as const) {
    for (const [from, to] of [[a, b], [b, a]]) {
      const stations = { from: from.station, to: to.station };
      const syn = tcpFrame({ version, ...stations, flags: SYN, tcpOptions: MSS_8960 });
      const [{ options }] = await pass(from, to, [syn], (packets) => packets.length > 0);
      const mss = 1400 - (version === 4 ? 40 : 60);
      assertEquals([...options], [2, 4, mss >> 8, mss & 255]);
    }
  }
});

Deno.test("vswitch drops frames whose vnet header lies, counts them, and goes on", async () => {
  await using lab = new ProcessLab();
  const vswitch = await lab.start(lab.ports("a.sock,offload=on,vnet-hdr=12", "b.sock"));
  const [a, b] = [lab.dgram(1, "a.sock"), lab.dgram(2, "b.sock")];
  await vswitch.statsWhen("both VMs", ({ ports }) => ports.every(({ state }) => state === "up"));
  const frame = tcpFrame({ from: 1, to: 2, payload: DATA, checksum: "partial" });
  const honest = {
    ...NO_OFFLOAD,
    ...{ flags: NEEDS_CSUM, gsoType: GSO_TCPV4, gsoSize: 1460 },
    ...{ headerLength: 54, checksumStart: 34, checksumOffset: 16 },
  };
  const lies = [
    { ...honest, gsoSize: 0 },
    { ...honest, gsoSize: 1 }, // 58,400 segments
    { ...honest, gsoType: 99 },
    { ...honest, checksumStart: 60_000 },
    { ...honest, checksumOffset: 0xfff0 },
  ].map((header) => withVnet(header, frame));
  const packets = await pass(a, b, [...lies, withVnet(honest, frame)], hasAll);
  assertEquals(concat(...packets.map(({ payload }) => payload)), DATA);
  const { total } = await vswitch.statsWhen("each lie to be counted", ({ ports }) => {
    return ports.reduce((sum, port) => sum + port.drops.total, 0) === lies.length;
  });
  assert(total.balanced);
});
