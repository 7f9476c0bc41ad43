/**
 * Feature bits: what a policy offers, and what is left of it when a driver has answered.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Feature, OFFLOAD_ON, parseFeatures } from "../../../src/offload/features.ts";
import { NO_OFFLOAD, type Policy } from "../../../src/offload/policy.ts";
import {
  acked,
  beyond,
  Bit,
  bitsOf,
  type FeatureBits,
  has,
  offered,
} from "../../../src/port/vhost_user/features.ts";

/** MRG_RXBUF, ANY_LAYOUT, INDIRECT, EVENT_IDX, PROTOCOL_FEATURES, VERSION_1. */
const ALWAYS = [15, 27, 28, 29, 30, 32];

function policy(sends: string, accepts: string, more: Partial<Policy> = {}): Policy {
  return {
    ...NO_OFFLOAD,
    sends: parseFeatures(sends)!,
    accepts: parseFeatures(accepts)!,
    ...more,
  };
}

function numbers(bits: FeatureBits): number[] {
  return [...Array(64).keys()].filter((bit) => has(bits, bit));
}

Deno.test("offered() has the bits of virtio 1.2 for each feature, HOST_* for sends and GUEST_* for accepts", () => {
  const cases: [string, string, number[]][] = [
    ["none", "none", []],
    ["csum", "none", [0]],
    ["none", "csum", [1]],
    ["csum+tso4", "none", [0, 11]],
    ["csum+tso6", "none", [0, 12]],
    ["csum+ufo", "none", [0, 14]],
    ["csum+uso", "none", [0, 56]],
    ["csum+tso4+ecn", "none", [0, 11, 13]],
    ["none", "csum+tso4", [1, 7]],
    ["none", "csum+tso6", [1, 8]],
    ["none", "csum+ufo", [1, 10]],
    ["none", "csum+uso", [1, 54, 55]],
    ["none", "csum+tso6+ecn", [1, 8, 9]],
  ];
  for (const [sends, accepts, bits] of cases) {
    const expected = [...ALWAYS, ...bits].sort((a, b) => a - b);
    assertEquals(numbers(offered(policy(sends, accepts))), expected, `${sends} ${accepts}`);
  }
  assertEquals(has(offered(policy("none", "none", { mtu: 9000 })), Bit.MTU), true);
});

Deno.test("offered() leaves out what has nothing to stand on", () => {
  const alone = offered(policy("tso4+tso6+ufo+uso+ecn", "tso4+uso"));
  assertEquals(numbers(alone), ALWAYS, "no large frame without a checksum to finish");
  assertEquals(numbers(offered(policy("csum+ecn", "csum+uso+ecn"))), [
    0,
    1,
    ...ALWAYS,
    54,
    55,
  ]);
});

Deno.test("bitsOf() keeps both halves unsigned", () => {
  assertEquals(bitsOf([31, 63]), { low: 0x8000_0000, high: 0x8000_0000 });
  assertEquals(bitsOf([0, 32]), { low: 1, high: 1 });
  assertEquals(numbers(bitsOf([0, 31, 32, 56, 63])), [0, 31, 32, 56, 63]);
});

Deno.test("acked() has the header of 12 bytes with VERSION_1 or MRG_RXBUF, and of 10 without", () => {
  assertEquals(acked(bitsOf([])).vnetHdr, 10);
  assertEquals(acked(bitsOf([Bit.ANY_LAYOUT, Bit.EVENT_IDX])).vnetHdr, 10);
  assertEquals(acked(bitsOf([Bit.MRG_RXBUF])).vnetHdr, 12);
  assertEquals(acked(bitsOf([Bit.VERSION_1])).vnetHdr, 12);
});

Deno.test("acked() tells the abilities of the rings apart", () => {
  const nothing = {
    sends: 0,
    accepts: 0,
    vnetHdr: 10 as const,
    mergeable: false,
    eventIdx: false,
    indirect: false,
    protocol: false,
  };
  assertEquals(acked(bitsOf([])), nothing);
  assertEquals(acked(bitsOf([Bit.EVENT_IDX])), { ...nothing, eventIdx: true });
  assertEquals(acked(bitsOf([Bit.INDIRECT])), { ...nothing, indirect: true });
  assertEquals(acked(bitsOf([Bit.PROTOCOL_FEATURES])), { ...nothing, protocol: true });
  assertEquals(acked(bitsOf([Bit.MRG_RXBUF])), { ...nothing, mergeable: true, vnetHdr: 12 });
});

Deno.test("acked() has USO for the guest only with both of its bits", () => {
  const csum = Bit.GUEST_CSUM, accepts = (...bits: number[]) => acked(bitsOf(bits)).accepts;
  assertEquals(accepts(csum, Bit.GUEST_USO4), Feature.CSUM);
  assertEquals(accepts(csum, Bit.GUEST_USO6), Feature.CSUM);
  assertEquals(accepts(csum, Bit.GUEST_USO4, Bit.GUEST_USO6), Feature.CSUM | Feature.USO);
});

Deno.test("acked() does not believe in large frames without checksum offload, nor in ECN without TSO", () => {
  const all = [Bit.HOST_TSO4, Bit.HOST_TSO6, Bit.HOST_UFO, Bit.HOST_USO, Bit.HOST_ECN];
  assertEquals(acked(bitsOf(all)).sends, 0);
  assertEquals(acked(bitsOf([Bit.CSUM, Bit.HOST_ECN])).sends, Feature.CSUM);
  assertEquals(acked(bitsOf([Bit.GUEST_TSO4, Bit.GUEST_ECN])).accepts, 0);
});

Deno.test("acked(offered()) is the policy again, for each that stands on its own", () => {
  const features = fc.integer({ min: 0, max: 63 });
  fc.assert(fc.property(features, features, (sends, accepts) => {
    const back = acked(offered({ ...NO_OFFLOAD, sends, accepts }));
    for (const [asked, got] of [[sends, back.sends], [accepts, back.accepts]]) {
      assertEquals(got & ~asked, 0, "nothing is made up");
      const large = (asked & Feature.CSUM) !== 0 ? ~Feature.ECN : Feature.CSUM;
      assertEquals(got & ~Feature.ECN, asked & large & ~Feature.ECN);
      const tso = (got & (Feature.TSO4 | Feature.TSO6)) !== 0;
      assertEquals(got & Feature.ECN, tso ? asked & Feature.ECN : 0);
    }
    assertEquals([back.vnetHdr, back.mergeable, back.protocol], [12, true, true]);
  }));
});

Deno.test("beyond() names the bits that were not offered", () => {
  const offer = offered({ ...NO_OFFLOAD, sends: OFFLOAD_ON, accepts: OFFLOAD_ON });
  assertEquals(beyond(offer, offer), []);
  assertEquals(beyond(bitsOf([]), offer), []);
  assertEquals(beyond(bitsOf([0, 3, 5, 26, 31, 33, 34, 54, 63]), offer), [
    3,
    5,
    26,
    31,
    33,
    34,
    54,
    63,
  ]);
});
