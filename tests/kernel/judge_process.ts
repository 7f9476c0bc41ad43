/**
 * The judge: the running kernel, asked over stdin and stdout what it makes of frames.
 *
 * ```
 *  plain --- cut --- finished       Mode.CUT: validate, checksum and segment in software
 *  napi --- merge --- whole         Mode.MERGE: coalesce
 * ```
 * Two bridges with two taps each, in a network namespace of their own, so this runs under `unshare -n -m`
 * (judge.ts starts it). A frame passes a bridge within the write that hands it in. A fence, a frame nobody
 * else sends, is written after it, so that all that came before the fence is the answer and no time has
 * to be waited for.
 *
 * GRO holds a segment until a later poll finds it older than the tick of the kernel's clock it came in. So a burst
 * has to begin and end within one tick to be judged whole, is tried again until it does, and is fetched by the fence
 * after the next tick.
 *
 * @module
 */
import { decode, encode, Mode } from "./message.ts";
import { Takes, Tap, tick } from "./tap.ts";

const BRIDGES = ["cut", "merge"];
/** Longest that a tap takes: frames that are not to be cut may be as long as they like. */
const MTU = 65_521;
/** Frames a tap holds until they are read: a frame of 64 KiB may become as many. */
const QUEUE = 70_000;
/** Longer than a tick and than any test: only fences end what GRO holds. Nanoseconds. */
const GRO_TIMEOUT = 10_000_000_000;
/** Bursts that were torn by the clock before we give up. */
const MAX_TRIES = 1000;
/** Milliseconds for a fence to come through. */
const PATIENCE = 5000;
const EVERYTHING = Takes.CSUM | Takes.TSO4 | Takes.TSO6 | Takes.TSO_ECN;

/** A broadcast of an ethertype for experiments (IEEE 802a), behind an empty vnet header. */
const FENCE = new Uint8Array(12 + 60).fill(0xff, 12, 18);
FENCE.set([0x02, 0, 0, 0, 0, 0xfe, 0x88, 0xb6, 0xfe, 0x4c], 18);

interface Lane {
  readonly into: Tap;
  readonly out: Tap;
}

/** The frames in front of the last of `fences` fences, which have been written. */
function upToFence({ out }: Lane, fences: number): Uint8Array[] {
  const frames: Uint8Array[] = [];
  const deadline = performance.now() + PATIENCE;
  for (let seen = 0; seen < fences;) {
    const frame = out.read();
    if (frame === undefined) {
      if (performance.now() > deadline) throw new Error("the fence did not come through");
    } else if (isFence(frame)) seen++;
    else frames.push(frame);
  }
  return frames;
}

function isFence(frame: Uint8Array): boolean {
  return frame.length === FENCE.length && FENCE.every((byte, i) => i < 12 || frame[i] === byte);
}

function cut(lane: Lane, frames: readonly Uint8Array[]): Uint8Array[] {
  const errors = frames.map((frame) => lane.into.write(frame));
  lane.into.write(FENCE);
  return [errorsOf(errors), ...upToFence(lane, 1)];
}

function merge(lane: Lane, frames: readonly Uint8Array[]): Uint8Array[] {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const began = tick();
    const errors = frames.map((frame) => lane.into.write(frame));
    const ended = tick();
    while (tick() === ended) Atomics.wait(NEVER, 0, 0, 0.2);
    // what the first pushes out goes behind it, and in front of the second
    lane.into.write(FENCE);
    lane.into.write(FENCE);
    const merged = upToFence(lane, 2);
    if (began === ended) return [errorsOf(errors), ...merged];
  }
  throw new Error(`${MAX_TRIES} bursts of ${frames.length} frames in vain: none within one tick`);
}

const NEVER = new Int32Array(new SharedArrayBuffer(4));

function errorsOf(errors: readonly number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(errors).buffer);
}

/** Build what the picture above shows. */
function setUp(): { cut: Lane; merge: Lane } {
  quieten();
  const lanes = {
    cut: { into: new Tap("plain", { takes: EVERYTHING }), out: new Tap("finished", { takes: 0 }) },
    merge: {
      into: new Tap("napi", { takes: EVERYTHING, napi: true }),
      out: new Tap("whole", { takes: EVERYTHING }),
    },
  };
  for (const command of ipCommands([lanes.cut, lanes.merge])) run(command);
  // the one that is mounted shows the interfaces of another namespace
  run("mount -t sysfs judge /sys");
  put(`/sys/class/net/${lanes.merge.into.name}/gro_flush_timeout`, GRO_TIMEOUT);
  return lanes;
}

/** Set what would add to the answers, or take from them, where this kernel has it at all. */
function quieten(): void {
  // interfaces have something to say of their own in IPv6
  setting("ipv6/conf/default/disable_ipv6", 1);
  // br_netfilter drops IP packets that it finds odd
  for (const table of ["iptables", "ip6tables", "arptables"]) {
    setting(`bridge/bridge-nf-call-${table}`, 0);
  }
}

function setting(name: string, value: number): void {
  const path = `/proc/sys/net/${name}`;
  if (!exists(path)) return;
  try {
    put(path, value);
  } catch {
    // a container has them read-only, and we have a mount namespace of our own
    run("mount -o remount,bind,rw /proc/sys");
    put(path, value);
  }
}

function ipCommands(lanes: readonly Lane[]): string[] {
  return lanes.flatMap(({ into, out }, i) => [
    `ip link add ${BRIDGES[i]} mtu ${MTU} type bridge stp_state 0 mcast_snooping 0`,
    `ip link set ${BRIDGES[i]} up`,
    ...[into, out].flatMap(({ name }) => [
      `ip link set ${name} mtu ${MTU} txqueuelen ${QUEUE} master ${BRIDGES[i]} up`,
      `ip link set ${name} type bridge_slave learning off`,
    ]),
  ]);
}

function run(command: string): void {
  const [program, ...args] = command.split(" ");
  const { success, stderr } = new Deno.Command(program, { args }).outputSync();
  if (!success) throw new Error(`${command}: ${new TextDecoder().decode(stderr).trim()}`);
}

function put(path: string, number: number): void {
  Deno.writeTextFileSync(path, String(number), { create: false });
}

function exists(path: string): boolean {
  try {
    return Deno.lstatSync(path) !== undefined;
  } catch {
    return false;
  }
}

/** Exactly `length` bytes of stdin; undefined at its end. */
function read(length: number): Uint8Array | undefined {
  const bytes = new Uint8Array(length);
  for (let have = 0; have < length;) {
    const got = Deno.stdin.readSync(bytes.subarray(have));
    if (got === null) return undefined;
    have += got;
  }
  return bytes;
}

function say(message: Uint8Array): void {
  for (let sent = 0; sent < message.length;) {
    sent += Deno.stdout.writeSync(message.subarray(sent));
  }
}

const lanes = setUp();
// ready
say(encode([]));
for (let head = read(4); head !== undefined; head = read(4)) {
  const [[mode], ...frames] = decode(read(new DataView(head.buffer).getUint32(0, true))!);
  say(encode(mode === Mode.MERGE ? merge(lanes.merge, frames) : cut(lanes.cut, frames)));
}
