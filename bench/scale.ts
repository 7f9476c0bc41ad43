/**
 * What other ports cost a busy pair: ports that are only there, and a VM that stopped reading.
 *
 * One switch for each number of ports, all running at once and taking turns; the other ports have idle
 * VMs. Then one switch with a third VM on a datagram and a stream port, which is sent every 64th frame,
 * while it reads and while it is stopped with SIGSTOP.
 *
 * @module
 */
import { build } from "./build.ts";
import { type Child, sleep } from "./child.ts";
import { THIRD } from "./load.ts";
import { choosePinning, describeMachine, machineLine } from "./machine.ts";
import { numbers, readOptions, writeJson } from "./options.ts";
import { raise, type Setup, type Stage, strike, type Turn, turn } from "./stage.ts";
import type { Port } from "./subject.ts";
import { fixed, grouped, median, percent, table } from "./table.ts";
import { complain, print, progress } from "./text.ts";

const USAGE = `Usage: deno run -A bench/scale.ts [options]
  --ports N,N        numbers of ports, 2,16,64,256 by default; the first is what others are compared with
  --size N           frame bytes, 1514 by default
  --rounds N         turns of each, 5 by default
  --seconds S        length of a turn, 1 by default
  --switch COMMAND   ours; deno run -A main.ts by default
  --json FILE        write results there
  --help`;

/** Cost per frame with many ports over the cost with two. */
const COST_TARGET = 1.15;
/** Part of its throughput the busy pair may lose to a stopped VM. */
const LOSS_TARGET = 0.05;
/** Every so many frames one goes to the third VM or to everybody: one a batch. */
const SIDE = 64;

function dgramPorts(room: string, count: number): Port[] {
  return Array.from(
    { length: count },
    (_, i) => ({ wire: "dgram", path: `${room}/p${count}-${i}` }),
  );
}

async function portsBench(setup: Setup, counts: number[]) {
  const stages: Stage[] = [];
  const turns: Turn[][] = counts.map(() => []);
  try {
    for (const count of counts) {
      progress(`${count} ports: start`);
      stages.push(await raise(setup, dgramPorts(setup.room, count)));
    }
    for (const stage of stages) await turn(setup, stage, 0, true);
    for (let round = 0; round < setup.rounds; round++) {
      for (let i = 0; i < counts.length; i++) {
        const k = (i + round) % counts.length;
        progress(`${counts[k]} ports: round ${round + 1} of ${setup.rounds}`);
        turns[k].push(await turn(setup, stages[k], 0));
      }
    }
  } finally {
    for (const stage of stages) await strike(stage);
  }
  return counts.map((ports, k) => {
    const cost = median(turns[k].map((t, i) => t.usPerFrame / turns[0][i].usPerFrame));
    const rate = median(turns[k].map((t, i) => t.framesPerSecond / turns[0][i].framesPerSecond));
    return { ports, turns: turns[k], cost, rate, target: COST_TARGET, met: cost <= COST_TARGET };
  });
}

async function stalledBench(setup: Setup) {
  const port = (wire: Port["wire"], name: string): Port => ({
    wire,
    path: `${setup.room}/${name}`,
  });
  const busy = [port("dgram", "a"), port("dgram", "b")];
  const stage = await raise(setup, [...busy, port("dgram", "c"), port("stream", "d")], THIRD);
  const third = stage.idle as Child;
  const states: Record<"reading" | "stopped", Turn[]> = { reading: [], stopped: [] };
  try {
    await turn(setup, stage, SIDE, true);
    for (let round = 0; round < setup.rounds; round++) {
      progress(`third VM reads: round ${round + 1} of ${setup.rounds}`);
      states.reading.push(await turn(setup, stage, SIDE));
      progress(`third VM stopped: round ${round + 1} of ${setup.rounds}`);
      Deno.kill(third.pid, "SIGSTOP");
      // Untimed: fill its sockets and its queue, so that the turn has a VM that is full all the time.
      await turn(setup, stage, SIDE, true);
      states.stopped.push(await turn(setup, stage, SIDE));
      Deno.kill(third.pid, "SIGCONT");
      await sleep(200);
    }
  } finally {
    Deno.kill(third.pid, "SIGCONT");
    await strike(stage);
  }
  const lost = (of: (t: Turn) => number) =>
    median(states.stopped.map((t, i) => 1 - of(t) / of(states.reading[i])));
  const rateLost = lost((t) => t.framesPerSecond);
  const perCpuLost = lost((t) => 1 / t.usPerFrame);
  const met = rateLost < LOSS_TARGET && perCpuLost < LOSS_TARGET;
  return { ...states, rateLost, perCpuLost, target: LOSS_TARGET, met };
}

function row(name: string, turns: readonly Turn[], ...more: string[]): string[] {
  return [
    name,
    grouped(median(turns.map((t) => t.framesPerSecond))),
    fixed(median(turns.map((t) => t.usPerFrame)), 3),
    percent(median(turns.map((t) => t.loss))),
    percent(median(turns.map((t) => t.waited))),
    ...more,
  ];
}

if (import.meta.main) {
  const options = readOptions(USAGE, 5, 1, { ports: { type: "string" }, size: { type: "string" } });
  const counts = numbers("ports", options.own.ports, [2, 16, 64, 256]);
  const [size] = numbers("size", options.own.size, [1514]);
  const programs = await build(), pinning = await choosePinning();
  const room = await Deno.makeTempDir({ prefix: "scale" });
  const setup: Setup = { ...options, programs, pinning, room, size };
  const machine = await describeMachine();
  print(machineLine(machine));
  try {
    const ports = await portsBench(setup, counts);
    const stalled = await stalledBench(setup);
    progress("");
    const head = ["frames/s", "us CPU/frame", "loss", "waited"];
    table(
      ["ports", ...head, "cost ratio", "rate ratio", `<= ${COST_TARGET}`],
      ports.map((p) =>
        row(`${p.ports}`, p.turns, fixed(p.cost, 3), fixed(p.rate, 3), p.met ? "met" : "NOT MET")
      ),
    );
    print();
    const states = [row("reads", stalled.reading), row("stopped", stalled.stopped)];
    table(["third VM", ...head], states);
    print(
      `A stopped VM costs the busy pair ${
        percent(Math.max(0, stalled.rateLost))
      } of its frames/s and ` +
        `${percent(Math.max(0, stalled.perCpuLost))} of its frames per CPU second; ` +
        `target < ${LOSS_TARGET * 100} %: ${stalled.met ? "met" : "NOT MET"}`,
    );
    await writeJson(setup.json, { machine, pinning, size, ports, stalled });
  } catch (error) {
    complain(error);
  } finally {
    await Deno.remove(room, { recursive: true });
  }
}
