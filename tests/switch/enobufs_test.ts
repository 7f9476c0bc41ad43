/**
 * The field's own stress recipe for ENOBUFS on fake machines: eight streams in both directions for ten minutes of
 * virtual time, between VMs that read at their own pace or pause. Sends fail at random although there is room, and
 * half of the writable events never come, or all; what broke others was a sender that then slept for ever.
 *
 * On Darwin the refusals are inside the C library, where sendmsg_x has copied the whole batch before it refuses the
 * first, or answers with the count of those that went before. The same on the real Linux kernel: enobufs_linux_test.ts.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { checkDelivered } from "./eight_streams.ts";
import { FakeStress, type Recipe } from "./fake_stress.ts";

/** Longest time a VM with room may hear nothing while the switch has frames for it, in ms; storms apart. */
const STALL_MS = 2;
/** Longest time the switch leaves a VM alone that has refused a frame, in ms; storms included. */
const PAUSE_MS = 1.1;
/** The same while nothing is refused without a reason and each writable event comes. */
const WOKEN_MS = 0.02;
/** Longest time to stop: that given to a VM to take the end of a frame, and a turn. */
const STOP_MS = 201;
/** System calls for a frame that arrives, and for each ms that a VM is full: one try and what is around it. */
const FRAME_CALLS = 8, FULL_CALLS = 4;
/** Bytes that sendmsg_x copies for each send, on average: four frames, the fewest that are offered, and some. */
const COPIED = 20_000;
const MINUTE = 60_000;

/** Run the recipe for a time, and check what must hold of it. */
function stress(recipe: Recipe, ms: number): FakeStress {
  const run = new FakeStress(recipe);
  run.refusals.on = true;
  const calls = callsOf(run);
  run.run(ms);
  checkEffort(run, callsOf(run) - calls);
  run.drain();
  checkDelivered(run.lab, run.guests);
  checkCounters(run, recipe);
  checkLog(run);
  const { longestStall, refusals } = run;
  assert(longestStall <= STALL_MS, `a VM waited ${longestStall} ms for frames the switch had`);
  const { longestPause, longestRun } = refusals;
  assert(longestPause <= PAUSE_MS, `the switch left a VM alone for ${longestPause} ms`);
  assert(longestRun > 20, `${longestRun} refusals in a row are no storm`);
  return run;
}

function callsOf({ lab }: FakeStress): number {
  return lab.kernel.calls.values().reduce((sum, n) => sum + n, 0);
}

/** Neither a spin nor a batch that is copied again and again. */
function checkEffort({ guests, lab, mac, idleLooks }: FakeStress, calls: number): void {
  const heard = guests.reduce((sum, guest) => sum + guest.heard.length, 0);
  const full = lab.sum("fullMs");
  assert(
    calls <= FRAME_CALLS * heard + FULL_CALLS * full,
    `${calls} system calls for ${heard} frames and ${full} ms of full VMs`,
  );
  assert(idleLooks <= heard / 100, `${idleLooks} waits looked, found nothing and did not sleep`);
  const copied = mac?.machine.copied ?? 0, sends = lab.kernel.callsOf("send");
  assert(copied <= COPIED * sends, `${sends} sends copied ${copied} bytes`);
}

/** What waited is over and was counted as it was. */
function checkCounters({ lab, refusals, tag }: FakeStress, { system }: Recipe): void {
  const fulls = lab.sum("fulls"), retries = lab.sum("retries"), drops = lab.sum("queue-full");
  assertEquals(lab.sum("fullsOver"), fulls);
  assert(lab.sum("fullMs") >= lab.sum("fullMost"));
  // One by one, a refusal behind a datagram that went is not told; a short count is.
  if (system === "Darwin, one by one") assert(retries <= refusals.refused);
  else assertEquals(retries, refusals.refused);
  assert(fulls > tag / 20 && fulls <= retries + tag, `${fulls} times full, ${tag} frames`);
  assert(drops < tag / 10, `${drops} of ${tag} lost`);
}

/** One line a VM and minute at most, and at least one. */
function checkLog({ lab, guests }: FakeStress): void {
  const told = lab.logs.filter(({ text }) => /its VM (was|has been) full/.test(text));
  const ports = Map.groupBy(told, ({ port }) => port);
  assertEquals(ports.size, guests.length);
  for (const [port, lines] of ports) {
    for (let i = 1; i < lines.length; i++) {
      assert(lines[i].at - lines[i - 1].at >= MINUTE, `two lines a minute for ${port}`);
    }
  }
}

/** Told to stop in the middle of it all, it stops; returns how many ms that takes. */
function checkStop(run: FakeStress): number {
  run.refusals.on = true;
  run.burst();
  run.lab.run(0.2);
  const took = run.lab.stop();
  assert(took <= STOP_MS, `it took ${took} ms to stop`);
  return took;
}

const seed = fc.integer({ min: 0, max: 2 ** 31 - 1 });

Deno.test("Darwin: eight streams in both directions for 10 min lose nothing uncounted and never stall", () => {
  const property = fc.property(seed, (seed) => {
    checkStop(stress({ system: "Darwin", lost: "half", most: 3, seed }, 10 * MINUTE));
  });
  fc.assert(property, { numRuns: 1, endOnFailure: true });
});

for (const system of ["Darwin", "Darwin, one by one", "Linux"] as const) {
  for (const lost of ["half", "all"] as const) {
    Deno.test(`${system}: eight streams, heavier, while ${lost} of the writable events are lost`, () => {
      const property = fc.property(seed, fc.integer({ min: 20, max: 30 }), (seed, seconds) => {
        checkStop(stress({ system, lost, most: 4, seed }, seconds * 1000));
      });
      fc.assert(property, { numRuns: 1, endOnFailure: true });
    });
  }
}

for (const system of ["Darwin", "Darwin, one by one"] as const) {
  Deno.test(`${system}: a VM that has room again gets frames at once by the writable event`, () => {
    const property = fc.property(seed, (seed) => {
      const run = new FakeStress({ system, lost: "none", most: 4, seed });
      run.run(10_000);
      const { longestStall, refusals } = run;
      assert(refusals.longestRun > 20, "no VM was full for long");
      assert(longestStall <= WOKEN_MS, `a VM waited ${longestStall} ms for frames the switch had`);
      run.lab.stop();
    });
    fc.assert(property, { numRuns: 2, endOnFailure: true });
  });
}

for (const hangs of [false, true]) {
  const whoever = hangs ? "all VMs hang" : "the VMs read";
  Deno.test(`Darwin: while ${whoever}, stopping ends within its limit whatever is refused`, () => {
    let longest = 0;
    const lost = fc.constantFrom("half" as const, "all" as const);
    const property = fc.property(seed, lost, (seed, lost) => {
      const run = new FakeStress({ system: "Darwin", lost, most: 6, seed });
      run.refusals.on = true;
      run.run(200 + seed % 200);
      if (hangs) {
        for (const guest of run.guests) guest.hang();
        run.run(100);
      }
      run.refusals.storm(1000);
      longest = Math.max(longest, checkStop(run));
    });
    fc.assert(property, { numRuns: 6, endOnFailure: true });
    assert(!hangs || longest > STOP_MS - 2, `${longest} ms: no frame was left in part`);
  });
}
