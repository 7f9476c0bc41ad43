/**
 * SEGMENT: large frames leave the switch as they leave a Linux bridge, byte for byte.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { type CutCase, Gso, largeTcp, largeUfo, largeUso, wireOf } from "./cases.ts";
import { AGREED, compare, judge as decide } from "../vectors/opinions.ts";
import { Ours } from "../vectors/ours.ts";
import { type Judge, kernelTest } from "./judge.ts";
import { cutByLinux } from "./linux.ts";
import { runs } from "./seed.ts";

const ours = new Ours();
/** Most segments of a frame, and most datagrams. */
const SEGMENTS = 256, DATAGRAMS = 128;

async function agree(judge: Judge, each: CutCase): Promise<void> {
  const wire = wireOf(each);
  assertEquals(decide(compare(ours, wire, await cutByLinux(judge, wire))), AGREED.cut);
}

function property(name: string, cases: fc.Arbitrary<CutCase>, numRuns: number): void {
  kernelTest(`${numRuns} ${name} are cut as Linux cuts them`, (judge) =>
    fc.assert(
      fc.asyncProperty(cases, (each) => agree(judge, each)),
      runs(numRuns),
    ));
}

property("large TCP frames", fc.oneof(largeTcp(12), largeTcp(SEGMENTS)), 3000);
property("frames of UDP datagrams", fc.oneof(largeUso(12), largeUso(DATAGRAMS)), 1000);
property("UDP datagrams for fragments", fc.oneof(largeUfo(12), largeUfo(SEGMENTS)), 1000);

kernelTest("all 4096 combinations of TCP's flags are cut as Linux cuts them", async (judge) => {
  for (let flags = 0; flags < 0x1000; flags++) {
    for (const version of [4, 6] as const) {
      await agree(judge, {
        shape: { version, flags, checksum: "partial", seq: 0xffff_fffe },
        payload: { seed: flags, length: 250 },
        gso: version === 4 ? Gso.TCPV4 : Gso.TCPV6,
        size: 100,
        told: true,
        hint: 0,
        zero: false,
        protocol: "tcp",
      });
    }
  }
});
