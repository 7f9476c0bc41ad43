/**
 * Who moves frames between guests: ours, a C backend that only copies, and DPDK's testpmd; with the guests at
 * their ends.
 *
 * The last two look at their rings all the time, also when nobody measures them. On the one CPU that all
 * subjects share they are stopped (SIGSTOP) until it is their turn.
 *
 * @module
 */
import { firstLine, type VhostPrograms } from "./build.ts";
import { Child, sleep } from "./child.ts";
import { Pair } from "./load.ts";
import type { Pinning } from "./machine.ts";
import { type Port, startJson, startLimit, startOurs, type Subject } from "./subject.ts";
import { Guests } from "./vhost_load.ts";

/** What it takes to start one. */
export interface Place {
  command: readonly string[];
  programs: VhostPrograms;
  pinning: Pinning;
  /** Directory of the sockets. */
  room: string;
}

/** Between whose guests frames are moved. */
export const MOVERS = ["ours", "limit", "dpdk"] as const;
export type Mover = typeof MOVERS[number];

/** Mbufs of testpmd, and the MiB they need. */
const DPDK_MBUFS = 16384, DPDK_MIB = 512;

/** A subject and its guests. */
export interface Bench {
  subject: Subject;
  guests: Guests;
  /** It looks at its rings all the time. */
  restless: boolean;
}

/** Why testpmd cannot be measured here, or undefined. */
export async function dpdkMissing(pinning: Pinning): Promise<string | undefined> {
  if (await firstLine(["which", "dpdk-testpmd"]) === undefined) {
    return "dpdk-testpmd is not installed and is left out (Debian: dpdk-dev, librte-net-vhost23)";
  }
  return pinning.load === undefined
    ? "dpdk-testpmd needs two CPUs and taskset and is left out"
    : undefined;
}

/** Start a subject with two vhost-user ports, and more for ours, and let guests join the first two. */
export async function raise(place: Place, mover: Mover, others = 0): Promise<Bench> {
  const ports = Array.from(
    { length: 2 + others },
    (_, i) => guestPort(place, `${mover}${others}${i}`),
  );
  const cpu = place.pinning.subject;
  const subject = mover === "ours"
    ? await startOurs(place.command, ports, cpu)
    : mover === "limit"
    ? await startMemcpy(place, ports)
    : await startTestpmd(place, ports);
  const paths = ports.map(({ path }) => path);
  const guests = await joined(
    subject,
    () => Guests.join(place.programs.vhostLoad, paths.slice(0, 2), place.pinning),
  );
  const bench = { subject: { ...subject, ends: paths }, guests, restless: mover !== "ours" };
  rest(bench);
  return bench;
}

/** Ours between a guest and a VM on a datagram port that takes no offload. */
export async function raiseMixed(place: Place): Promise<Bench> {
  const ports: Port[] = [guestPort(place, "mixed"), {
    wire: "dgram",
    path: `${place.room}/mixed-d.sock`,
  }];
  const subject = await startOurs(place.command, ports, place.pinning.subject);
  const ends = [ports[0].path, `dgram:${ports[1].path}`];
  const guests = await joined(
    subject,
    () => Guests.join(place.programs.vhostLoad, ends, place.pinning),
  );
  return { subject, guests, restless: false };
}

/** Ours, or the C relay, between VMs on datagram ports. */
export async function raiseDatagram(place: Place, mover: "ours" | "limit") {
  const { command, programs, pinning, room } = place;
  const ports = ["a", "b"].map((end): Port => ({
    wire: "dgram",
    path: `${room}/${mover}-d${end}.sock`,
  }));
  const subject = mover === "ours"
    ? await startOurs(command, ports, pinning.subject)
    : await startLimit(programs, ports, pinning.subject);
  return {
    subject,
    pair: await joined(subject, () => Pair.join(programs.load, subject.ends, pinning)),
  };
}

/** Take it down. */
export async function strike(bench: Bench): Promise<void> {
  wake(bench);
  await bench.guests.leave();
  await bench.subject.stop();
}

/** Its turn begins. */
export function wake({ restless, subject }: Bench): void {
  if (restless) Deno.kill(subject.pid, "SIGCONT");
}

/** Its turn is over. */
export function rest({ restless, subject }: Bench): void {
  if (restless) Deno.kill(subject.pid, "SIGSTOP");
}

function guestPort({ room }: Place, name: string): Port {
  return { wire: "vhost-user", path: `${room}/${name}.sock`, options: "full=pause" };
}

async function joined<T>(subject: Subject, join: () => Promise<T>): Promise<T> {
  try {
    return await join();
  } catch (error) {
    await subject.stop();
    throw error;
  }
}

async function startMemcpy({ programs, pinning }: Place, ports: Port[]): Promise<Subject> {
  const paths = ports.map(({ path }) => path);
  return await startJson("limit", [programs.vhostMemcpy, ...paths], ports, pinning.subject);
}

/**
 * testpmd forwards between two vhost-user ports as they are (`io`: no addresses) on the subject's CPU; its
 * console sleeps on the load's. Without hugepages: memory of its own is 4 KiB pages then, guests' always is.
 */
async function startTestpmd({ pinning }: Place, ports: Port[]): Promise<Subject> {
  const load = Number.parseInt(pinning.load!);
  const devices = ports.flatMap(({ path }, i) => ["--vdev", `net_vhost${i},iface=${path}`]);
  const child = new Child([
    ...["dpdk-testpmd", "-l", `${pinning.subject},${load}`, "--main-lcore", `${load}`],
    ...["--no-pci", "--no-huge", "-m", `${DPDK_MIB}`, "--no-telemetry"],
    ...["--file-prefix", `bench${Deno.pid}`, ...devices, "--"],
    ...["--nb-cores=1", "--forward-mode=io", `--total-num-mbufs=${DPDK_MBUFS}`],
  ]);
  const deadline = performance.now() + 10_000;
  for (const { path } of ports) {
    while (await Deno.lstat(path).catch(() => undefined) === undefined) {
      if (performance.now() > deadline) {
        await child.stop();
        throw new Error(`Cannot start dpdk-testpmd: no ${path} after 10 s`);
      }
      await sleep(20);
    }
  }
  return {
    name: "dpdk",
    pid: child.pid,
    ends: [],
    traffic: () => Promise.resolve(undefined),
    stop: () => child.stop(),
  };
}
