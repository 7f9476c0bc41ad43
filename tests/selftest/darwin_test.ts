/**
 * Every probe over the kernel for macOS and a fake libSystem: what a Mac is expected to answer, and with either way to
 * move datagrams.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { PROBES } from "../../src/selftest/probes.ts";
import { ask } from "../../src/selftest/thread.ts";
import { FakeDarwin } from "../support/fake_darwin.ts";
import { benchOf } from "./bench.ts";

for (const bulk of ["on", "off"] as const) {
  for (const probe of PROBES) {
    Deno.test(`probe ${probe.name} passes over the fake Mac, bulk calls ${bulk}`, () => {
      const mac = new FakeDarwin({}, bulk);
      const answer = ask(probe, benchOf(mac));
      assert(answer.ok, answer.details);
      assertEquals(mac.openDescriptors(), []);
      if (probe.name === "full") assertEquals(answer.figures.refusedAs, "ENOBUFS");
      if (probe.name === "bulk") {
        assertEquals(
          answer.figures.calls,
          bulk === "on" ? "sendmsg_x/recvmsg_x" : "sendmsg/recvmsg",
        );
      }
    });
  }
}

Deno.test("probe full goes on over a fake Mac that never says there is room", () => {
  const mac = new FakeDarwin();
  mac.faults.on("writable", { every: 1 });
  const answer = ask(PROBES.find(({ name }) => name === "full")!, benchOf(mac));
  assert(answer.ok, answer.details);
  assertEquals([answer.figures.byEvent, answer.figures.byTimer], [0, answer.figures.rounds]);
});
