/**
 * A cell of the offload matrix: a sender that leaves something unfinished, a receiver that takes something
 * unfinished, and the switch, or the relay, between them.
 *
 * @module
 */
import type { Programs } from "./build.ts";
import { type Child, sleep } from "./child.ts";
import { joinIdle, type LoadResult, type Offload, Pair, type Tcp } from "./load.ts";
import type { Pinning } from "./machine.ts";
import { schedule } from "./process.ts";
import { type Port, startLimit, startOurs, type Subject } from "./subject.ts";
import { median } from "./table.ts";

/** All kinds of VMs, in the order of the matrix. */
export const OFFLOADS = ["off", "csum", "tso", "vnet"] as const satisfies Offload[];

/** What each kind is told to vswitch. */
const OPTIONS: Record<Offload, string> = {
  off: "",
  csum: "sends=csum,accepts=csum",
  tso: "offload=on",
  vnet: "offload=on,vnet-hdr=12",
};

/** TCP segments in a frame of each kind, see load_tcp.h. */
const SEGMENTS: Record<Offload, number> = { off: 1, csum: 1, tso: 45, vnet: 45 };
/** Payload bytes of a segment. */
const MSS = 1448;
/** Tries of a third VM to come, and the pause between them. */
const JOIN_TRIES = 20, JOIN_MS = 50;

/** Who stands between the two: the switch, or the relay, which passes on what it gets. */
export type Through = "vswitch" | "relay";

/** One cell; through the relay sender and receiver are alike. */
export interface Cell {
  from: Offload;
  to: Offload;
  through: Through;
}

/** What one turn measured, or the medians of several. */
export interface Figures {
  /** TCP payload that arrived. */
  gbitPerSecond: number;
  /** CPU seconds of the switch, all threads, for a GiB of payload. */
  cpuPerGib: number;
  /** Frames into and out of the switch. */
  framesIn: number;
  framesOut: number;
  /** Part of the segments that did not arrive. */
  loss: number;
  /** Part of a CPU the switch used; below about 0.9 it was not the bottleneck. */
  busy: number;
  /** Part of the turn in which the switch was ready and something else had its CPU. */
  waited: number;
  /** Part of the turn in which the load generator had nothing to do; near zero: it was the bottleneck. */
  rested: number;
}

/** A cell with its processes. */
export interface Bench {
  cell: Cell;
  subject: Subject;
  pair: Pair;
}

/** What it takes to start one. */
export interface Place {
  command: readonly string[];
  programs: Programs;
  pinning: Pinning;
  /** Directory of the sockets. */
  room: string;
}

/** `off -> vnet`. */
export function cellName({ from, to, through }: Cell): string {
  return through === "relay" ? `${from} -> relay` : `${from} -> ${to}`;
}

/** What the switch has to do to each frame, apart from its vnet header. */
export function workOf({ from, to, through }: Cell): string {
  if (through === "relay") return "none";
  const large = SEGMENTS[from] > 1, takesLarge = SEGMENTS[to] > 1;
  if (large && !takesLarge) return to === "off" ? "SEGMENT, FILL" : "SEGMENT";
  if (!large && takesLarge) return from === "off" ? "MERGE" : "FILL, MERGE";
  return from !== "off" && to === "off" ? "FILL" : "PASS";
}

/** Start what a cell needs; `bystanders` are ports of VMs that come later. */
export async function start(place: Place, cell: Cell, bystanders = 0): Promise<Bench> {
  const { room, programs, pinning } = place;
  const base = `${room}/${cell.through}-${cell.from}-${cell.to}-${bystanders}`;
  const port = (name: string, options = ""): Port => ({
    wire: "dgram",
    path: `${base}-${name}.sock`,
    options,
  });
  const ports = [port("a", OPTIONS[cell.from]), port("b", OPTIONS[cell.to])];
  for (let i = 0; i < bystanders; i++) ports.push(port(`c${i}`));
  const subject = cell.through === "relay"
    ? await startLimit(programs, ports, pinning.subject)
    : await startOurs(place.command, ports, pinning.subject);
  try {
    const offloads = [cell.from, cell.to] as const;
    return { cell, subject, pair: await Pair.join(programs.load, subject.ends, pinning, offloads) };
  } catch (error) {
    await subject.stop();
    throw error;
  }
}

/** End what {@linkcode start} started. */
export async function end({ pair, subject }: Bench): Promise<void> {
  await pair.leave();
  await subject.stop();
}

/** Run a cell once. */
export async function turn({ cell, subject, pair }: Bench, tcp: Tcp): Promise<Figures> {
  const before = schedule(subject.pid);
  const run = await pair.tcp(tcp);
  const after = schedule(subject.pid);
  insistGood(cell, run);
  const cpu = (after.ran - before.ran) / 1e9;
  return {
    gbitPerSecond: run.framesPerSecond * MSS * 8 / 1e9,
    cpuPerGib: cpu / (run.bytes / 2 ** 30),
    framesIn: run.framesPerSecond / SEGMENTS[cell.from],
    framesOut: run.framesPerSecond * run.arrived / run.received,
    loss: run.lost / run.sent,
    busy: cpu / run.seconds,
    waited: (after.waited - before.waited) / 1e9 / run.seconds,
    rested: run.restedSeconds / run.seconds,
  };
}

/** The middle of each figure over the rounds. */
export function middle(rounds: readonly Figures[]): Figures {
  const keys = Object.keys(rounds[0]) as (keyof Figures)[];
  return Object.fromEntries(
    keys.map((key) => [key, median(rounds.map((round) => round[key]))]),
  ) as unknown as Figures;
}

/** Let a VM without offload come to the bystander's port, run, and let it leave. */
export async function withThird<T>(place: Place, bench: Bench, run: () => Promise<T>): Promise<T> {
  const third = await joinThird(place, bench);
  try {
    return await run();
  } finally {
    await third.finish();
  }
}

/** A port turns newcomers away until its switch has noticed that the last VM left. */
async function joinThird({ programs, pinning }: Place, { subject }: Bench): Promise<Child> {
  for (let tries = 1;; tries++) {
    try {
      return await joinIdle(programs.load, subject.ends.slice(2), pinning);
    } catch (error) {
      if (tries === JOIN_TRIES) throw error;
      await sleep(JOIN_MS);
    }
  }
}

/** Frames that are not what the receiver was promised have no speed. */
function insistGood(cell: Cell, run: LoadResult): void {
  const name = cellName(cell);
  if (run.received === 0 && run.bad === 0) throw new Error(`${name}: nothing arrived`);
  if (run.checked === 0) throw new Error(`${name}: no frame was checked whole`);
  if (run.bad === 0) return;
  throw new Error(
    `${name}: ${run.bad} frames arrived bad, ${run.arrived} well; the first: ${run.why}`,
  );
}
