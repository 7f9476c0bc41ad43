/**
 * Does V8 keep the hot path optimised? `deno run -A bench/deopt.ts` fails when it does not;
 * `deno run -A bench/deopt.ts vhost` looks at a real switch with vhost-user ports (Linux, a C compiler).
 *
 * A function that is thrown back to the interpreter now and then is normal while the engine warms up;
 * one that goes on doing so has met a shape of data it was not optimised for, again and again, and a
 * frame then costs ten times as much without any test failing. The same work runs twice, for a short and
 * a long time, with V8's own report; what the long run has more than the short one happened after
 * warm-up. Lines are those of the script V8 runs, which is the source without its types; names are exact.
 *
 * @module
 */
import { complain, giveUp, print, progress } from "./text.ts";
import { vhostWork } from "./vhost_work.ts";

/** A kind of work: how much of it warms up, how much comes after, and how it is done. */
interface Work {
  warmUp: number;
  measured: number;
  unit: string;
  run: (amount: number) => Promise<string>;
}

const FLAGS = "--trace-deopt,--trace-deopt-verbose";
const WORKS: Record<string, Work> = {
  steady: { warmUp: 1_000_000, measured: 3_000_000, unit: "frames", run: steadyWork },
  vhost: {
    ...{ warmUp: 1, measured: 3, unit: "s of each kind of traffic" },
    run: (seconds) => vhostWork(FLAGS, seconds),
  },
};

/** Deoptimisations of one function after warm-up that pass. */
const LIMIT = 5;
/** The rooms every frame goes through. */
const HOT = /\/src\/(?:engine|port|offload|frame)\/[^:>]+:\d+:\d+/g;

/** What V8 reported of one function. */
interface Report {
  count: number;
  /** `src/engine/forward.ts:80:12 (wrong map)` and how often. */
  readonly lines: Map<string, number>;
}

/** The engine over a kernel that is always ready, without sockets; what V8 wrote. */
async function steadyWork(frames: number): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      `--v8-flags=${FLAGS}`,
      new URL("./micro/steady.ts", import.meta.url).href,
      `${frames}`,
    ],
    stderr: "inherit",
  });
  const { success, stdout } = await child.output();
  if (!success) {
    throw new Error(`Cannot measure deoptimisations: the work over ${frames} frames failed`);
  }
  return new TextDecoder().decode(stdout);
}

/** Run the work and sum up its deoptimisations in the hot rooms by function. */
async function observe({ unit, run }: Work, amount: number): Promise<Map<string, Report>> {
  progress(`${amount} ${unit} under --trace-deopt`);
  return summarise(await run(amount));
}

/** Each deoptimisation is a line that names the function, then one with its place and those it was inlined into. */
function summarise(trace: string): Map<string, Report> {
  const reports = new Map<string, Report>();
  let name = "", reason = "";
  for (const line of trace.split("\n")) {
    const begin = line.match(
      /^\[bailout \(kind: [^,]+, reason: (.*?)\): begin\..*<JSFunction (\S*)/,
    );
    if (begin !== null) [, reason, name] = begin;
    if (!line.includes(";;; deoptimize at")) continue;
    const places = line.match(HOT);
    if (places === null) continue;
    const report = reports.get(name) ?? { count: 0, lines: new Map() };
    const place = `${places[0].slice(1)} (${reason})`;
    report.count++;
    report.lines.set(place, (report.lines.get(place) ?? 0) + 1);
    reports.set(name, report);
  }
  return reports;
}

/** Deoptimisations of the long run that the short one has not. */
function after(warm: Map<string, Report>, all: Map<string, Report>): Map<string, Report> {
  const rest = new Map<string, Report>();
  for (const [name, { count, lines }] of all) {
    const before = warm.get(name);
    const more = count - (before?.count ?? 0);
    if (more <= 0) continue;
    const late = [...lines].map(([place, n]) =>
      [place, n - (before?.lines.get(place) ?? 0)] as const
    );
    rest.set(name, { count: more, lines: new Map(late.filter(([, n]) => n > 0)) });
  }
  return rest;
}

const [name = "steady"] = Deno.args, work = WORKS[name];
if (work === undefined) {
  giveUp(`Cannot do "${name}": it is one of ${Object.keys(WORKS).join(", ")}`);
}
try {
  const { warmUp, measured, unit } = work;
  const warm = await observe(work, warmUp);
  const all = await observe(work, warmUp + measured);
  progress("");
  const sum = (reports: Map<string, Report>) =>
    [...reports.values()].reduce((total, { count }) => total + count, 0);
  print(
    `deoptimisations in src/engine, src/port, src/offload and src/frame: ${
      sum(warm)
    } in the first ${warmUp} ${unit}`,
  );
  const late = after(warm, all);
  print(`and ${sum(late)} in the next ${measured}; ${LIMIT} of one function pass`);
  for (const [name, { count, lines }] of late) {
    print(`  ${name}: ${count}`);
    for (const [place, n] of lines) print(`    ${n} at ${place}`);
  }
  const failed = [...late].filter(([, { count }]) => count > LIMIT).map(([name]) => name);
  if (failed.length > 0) {
    complain(`Not optimised for good: ${failed.join(", ")}; see the lines above for where and why`);
  }
} catch (error) {
  complain(error);
}
