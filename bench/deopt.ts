/**
 * Does V8 keep the hot path optimised? `deno run -A bench/deopt.ts` fails when it does not.
 *
 * A function that is thrown back to the interpreter now and then is normal while the engine warms up;
 * one that goes on doing so has met a shape of data it was not optimised for, again and again, and a
 * frame then costs ten times as much without any test failing. The same work runs twice, for a short and
 * a long time, with V8's own report; what the long run has more than the short one happened after
 * warm-up. Lines are those of the script V8 runs, which is the source without its types; names are exact.
 *
 * @module
 */
import { complain, print, progress } from "./text.ts";

const WARM_UP = 1_000_000, MEASURED = 3_000_000;
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

/** Run the work and sum up its deoptimisations in the hot rooms by function. */
async function observe(frames: number): Promise<Map<string, Report>> {
  progress(`${frames} frames under --trace-deopt`);
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--v8-flags=--trace-deopt,--trace-deopt-verbose",
      new URL("./micro/steady.ts", import.meta.url).href,
      `${frames}`,
    ],
    stderr: "inherit",
  });
  const { success, stdout } = await child.output();
  if (!success) {
    throw new Error(`Cannot measure deoptimisations: the work over ${frames} frames failed`);
  }
  return summarise(new TextDecoder().decode(stdout));
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

try {
  const warm = await observe(WARM_UP);
  const all = await observe(WARM_UP + MEASURED);
  progress("");
  const sum = (reports: Map<string, Report>) =>
    [...reports.values()].reduce((total, { count }) => total + count, 0);
  print(
    `deoptimisations in src/engine, src/port, src/offload and src/frame: ${
      sum(warm)
    } in the first ${WARM_UP} frames`,
  );
  const late = after(warm, all);
  print(`and ${sum(late)} in the next ${MEASURED}; ${LIMIT} of one function pass`);
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
