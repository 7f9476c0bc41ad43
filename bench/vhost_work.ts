/**
 * Work for a switch with vhost-user ports, for `deopt.ts`: everything its hot path does, so that what is thrown
 * back to the interpreter shows.
 *
 * Two guests exchange short frames, frames in several pieces, frames of many buffers and TCP that is left to be
 * cut, in one direction and in both, and single frames, so that the switch falls asleep and is kicked. Then a
 * guest sends TCP to a VM on a datagram port that takes no offload: another switch, since a port has one VM.
 *
 * @module
 */
import { buildVhost, type VhostPrograms } from "./build.ts";
import { choosePinning, type Pinning } from "./machine.ts";
import { OURS } from "./subject.ts";
import { type Frames, Guests } from "./vhost_load.ts";

const TRAFFIC: readonly Frames[] = [
  { size: 64 },
  { size: 1514, both: true },
  { size: 9014, pieces: 3 },
  { size: 65550, pieces: 18, both: true },
  { size: 0, tcp: true },
  { size: 64, both: true },
];
/** TCP segments on their way: 1 MiB. */
const WINDOW = 724;
const READY_MS = 20_000;

interface Place {
  flags: string;
  programs: VhostPrograms;
  pinning: Pinning;
  room: string;
}

/** Run the work with these V8 flags, `seconds` for each kind of traffic; what the switches wrote to stdout. */
export async function vhostWork(flags: string, seconds: number): Promise<string> {
  const room = await Deno.makeTempDir({ prefix: "vhost" });
  const place = { flags, room, programs: await buildVhost(), pinning: await choosePinning() };
  const [a, b, d] = ["a", "b", "d"].map((name) => `${room}/${name}.sock`);
  const guest = (path: string) => `vhost-user:${path},full=pause`;
  try {
    const shared = await observed(place, [guest(a), guest(b)], [a, b], async (guests) => {
      for (const frames of TRAFFIC) await guests.throughput(frames, seconds);
      await guests.latency(0, seconds);
      await guests.trickle(1000, seconds);
    });
    const mixed = await observed(place, [guest(a), d], [a, `dgram:${d}`], async (guests) => {
      await guests.tcp(WINDOW, false, seconds);
    });
    return `${shared}\n${mixed}`;
  } finally {
    await Deno.remove(room, { recursive: true });
  }
}

/** Start a switch, let the ends join it and work, end it; its stdout, the trace of V8 among it. */
async function observed(
  { flags, programs, pinning }: Place,
  ports: readonly string[],
  ends: readonly string[],
  work: (guests: Guests) => Promise<void>,
): Promise<string> {
  const [deno, run, ...rest] = OURS;
  const options = ports.flatMap((port) => ["--port", port]);
  const command = [deno, run, `--v8-flags=${flags}`, ...rest, ...options];
  const pinned = pinning.subject === undefined
    ? command
    : ["taskset", "-c", `${pinning.subject}`, ...command];
  const child = new Deno.Command(pinned[0], {
    args: pinned.slice(1),
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const output = new Output(child.stdout);
  try {
    await output.until('{"event":"ready"', READY_MS);
    const guests = await Guests.join(programs.vhostLoad, ends, pinning);
    try {
      await work(guests);
    } finally {
      await guests.leave();
    }
  } finally {
    child.kill("SIGTERM");
    await child.status;
  }
  return await output.whole;
}

/** All a process writes, while it does. */
class Output {
  /** When it has ended. */
  readonly whole: Promise<string>;
  #text = "";

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.whole = this.#read(stream);
  }

  async until(text: string, milliseconds: number): Promise<void> {
    const deadline = performance.now() + milliseconds;
    while (!this.#text.includes(text)) {
      if (performance.now() > deadline) throw new Error(`No ${text} in ${milliseconds} ms`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) this.#text += text;
    return this.#text;
  }
}
