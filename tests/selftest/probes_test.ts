/**
 * Every probe passes over a kernel that keeps its word, and names what is wrong over one that does not.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Errno } from "../../src/platform/errno.ts";
import { PROBES } from "../../src/selftest/probes.ts";
import { ask } from "../../src/selftest/thread.ts";
import { benchOf, lyingKernel, probeOver } from "./bench.ts";
import { DATA_LIES } from "./lies/data.ts";
import { END_LIES } from "./lies/ends.ts";
import type { Lies } from "./lies/lie.ts";
import { PEER_LIES } from "./lies/peers.ts";
import { ROOM_LIES } from "./lies/room.ts";
import { STORE_LIES } from "./lies/store.ts";
import { SYSTEM_LIES } from "./lies/system.ts";

const probes = Object.fromEntries(PROBES.map((probe) => [probe.name, probe]));

for (const probe of PROBES) {
  Deno.test(`probe ${probe.name} passes over the fake kernel and leaves nothing open`, () => {
    const { ok, details, open } = probeOver(probe);
    assert(ok, details);
    assertEquals(open, []);
  });
}

const LIES: Lies = {
  ...{ ...SYSTEM_LIES, ...STORE_LIES, ...DATA_LIES, ...ROOM_LIES, ...PEER_LIES, ...END_LIES },
};

Deno.test("every probe has been seen to fail", () => {
  assertEquals(Object.keys(LIES).sort(), Object.keys(probes).sort());
});

for (const [name, lies] of Object.entries(LIES)) {
  for (const [what, lie, message] of lies) {
    Deno.test(`probe ${name} finds out when ${what}`, () => {
      const { ok, details } = probeOver(probes[name], lie);
      assertEquals(ok, false, `it passed: ${details}`);
      assertMatch(details, message);
    });
  }
}

Deno.test("probe errno forgives a rare number that a call cannot have, and tells of it", () => {
  let calls = 0;
  const { ok, details, figures } = probeOver(probes.errno, (real) => ({
    unlink: (path) => ++calls === 77 ? -999 : real.unlink(path),
  }));
  assert(ok, details);
  assertEquals(figures.overwritten, 1);
});

Deno.test("probe full recovers by the timer when the writable event never comes, and tells of it", () => {
  const kernel = lyingKernel((real) => ({
    send: (fd, table, from, count) => {
      const result = real.send(fd, table, from, count);
      return result === -Errno.EAGAIN ? -Errno.ENOBUFS : result;
    },
  }));
  kernel.faults.on("writable", { every: 1 });
  const answer = ask(probes.full, benchOf(kernel));
  assert(answer.ok, answer.details);
  const { refusedAs, byEvent, byTimer, eventsMissed, rounds } = answer.figures;
  assertEquals({ refusedAs, byEvent, byTimer, eventsMissed }, {
    refusedAs: "ENOBUFS",
    byEvent: 0,
    byTimer: rounds,
    eventsMissed: rounds,
  });
});

Deno.test("probe end forgives a number that a call cannot have, as the switch does", () => {
  let calls = 0;
  const { ok, details } = probeOver(probes.end, (real) => ({
    send: (fd, table, from, count) => ++calls % 4 === 0 ? -999 : real.send(fd, table, from, count),
  }));
  assert(ok, details);
});

Deno.test("probe exit says that it did not ask where no process can be started", () => {
  const bench = { ...benchOf(lyingKernel(() => ({}))), startProcess: () => undefined };
  const answer = ask(probes.exit, bench);
  assert(answer.ok);
  assertMatch(answer.details, /^not asked: /);
  assertEquals(answer.figures, { asked: false });
});

Deno.test("probe exit leaves no process behind when it fails", () => {
  const kernel = lyingKernel(() => ({}));
  const process = kernel.startProcess();
  const end = () => void (process.ended = true);
  kernel.watchExit = (pid) => pid === process.pid ? -Errno.ENOSYS : -Errno.ESRCH;
  const answer = ask(probes.exit, {
    ...benchOf(kernel),
    startProcess: () => ({ pid: process.pid, end }),
  });
  assertEquals([answer.ok, answer.details], [false, "cannot watch a process: ENOSYS"]);
  assert(process.ended);
});

Deno.test("probe descriptors tells where a socket cannot refuse them", () => {
  const { ok, details, figures } = probeOver(probes.descriptors, () => ({
    refuseDescriptors: () => -Errno.ENOPROTOOPT,
  }));
  assert(ok);
  assertMatch(details, /a socket can not refuse them$/);
  assertEquals(figures.refused, false);
});

Deno.test("probe wake fails when the other thread does not start", () => {
  const answer = ask(probes.wake, benchOf(lyingKernel(() => ({})), false));
  assertEquals(answer, {
    ok: false,
    details: "the start of the other thread was not heard within 5 s",
  });
});

Deno.test("a fault of a probe itself is told with its stack", () => {
  const answer = ask({
    name: "x",
    label: "",
    run: () => {
      throw new TypeError("ours");
    },
  }, benchOf(lyingKernel(() => ({}))));
  assertEquals(answer.ok, false);
  assertMatch(answer.details, /TypeError: ours\n {4}at/);
});
