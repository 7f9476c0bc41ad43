/**
 * Alarms: what is told of a port, and how often.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { Alarms } from "../../src/engine/alarms.ts";
import { Verdict, VERDICT_TEXTS } from "../../src/offload/accept.ts";
import { Batch } from "../../src/port/batch.ts";
import type { PortConfig } from "../../src/port/config.ts";
import { filler, tcpFrame } from "../offload/frames.ts";
import { tcpWire } from "../offload/wire.ts";
import { Lab as EgressLab } from "./lab.ts";
import type { ScriptedPort } from "./scripted_port.ts";

const MINUTE = 60_000;
const UNFINISHED = tcpFrame({ payload: filler(24), checksum: "partial" });

/** Alarms over a memory of their own, what they told, and ports to tell of. */
class Lab {
  readonly told: string[] = [];
  readonly #ports = new EgressLab();
  readonly #u8 = new Uint8Array(4096);
  readonly alarms = new Alarms(
    new DataView(this.#u8.buffer),
    (port, text) => this.told.push(`${port}: ${text}`),
  );

  port(name: string, options: Partial<PortConfig> = {}): ScriptedPort {
    return this.#ports.join({ name, ...options });
  }

  /** A port has read this frame. */
  look(port: ScriptedPort, frame: Uint8Array, now: number): void {
    const batch = new Batch();
    this.#u8.set(frame);
    batch.length[0] = frame.length;
    batch.count = 1;
    this.alarms.look(port, batch, now);
  }

  /** A port has refused this. */
  misdeclared(port: ScriptedPort, code: number, bytes: Uint8Array, now: number): void {
    this.#u8.fill(0);
    this.#u8.set(bytes);
    this.alarms.misdeclared(port, code, 0, bytes.length, now);
  }

  /** What was told since the last time. */
  take(): string[] {
    return this.told.splice(0);
  }
}

Deno.test("Alarms tells each kind of each port once in ten seconds, from the start on", () => {
  const lab = new Lab(), { alarms } = lab, [a, b] = [lab.port("a"), lab.port("b")];
  const kinds: ((port: ScriptedPort, now: number) => void)[] = [
    (port, now) => alarms.moved(port.row, port.name, "x", 0x0002, 0x0700_0000, now),
    (port, now) => alarms.stormed(port.row, port.name, now),
    (port, now) => lab.misdeclared(port, Verdict.GSO_TYPE, new Uint8Array(80), now),
    (port, now) => lab.look(port, UNFINISHED, now),
  ];
  // A vnet header that is bad and one that is missing are one kind: what a port declares.
  [kinds, [...kinds].reverse()].forEach((order, run) => {
    const start = run * MINUTE;
    for (let ms = 0; ms < 25_000; ms += 50) {
      for (const kind of order) for (const port of [a, b]) kind(port, start + ms);
    }
    const told = lab.take();
    assertEquals(told.length, 3 * 2 * 3, "three kinds of two ports at 0, 10 and 20 seconds");
    assertEquals(new Set(told).size, 3 * 2, `${told}`);
  });
});

Deno.test("Alarms.moved() names the address and where it was", () => {
  const lab = new Lab();
  // Bytes 4 to 11 of a frame: the end of the destination, and the source.
  const view = new DataView(Uint8Array.of(0, 7, 2, 0, 0, 0, 0, 9).buffer);
  lab.alarms.moved(3, "a", "b", view.getInt32(0), view.getInt32(4), 0);
  assertEquals(lab.take(), ["a: 02:00:00:00:00:09 moved here from port b"]);
});

/** What a verdict of the undeclared ones misses, in their order. */
const FEATURES = ["csum", "tso4", "tso6", "ufo", "uso", "ecn"];

Deno.test("Alarms.misdeclared() says what is wrong, and hints at frames without a header", () => {
  const lab = new Lab();
  const hint = "; it looks like a frame without one: use vnet-hdr=0";
  const header = tcpWire({ payload: filler(60) }, 12), frame = tcpFrame({ payload: filler(60) });
  const codes = Object.values(Verdict).filter((code) => code !== Verdict.OK);
  assertEquals(codes.map((code) => VERDICT_TEXTS[code] !== undefined), codes.map(() => true));
  codes.forEach((code, i) => {
    const port = lab.port(`p${i}`, { vnetHdr: 12 });
    const isBad = code < Verdict.UNDECLARED_CSUM;
    const missing = FEATURES[code - Verdict.UNDECLARED_CSUM];
    const fix = isBad ? "" : `; use sends=csum${missing === "csum" ? "" : `+${missing}`}`;
    const expected = `p${i}: dropped a frame: ${VERDICT_TEXTS[code]}${fix}`;
    lab.misdeclared(port, code, header, 0);
    assertEquals(lab.take(), [expected]);
    lab.misdeclared(port, code, frame, MINUTE);
    assertEquals(lab.take(), [expected + (isBad ? hint : "")]);
    for (const length of [0, 1, 13]) {
      lab.misdeclared(port, code, frame.subarray(0, length), (2 + length) * MINUTE);
      assertEquals(lab.take(), [expected]);
    }
  });
});

Deno.test("Alarms.look() keeps quiet about ordinary frames, and looks again until it finds something", () => {
  const lab = new Lab(), port = lab.port("a");
  for (let ms = 0; ms < 5000; ms += 10) lab.look(port, tcpFrame({ payload: filler(24) }), ms);
  assertEquals(lab.take(), []);
  lab.look(port, UNFINISHED, 5000);
  assertEquals(lab.take().length, 1);
  lab.look(lab.port("b", { sends: 1 }), UNFINISHED, 5000);
  assertEquals(lab.take(), []);
});
