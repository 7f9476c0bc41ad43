import { assertEquals, assertThrows } from "@std/assert";
import { sum } from "../../src/frame/checksum.ts";
import { Arena } from "../../src/platform/arena.ts";
import { DemoError } from "../../src/demo/demo_error.ts";
import { station } from "../../src/demo/station.ts";
import { MSS, readTcp, stamp, TCP_HEADERS, writeTcp } from "../../src/demo/tcp.ts";
import { readPacket } from "../support/packet.ts";

const LENGTH = TCP_HEADERS + 2 * MSS;

/** A frame of two segments at an odd place. */
function written(offload: boolean): { view: DataView; at: number; frame: Uint8Array } {
  const arena = new Arena(new ArrayBuffer(16_384), 0, () => {});
  const at = arena.take(LENGTH + 1) + 1, frame = arena.u8.subarray(at, at + LENGTH);
  writeTcp(arena, at, LENGTH, station(1), station(2), true);
  for (let i = TCP_HEADERS; i < LENGTH; i++) frame[i] = i * 7;
  const payload = offload ? undefined : sum(arena.view, at + TCP_HEADERS, 2 * MSS);
  stamp(arena.view, at, LENGTH, 77, 2 ** 32 + 5, payload);
  return { view: arena.view, at, frame };
}

Deno.test("stamp() finishes the checksum of a segment, or leaves it to the network", () => {
  for (const offload of [false, true]) {
    const packet = readPacket(written(offload).frame)!;
    assertEquals([packet.faults, packet.unfinished], [[], offload]);
    assertEquals([packet.id, packet.seq, packet.flags], [77, 5, 0x18]);
    assertEquals(packet.payload.length, 2 * MSS);
  }
});

Deno.test("readTcp() tells the place in the stream of what is right", () => {
  const { view, at } = written(false);
  assertEquals(readTcp(view, at, LENGTH), 5);
});

Deno.test("readTcp() refuses an unfinished checksum, and says so", () => {
  const { view, at } = written(true);
  const { message } = assertThrows(() => readTcp(view, at, LENGTH), DemoError);
  assertEquals(message, "a frame of 2974 bytes arrived with an unfinished TCP checksum");
});

Deno.test("readTcp() refuses a frame with any bit turned over behind the Ethernet addresses", () => {
  const { view, at, frame } = written(false);
  for (let bit = 12 * 8; bit < LENGTH * 8; bit += bit < 60 * 8 ? 1 : 97) {
    frame[bit >> 3] ^= 1 << (bit & 7);
    assertThrows(() => readTcp(view, at, LENGTH), DemoError, "arrived with", `bit ${bit}`);
    frame[bit >> 3] ^= 1 << (bit & 7);
  }
});

Deno.test("readTcp() refuses a cut frame", () => {
  const { view, at } = written(false);
  for (const length of [0, TCP_HEADERS, TCP_HEADERS + MSS, LENGTH - 1]) {
    assertThrows(() => readTcp(view, at, length), DemoError);
  }
});
