/**
 * Waiting for a VM that has half a frame: it has not recovered, though nothing is queued for it.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { Column } from "../../src/engine/counters.ts";
import { EngineLab, thousands } from "./engine_lab.ts";
import { BROADCAST, mac } from "./frames.ts";

Deno.test("a sender waits for a VM with half a frame until pause-ms is over, and then no more", () => {
  const lab = new EngineLab();
  const a = lab.join("a"), b = lab.join("b", { full: "pause", pauseMs: 100 });
  let givenBack = 0;
  Object.assign(a, { giveBack: (frames: number) => givenBack += frames });
  lab.ingress(b, thousands(BROADCAST, mac(2), 0, 1));
  b.room = 1;
  b.unfinished = 1; // its end does not go out
  lab.ingress(a, thousands(mac(2), mac(1), 0, 1));
  lab.ingress(a, thousands(mac(2), mac(1), 1, 1));
  assertEquals([givenBack, a.readWanted], [1, false]);
  lab.pass(90);
  assertEquals(a.readWanted, false);
  lab.pass(20);
  assertEquals(a.readWanted, true);
  lab.ingress(a, thousands(mac(2), mac(1), 1, 1));
  assertEquals([givenBack, a.readWanted], [1, true], "it is waited for once");
  assertEquals(lab.cell(a.row, Column.pauses), 1);
});
