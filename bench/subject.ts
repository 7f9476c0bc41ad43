/**
 * What is measured: how to start ours, the limit and vde_switch, and how to ask each for its counters.
 *
 * @module
 */
import { Child, type Line, sleep } from "./child.ts";
import { firstLine, type Programs } from "./build.ts";

/** How a VM reaches the switch. */
export type Wire = "dgram" | "stream";
/** Who is measured. */
export type SubjectName = "ours" | "limit" | "vde" | "dpdk";

/** One switch port: its wire and its socket path. */
export interface Port {
  wire: Wire | "vhost-user";
  path: string;
  /** What stands behind the path on vswitch's command line: `offload=on,vnet-hdr=12`. */
  options?: string;
}

/** Frames and system calls since the start, over all ports. */
export interface Traffic {
  rxFrames: number;
  rxCalls: number;
  txFrames: number;
  txCalls: number;
}

/** A running switch. */
export interface Subject {
  name: SubjectName;
  /** Process that does the work; not the child's when the command is a wrapper. */
  pid: number;
  /** The ends of its ports, as the load generator takes them. */
  ends: string[];
  /** Counters; undefined when this switch has none to ask for. */
  traffic(): Promise<Traffic | undefined>;
  stop(): Promise<void>;
}

/** The switch of this repository, unless another command is given. */
export const OURS: readonly string[] = [
  Deno.execPath(),
  "run",
  "-A",
  new URL("../main.ts", import.meta.url).pathname,
];

/** Start vswitch (or a command with its options) with these ports. */
export function startOurs(command: readonly string[], ports: Port[], cpu?: number) {
  const options = ports.flatMap(({ wire, path, options }) => {
    const target = wire === "dgram" ? path : `${wire}:${path}`;
    return ["--port", options ? `${target},${options}` : target];
  });
  return startJson("ours", [...command, ...options], ports, cpu);
}

/** Start the C relay between two ports of one wire. */
export function startLimit(programs: Programs, ports: Port[], cpu?: number) {
  const paths = ports.map((port) => port.path);
  return startJson("limit", [programs.relay, ports[0].wire, ...paths], ports, cpu);
}

/** Is vde_switch there? */
export async function vdeVersion(): Promise<string | undefined> {
  return await firstLine(["vde_switch", "--version"]);
}

/** Start vde_switch; it ends when its console on stdin does. */
export async function startVde(directory: string, cpu?: number): Promise<Subject> {
  const child = new Child(["vde_switch", "-s", directory], cpu);
  const deadline = performance.now() + 5000;
  while (!await exists(`${directory}/ctl`)) {
    if (performance.now() > deadline) {
      throw new Error(`Cannot start vde_switch: no ${directory}/ctl after 5 s`);
    }
    await sleep(10);
  }
  return {
    name: "vde",
    pid: child.pid,
    ends: [`vde:${directory}`, `vde:${directory}`],
    traffic: () => Promise.resolve(undefined),
    stop: () => child.stop(),
  };
}

/** Start a program that prints JSON lines: ready first, its counters on SIGUSR2. */
export async function startJson(
  name: SubjectName,
  command: readonly string[],
  ports: Port[],
  cpu?: number,
): Promise<Subject> {
  const child = new Child(command, cpu);
  let ready: Line;
  try {
    ready = await child.next(undefined, 10_000);
  } catch (error) {
    await child.stop();
    throw error;
  }
  const pid = typeof ready.pid === "number" ? ready.pid : child.pid;
  return {
    name,
    pid,
    ends: ports.map((port) => `${port.wire}:${port.path}`),
    async traffic() {
      Deno.kill(pid, "SIGUSR2");
      return sum(await child.next("stats", 5000));
    },
    stop: () => child.stop(pid),
  };
}

/** Add up the ports of a stats line. */
function sum(line: Line): Traffic {
  const total: Traffic = { rxFrames: 0, rxCalls: 0, txFrames: 0, txCalls: 0 };
  for (const { rx, tx } of line.ports as { rx: Counts; tx: Counts }[]) {
    total.rxFrames += rx.frames;
    total.rxCalls += rx.calls;
    total.txFrames += tx.frames;
    total.txCalls += tx.calls;
  }
  return total;
}

interface Counts {
  frames: number;
  calls: number;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
