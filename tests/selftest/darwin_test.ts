/**
 * Every probe over the kernel for macOS and a fake libSystem: what a Mac is expected to answer, and with either way to
 * move datagrams.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Kernel } from "../../src/platform/kernel.ts";
import { PROBES } from "../../src/selftest/probes.ts";
import { ask } from "../../src/selftest/thread.ts";
import { FakeDarwin } from "../support/fake_darwin.ts";
import type { FakeDarwinMachine } from "../support/fake_darwin_machine.ts";
import { fakeLibSystem } from "../support/fake_libsystem.ts";
import { benchOf } from "./bench.ts";

/** What is wrong with a Mac, as a probe tells it. */
function told(name: string, mac: FakeDarwin): string {
  const answer = ask(PROBES.find((probe) => probe.name === name)!, benchOf(mac));
  assertEquals(answer.ok, false, `it passed: ${answer.details}`);
  return answer.details;
}

/** A Mac whose kernel object answers otherwise. */
function lying(lie: Partial<Kernel>): FakeDarwin {
  const mac = new FakeDarwin();
  for (const [key, value] of Object.entries(lie)) Object.defineProperty(mac, key, { value });
  return mac;
}

for (const bulk of ["on", "off"] as const) {
  for (const probe of PROBES) {
    Deno.test(`probe ${probe.name} passes over the fake Mac, bulk calls ${bulk}`, () => {
      const mac = new FakeDarwin({}, bulk);
      const answer = ask(probe, benchOf(mac));
      assert(answer.ok, answer.details);
      assertEquals(mac.openDescriptors(), []);
      const { figures } = answer;
      if (probe.name === "full") assertEquals(figures.refusedAs, "ENOBUFS");
      if (probe.name === "strangers") assertEquals(figures.strangersHeard, true);
      if (probe.name === "end") {
        assertEquals([figures.first, figures.then], ["ECONNRESET", "EDESTADDRREQ"]);
      }
      if (probe.name === "exit") assertEquals(figures.watchedLate, "ESRCH");
      if (probe.name === "descriptors") {
        assertEquals([figures.streamsGo, figures.refused], [true, false]);
      }
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

Deno.test("probe full finds out that room for one byte, told by its level, would let the loop spin", () => {
  const EVFILT_WRITE = -2, EV_CLEAR = 0x20;
  const library = (machine: FakeDarwinMachine) => {
    const { libc, errno } = fakeLibSystem(machine), { view } = machine.arena, { kevent } = libc;
    const level: typeof kevent = (queue, changes, count, ...rest) => {
      const at = Number(changes & 0xffff_ffffn);
      if (count > 0 && view.getInt16(at + 8, true) === EVFILT_WRITE) {
        view.setUint16(at + 10, view.getUint16(at + 10, true) & ~EV_CLEAR, true);
      }
      return kevent(queue, changes, count, ...rest);
    };
    return { libc: { ...libc, kevent: level }, errno };
  };
  assertMatch(
    told("full", new FakeDarwin({}, "auto", library)),
    /^a full peer was told as writable 4 times in a row/,
  );
});

Deno.test("probe strangers finds out that a Mac turns nobody away", () => {
  assertEquals(
    told("strangers", lying({ turnsAway: true })),
    "a stranger's datagram (early) is to be turned away with EPERM, and was taken",
  );
});

Deno.test("probe end finds out when a peer that has gone still counts as one", () => {
  assertEquals(
    told("end", lying({ isConnected: () => 1 })),
    "getpeername when the other end of a pair had gone gave 1 instead of 0",
  );
});
