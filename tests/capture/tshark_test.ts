/**
 * The judge itself is judged: it has to find exactly the bad checksums, in frames of every size.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { addresses, makePacket, type Packet } from "../support/packet.ts";
import { capture, framesOf } from "./pcap.ts";
import { judge, tsharkTest } from "./tshark.ts";

const PACKET: Packet = {
  from: addresses(1),
  to: addresses(2),
  version: 4,
  protocol: "tcp",
  source: 1111,
  target: 2222,
  payload: new Uint8Array(1000).fill(7),
  seq: 1,
  ack: 2,
  flags: 0x10,
  window: 500,
  options: new Uint8Array(),
  id: 9,
};

const GOOD: Packet[] = [4, 6].flatMap((version) =>
  (["tcp", "udp"] as const).flatMap((protocol) =>
    [0, 1, 1448, 65_000].map((length) => ({
      ...PACKET,
      version: version as 4 | 6,
      protocol,
      payload: crypto.getRandomValues(new Uint8Array(length)),
    }))
  )
);

async function judged(frames: readonly Uint8Array[]) {
  const path = await Deno.makeTempFile({ suffix: ".pcap" });
  try {
    await Deno.writeFile(path, capture(frames));
    assertEquals(framesOf(await Deno.readFile(path)), frames);
    return await judge(path);
  } finally {
    await Deno.remove(path);
  }
}

tsharkTest("tshark agrees with the tests' own idea of a right checksum", async () => {
  const packets = [...GOOD, { ...PACKET, vlan: 7 }];
  assertEquals(
    await judged(packets.map((packet) => makePacket(packet))),
    packets.map(({ version, protocol }) => ({
      ...(version === 4 ? { ip: "good" as const } : {}),
      [protocol]: "good" as const,
    })),
  );
});

tsharkTest("tshark finds the one bad checksum among good ones, and unfinished ones", async () => {
  const unfinished = GOOD.map((packet) => makePacket(packet, true));
  const damaged = makePacket(PACKET);
  damaged[100] ^= 1;
  const header = makePacket(PACKET);
  header[22] ^= 1; // time to live
  const judgements = await judged([makePacket(PACKET), damaged, ...unfinished, header]);
  assertEquals(judgements.map(({ tcp, udp }) => tcp ?? udp), [
    "good",
    "bad",
    ...unfinished.map(() => "bad" as const),
    "good",
  ]);
  assertEquals(judgements.at(-1)?.ip, "bad");
});
