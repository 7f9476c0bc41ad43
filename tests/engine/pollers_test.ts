/**
 * Who is looked at, and for how long, in virtual time.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { Pollers } from "../../src/engine/pollers.ts";
import type { Polled } from "../../src/port/port.ts";

/** Frames come when a test says so. */
class Guest implements Polled {
  readonly pollMs: number;
  /** Looks at which there are frames, from the next one on. */
  frames = 0;
  /** A frame comes between the last look and the request for a kick. */
  isLate = false;
  /** What was asked of it: look, hush, rest. */
  calls: string[] = [];
  /** Happens in a look. */
  onPoll = (): void => {};

  constructor(pollMs: number) {
    this.pollMs = pollMs;
  }

  poll(): boolean {
    this.calls.push("look");
    this.onPoll();
    if (this.frames === 0) return false;
    this.frames--;
    return true;
  }

  hush(): void {
    this.calls.push("hush");
  }

  rest(): boolean {
    this.calls.push("rest");
    return !this.isLate;
  }

  /** What was asked since the last time. */
  asked(): string {
    return this.calls.splice(0).join(" ");
  }
}

Deno.test("Pollers look at a port while frames come, and for its time after the last", () => {
  const pollers = new Pollers(), guest = new Guest(10);
  assertEquals(pollers.isActive, false);
  pollers.rouse(guest, 0);
  assertEquals([pollers.isActive, guest.asked()], [true, "hush"]);
  guest.frames = 2;
  for (const now of [1, 9, 18.9]) pollers.round(now);
  assertEquals([pollers.isActive, guest.asked()], [true, "look look look"], "frames until 9");
  pollers.round(19);
  assertEquals([pollers.isActive, guest.asked()], [false, "look rest"]);
  pollers.round(20);
  assertEquals(guest.asked(), "");
});

Deno.test("Pollers with a time of 0 let a port rest at the first look that finds nothing", () => {
  const pollers = new Pollers(), guest = new Guest(0);
  guest.frames = 1;
  pollers.rouse(guest, 5);
  pollers.round(5);
  pollers.round(5);
  assertEquals([pollers.isActive, guest.asked()], [false, "hush look look rest"]);
});

Deno.test("Pollers go on with a port for which something came before it could rest", () => {
  const pollers = new Pollers(), guest = new Guest(0);
  guest.isLate = true;
  pollers.rouse(guest, 0);
  pollers.round(1);
  assertEquals([pollers.isActive, guest.asked()], [true, "hush look rest"]);
  guest.isLate = false;
  guest.frames = 1;
  pollers.round(2);
  pollers.round(3);
  assertEquals([pollers.isActive, guest.asked()], [false, "look look rest"]);
});

Deno.test("Pollers keep the times of the others when a port is forgotten in its own look", () => {
  for (const gone of [0, 1, 2]) {
    const pollers = new Pollers(), guests = [10, 20, 30].map((ms) => new Guest(ms));
    for (const guest of guests) pollers.rouse(guest, 0);
    guests[gone].frames = 1; // in front of the fault
    guests[gone].onPoll = () => pollers.forget(guests[gone]);
    const rested = new Map<Guest, number>();
    for (let now = 1; pollers.isActive; now++) {
      pollers.round(now);
      for (const guest of guests) if (guest.asked().includes("rest")) rested.set(guest, now);
    }
    const times = guests.map((guest) => rested.get(guest));
    assertEquals(times, [10, 20, 30].map((ms, i) => i === gone ? undefined : ms));
  }
});

Deno.test("Pollers look at a port once a round, however often it is roused", () => {
  const pollers = new Pollers(), guest = new Guest(10);
  pollers.rouse(guest, 0);
  pollers.rouse(guest, 5);
  pollers.round(9);
  assertEquals(guest.asked(), "hush look");
  pollers.round(10);
  assertEquals([pollers.isActive, guest.asked()], [false, "look rest"], "its time began at first");
  pollers.rouse(guest, 20);
  assertEquals([pollers.isActive, guest.asked()], [true, "hush"]);
  pollers.forget(guest);
  pollers.forget(guest);
  assertEquals(pollers.isActive, false);
});
