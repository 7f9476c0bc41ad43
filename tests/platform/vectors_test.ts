/**
 * Tables byte for byte, as the kernel reads them.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { LINUX } from "../../src/platform/abi.ts";
import { Arena } from "../../src/platform/arena.ts";
import { MessageTable, NAME_BYTES, Vector } from "../../src/platform/vectors.ts";

const { message, bulkMessage } = LINUX;

function open(high: number): Arena {
  return new Arena(new ArrayBuffer(1 << 20), high, () => {});
}

function u64(arena: Arena, at: number): bigint {
  return arena.view.getBigUint64(at, true);
}

/** An address as a kernel would compute it. */
function addressOf(high: number, at: number): bigint {
  return BigInt(high >>> 0) * 2n ** 32n + BigInt(at);
}

/** Mappings in the lower half, and one whose upper word is negative as a signed number. */
const HIGHS = [0x7f12, 0xffff_8000 | 0, -1];

Deno.test("Vector.set() stores struct iovec: address and length of 8 bytes each", () => {
  for (const high of HIGHS) {
    const arena = open(high);
    const vector = new Vector(arena, 4);
    vector.set(2, 0x7000_1234, 65_550);
    assertEquals(u64(arena, vector.at + 32), addressOf(high, 0x7000_1234));
    assertEquals(u64(arena, vector.at + 40), 65_550n);
    assertEquals([vector.start(2), vector.length(2)], [0x7000_1234, 65_550]);
  }
});

Deno.test("Vector.setFar() points anywhere in the arena, and set() back into the slab", () => {
  const places = fc.oneof(
    fc.maxSafeInteger().map((n) => Math.abs(n) % 2 ** 43),
    fc.tuple(fc.nat(2 ** 11), fc.integer({ min: -2, max: 2 }))
      .map(([high, low]) => Math.max(0, high * 2 ** 32 + low)),
  );
  fc.assert(
    fc.property(fc.constantFrom(...HIGHS, 0x7fff_ffff), places, fc.nat(), (high, at, near) => {
      const arena = open(high), vector = new Vector(arena, 2);
      vector.setFar(1, at, 99);
      const address = BigInt.asUintN(64, addressOf(high, 0) + BigInt(at));
      assertEquals(u64(arena, vector.at + 16), address);
      assertEquals([vector.start(1), vector.length(1)], [at, 99]);
      vector.set(1, near, 7);
      assertEquals(u64(arena, vector.at + 16), addressOf(high, near));
      assertEquals([vector.start(1), vector.length(1)], [near, 7]);
    }),
  );
});

Deno.test("Vector keeps its entries apart", () => {
  const entry = fc.tuple(fc.nat({ max: 7 }), fc.nat(), fc.nat());
  fc.assert(fc.property(fc.array(entry), (entries) => {
    const vector = new Vector(open(1), 8);
    const model = new Map<number, [number, number]>();
    for (const [i, at, length] of entries) {
      vector.set(i, at, length);
      model.set(i, [at, length]);
    }
    for (let i = 0; i < 8; i++) {
      assertEquals([vector.start(i), vector.length(i)], model.get(i) ?? [0, 0]);
    }
  }));
});

Deno.test("MessageTable wires each header to its piece and its name", () => {
  for (const high of HIGHS) {
    const arena = open(high);
    const table = new MessageTable(arena, LINUX, 5, true);
    for (let i = 0; i < 5; i++) {
      const header = table.at + i * bulkMessage.size;
      const name = table.names + i * NAME_BYTES;
      assertEquals(u64(arena, header + message.name), addressOf(high, name));
      assertEquals(arena.view.getUint32(header + message.nameLength, true), NAME_BYTES);
      assertEquals(u64(arena, header + message.vector), addressOf(high, table.vector.at + 16 * i));
      assertEquals(u64(arena, header + message.vectorCount), 1n);
      assertEquals(u64(arena, header + message.control), 0n);
      assertEquals(u64(arena, header + message.controlLength), 0n);
      assertEquals(table.address(i), addressOf(high, header));
      assertEquals([table.nameStart(i), table.nameLength(i)], [name, NAME_BYTES]);
    }
  }
});

Deno.test("MessageTable without names points at none", () => {
  const arena = open(0x7f12);
  const table = new MessageTable(arena, LINUX, 3, false);
  assertEquals(table.names, 0);
  for (let i = 0; i < 3; i++) {
    assertEquals(u64(arena, table.at + i * bulkMessage.size + message.name), 0n);
    assertEquals(table.nameLength(i), 0);
  }
});

Deno.test("MessageTable.set(), setName() and setReceived() change one message only", () => {
  const arena = open(-5);
  const table = new MessageTable(arena, LINUX, 3, true);
  const facts = (i: number) => [
    table.vector.start(i),
    table.vector.length(i),
    table.nameStart(i),
    table.nameLength(i),
    table.received(i),
  ];
  const others = [facts(0), facts(2)];
  table.set(1, 40_960, 1514);
  table.setName(1, 81_920, 13);
  table.setReceived(1, 60);
  assertEquals(facts(1), [40_960, 1514, 81_920, 13, 60]);
  assertEquals([facts(0), facts(2)], others);
  const header = table.at + bulkMessage.size;
  assertEquals(u64(arena, header + message.name), addressOf(-5, 81_920));
  assertEquals(arena.view.getUint32(header + bulkMessage.received, true), 60);
});
