/**
 * `full=pause` between ports that do not agree: parked frames keep their vnet headers and their policy.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { PortConfig } from "../../src/port/config.ts";
import { tcpFrame } from "../offload/frames.ts";
import {
  assertTaken,
  drain,
  large,
  openOffload,
  segmentsOf,
  sent,
  TSO,
  TSO_VNET,
} from "./offload_lab.ts";

const PAUSING = { full: "pause", pauseMs: 100, queue: 16_384 } as const;
const BYTES = 5 * 1460 + 100, FRAMES = 8;

Deno.test("Pauses parks frames behind their vnet headers, and forwards them as their port's policy has it", () => {
  const receivers: Partial<PortConfig>[] = [{}, { vnetHdr: 10 }, TSO_VNET, { mtu: 1280 }];
  for (const receiver of receivers) {
    for (const sender of [TSO, TSO_VNET, { ...TSO, vnetHdr: 10 } as const]) {
      const { lab, p } = openOffload({ ...PAUSING, ...receiver }, sender);
      const frames = Array.from({ length: FRAMES }, (_, i) => large(1, 0, BYTES, i));
      p[0].room = 0;
      lab.ingress(p[1], frames.map((shape) => sent(shape, p[1])));
      assertEquals([lab.pauses.isPaused(p[1]), p[1].readWanted], [true, false]);
      lab.checkBalance();
      // What was read before its port was paused goes behind them.
      lab.ingress(p[1], [sent(large(1, 0, 500, FRAMES), p[1])]);
      drain(lab, p[0]);
      assertEquals([lab.pauses.isPaused(p[1]), p[1].readWanted], [false, true]);
      assertEquals(lab.count(p[1], "rxFrames"), FRAMES + 1);
      lab.checkBalance();
      assertEquals(lab.count(p[0], "queue-full"), 0);
      const { vnetHdr = 0, accepts = 0, mtu = 1500 } = receiver;
      const all = [...frames, large(1, 0, 500, FRAMES)];
      if (accepts !== 0) assertEquals(p[0].taken.length, all.length, "whole");
      else assertTaken(p[0], all.flatMap((shape) => segmentsOf(shape, mtu - 40, vnetHdr)));
    }
  }
});

Deno.test("Pauses makes frames of two ports right, each by its own policy, when they go on together", () => {
  const { lab, p } = openOffload({ ...PAUSING, queue: 1 << 20 }, TSO, TSO_VNET, {});
  const [a, b, c] = [large(1, 0, BYTES, 1), large(2, 0, BYTES, 2), large(3, 0, 1000, 3)];
  p[0].room = 0;
  // Finds the VM full; from here on there is no credit.
  for (let i = 0; lab.egressOf(p[0]).queued < 600; i++) {
    lab.ingress(p[3], [sent(large(3, 0, 1400, 10 + i), p[3])]);
  }
  while (!lab.pauses.isPaused(p[1])) lab.ingress(p[1], [sent(a, p[1])]);
  while (!lab.pauses.isPaused(p[2])) lab.ingress(p[2], [sent(b, p[2])]);
  while (!lab.pauses.isPaused(p[3])) lab.ingress(p[3], [sent(c, p[3])]);
  lab.checkBalance();
  const counts = [1, 2, 3].map((from) => lab.count(p[from], "rxFrames"));
  p[0].taken.length = 0;
  drain(lab, p[0]);
  assertEquals([1, 2, 3].map((from) => lab.count(p[from], "rxFrames")), counts.map((n) => n + 1));
  assertTaken(
    { ...p[0], taken: p[0].taken.slice(-13) } as typeof p[0],
    [...segmentsOf(a), ...segmentsOf(b), tcpFrame(c)],
  );
  lab.checkBalance();
});

Deno.test("Pauses lets a port that leaves have its parked frames cut, too", () => {
  const { lab, p } = openOffload({ ...PAUSING }, TSO_VNET);
  p[0].room = 0;
  const frames = Array.from({ length: FRAMES }, (_, i) => large(1, 0, BYTES, i));
  lab.ingress(p[1], frames.map((shape) => sent(shape, p[1])));
  const parked = lab.pauses.framesOf(p[1]);
  lab.leave(p[1]);
  lab.checkBalance();
  assertEquals(lab.count(p[1], "rxFrames"), FRAMES);
  assertEquals(lab.count(p[0], "queue-full") > 0, parked > 0);
  drain(lab, p[0]);
  lab.checkBalance();
});
