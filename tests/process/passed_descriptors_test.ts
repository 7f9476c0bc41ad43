/**
 * Descriptors that a peer passes to make the switch close them, which takes as long as the peer likes.
 *
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { Errno } from "../../src/platform/errno.ts";
import { type Kernel, SocketType } from "../../src/platform/kernel.ts";
import { openKernel } from "../../src/platform/mod.ts";
import { Lingering } from "../support/lingering.ts";
import { isStopped } from "../support/proc.ts";
import { ProcessLab } from "../support/process_lab.ts";
import { figure, until } from "../support/time.ts";
import { Channel, connectTo } from "../support/vhost_frontend/channel.ts";
import { NO_DESCRIPTOR, Request, words32, words64 } from "../support/vhost_frontend/wire.ts";
import type { Vm } from "../support/vm.ts";
import type { Vswitch } from "../support/vswitch.ts";

const { DGRAM, STREAM } = SocketType;
/** Far above what a busy machine takes for a frame, and far below all patience. */
const LINGER_S = 4;

/** What this system answers to a socket that wants no descriptors. */
function refusal(): number {
  const kernel = openKernel(1 << 20);
  kernel.socketPair(STREAM);
  const [a, b] = kernel.pair;
  const result = kernel.refuseDescriptors(a);
  for (const fd of [a, b]) kernel.close(fd);
  kernel.dispose();
  return result;
}

const isOld = refusal() === -Errno.ENOPROTOOPT;
const skip = isOld ? " [SKIPPED: sockets cannot refuse descriptors before Linux 6.16]" : "";

/** Send one byte with a descriptor. */
function pass(kernel: Kernel, fd: number, descriptor: number): number {
  const at = kernel.arena.take(4096);
  const sent = kernel.sharing!.sendMessage(fd, at, 1, [descriptor]);
  kernel.arena.give(at);
  return sent;
}

// fault list 51
Deno.test({
  name: `no stream or datagram port takes a descriptor${skip}`,
  ignore: isOld,
  fn: async () => {
    await using lab = new ProcessLab();
    const { kernel } = lab;
    kernel.socketPair(STREAM);
    const [near, far] = kernel.pair;
    kernel.socketPair(DGRAM);
    const [dgramNear, dgramFar] = kernel.pair;
    const ports = lab.ports(
      "a=stream:a.sock",
      "b=b.sock",
      "c=c.sock,clients=many",
      `d=fd:${far}`,
      `e=fd:${dgramFar}`,
    );
    await lab.start(ports, { descriptors: [far, dgramFar] });
    for (const fd of [far, dgramFar]) kernel.close(fd);
    // the first VM of a hub has the socket it came to, the second the fresh one
    const vms = [lab.stream(1, "a.sock"), lab.dgram(2, "b.sock"), lab.dgram(3, "c.sock")];
    await lab.introduce(...vms);
    vms.push(lab.dgram(4, "c.sock"));
    await lab.introduce(...vms);
    using lingering = new Lingering(LINGER_S);
    const ends = [...vms.map(({ fd }) => fd), near, dgramNear];
    assertEquals(ends.map((fd) => pass(kernel, fd, lingering.fd)), ends.map(() => -Errno.EPERM));
    for (const vm of vms) await lab.converse(vm, vm === vms[0] ? vms[1] : vms[0], 3);
    for (const fd of [near, dgramNear]) kernel.close(fd);
  },
});

/** A front-end's way of passing a descriptor that the switch has no use for. */
const WAYS: Record<string, (channel: Channel, fd: number) => void> = {
  "a message that has none": (channel, fd) => channel.send(Request.SET_OWNER, undefined, [fd]),
  "half a message": (channel, fd) => {
    channel.sendBytes(new Uint8Array(3), [fd]);
    channel.send(Request.SET_OWNER);
  },
  "a kick counter": (channel, fd) => channel.send(Request.SET_VRING_KICK, words64(0), [fd]),
  "guest memory": (channel, fd) => {
    channel.send(Request.SET_MEM_TABLE, words64(1, 0, 1 << 20, 0, 0), [fd]);
  },
  "a message with too many": (channel, fd) => {
    channel.send(Request.SET_OWNER, undefined, [...new Array(29).fill(2), fd]);
  },
  "a message nobody reads": (channel, fd) => {
    channel.send(Request.SET_VRING_NUM, words32(7, 7));
    channel.send(Request.SET_VRING_CALL, words64(NO_DESCRIPTOR), [fd]);
  },
};

/** Have something ready for the switch before it sees any of it. */
async function behindItsBack(vswitch: Vswitch, act: () => void): Promise<void> {
  vswitch.signal("SIGSTOP");
  await until("the switch to stand still", () => isStopped(vswitch.pid));
  act();
  vswitch.signal("SIGCONT");
}

/** Two VMs talk while somebody at another path passes a descriptor; returns the longest time a frame takes, in ms. */
async function longestFrame(
  { lab, vswitch, vms: [one, other] }: { lab: ProcessLab; vswitch: Vswitch; vms: Vm[] },
  path: string,
  act: (channel: Channel, fd: number) => void,
): Promise<number> {
  const fds = vswitch.fds().length;
  let longest = 0;
  {
    using lingering = new Lingering(LINGER_S);
    let channel!: Channel;
    await behindItsBack(vswitch, () => {
      channel = new Channel(lab.kernel, connectTo(lab.kernel, lab.path(path)), () => {});
      act(channel, lingering.fd);
      lingering.letGo();
    });
    longest = await lab.converse(one, other, 30);
    channel.close();
    longest = Math.max(longest, await lab.converse(other, one, 30));
  }
  await until("nothing to be left", () => vswitch.fds().length === fds);
  return longest;
}

// fault list 51
Deno.test("nobody waits while descriptors of a vhost-user front-end are closed", async () => {
  await using lab = new ProcessLab();
  const vswitch = await lab.start([
    ...lab.ports("a=a.sock", "b=stream:b.sock"),
    ...["--port", `v=vhost-user:${lab.path("v.sock")}`],
    ...["--port", `w=vhost-user:${lab.path("w.sock")},clients=refuse`],
  ]);
  const vms = [lab.dgram(1, "a.sock"), lab.stream(2, "b.sock")];
  await lab.introduce(...vms);
  const first = new Channel(lab.kernel, connectTo(lab.kernel, lab.path("w.sock")), () => {});
  const usual = await lab.converse(vms[0], vms[1], 60);
  const told = async (path: string, way: string) => {
    const longest = await longestFrame({ lab, vswitch, vms }, path, WAYS[way]);
    figure(`${way}: ${longest.toFixed(0)} ms, else ${usual.toFixed(0)} ms`);
    assertLess(longest, LINGER_S * 500, `${path}: ${way}`);
  };
  for (const way of Object.keys(WAYS)) await told("v.sock", way);
  await told("w.sock", "a message nobody reads"); // turned away: w has its VM
  first.close();
  assert((await vswitch.stats()).total.balanced);
});
