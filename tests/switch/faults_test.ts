/**
 * Fault scripts over the whole switch: each error on each data call, once and often, while VMs talk.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Errno, errnoName } from "../../src/platform/errno.ts";
import { SocketType } from "../../src/platform/kernel.ts";
import type { FaultCall, FaultRule } from "../support/faults.ts";
import { FakeSwitch } from "../support/fake_switch.ts";
import { BROADCAST, frame, tagsOf } from "./frames.ts";

/** Errors after which every frame still arrives. */
const HARMLESS = [Errno.EAGAIN, Errno.ENOBUFS, Errno.ENOMEM, Errno.EINTR, 999];
/** Errors that mean the VM is gone, or that something is wrong with us. */
const HARMFUL = [
  Errno.EPIPE,
  Errno.ECONNREFUSED,
  Errno.ECONNRESET,
  Errno.ENOTCONN,
  Errno.EMFILE,
  Errno.ENFILE,
  Errno.EIO,
  Errno.EBADF,
  Errno.EFAULT,
  Errno.ENOTSOCK,
  Errno.EINVAL,
  Errno.EMSGSIZE,
  Errno.EPERM,
];
const DATA: FaultCall[] = ["receive", "send", "read", "write", "receiveFrom"];

/** One VM of each kind; each has said who it is. */
function start() {
  const lab = new FakeSwitch();
  const { kernel } = lab;
  const pair = kernel.inherit(SocketType.DGRAM);
  lab.open(
    { name: "d", target: "/run/d" },
    { name: "m", target: "/run/m", clients: "many" },
    { name: "s", kind: "stream", target: "/run/s" },
    { name: "f", kind: "fd", target: `${pair.fd}` },
  );
  const d = kernel.peerDgram("/run/d", { bind: "/run/vm-d" });
  const m = kernel.peerDgram("/run/m", { bind: "/run/vm-m", connect: false });
  const s = kernel.peerStream("/run/s"), t = kernel.peerStream("/run/s");
  const vms = [
    { send: (bytes: Uint8Array) => d.send(bytes), heard: () => d.receive() },
    { send: (bytes: Uint8Array) => m.send(bytes), heard: () => m.receive() },
    { send: (bytes: Uint8Array) => s.sendFrame(bytes), heard: () => s.receiveFrames() },
    { send: (bytes: Uint8Array) => t.sendFrame(bytes), heard: () => t.receiveFrames() },
    {
      send: (bytes: Uint8Array) => pair.vm.send(bytes),
      heard: () => pair.vm.receive() as Uint8Array[],
    },
  ];
  const greet = () =>
    vms.forEach((vm, i) => {
      vm.send(frame(i + 1, BROADCAST));
      lab.settle();
    });
  greet();
  greet();
  for (const vm of vms) vm.heard();
  return { lab, kernel, vms, greet };
}

/** All VMs send `rounds` frames to their neighbours; returns what each heard of its own. */
function talk({ lab, vms }: ReturnType<typeof start>, rounds: number): number[][] {
  const heard: number[][] = vms.map(() => []);
  for (let round = 0; round < rounds; round++) {
    vms.forEach((vm, i) => vm.send(frame(i + 1, (i + 1) % vms.length + 1, round)));
    lab.run(2);
    vms.forEach((vm, i) => {
      const mine = vm.heard().filter((bytes) => bytes[5] === i + 1);
      heard[i].push(...tagsOf(mine));
    });
  }
  return heard;
}

const RULES: (FaultRule & { error?: never })[] = [{ nth: 1 }, { nth: 3 }, { every: 2 }, {
  every: 5,
}];

// fault list 24, 25, 26, 30
Deno.test("passing errors on any data call lose nothing and stall nobody for 2 ms", () => {
  for (const call of DATA) {
    for (const error of HARMLESS) {
      for (const rule of RULES) {
        const world = start();
        world.kernel.faults.on(call, { ...rule, error });
        // A retry after each of several failures in a row may add up; two frames a turn do not.
        const heard = talk(world, 6);
        const what = `${call} ${errnoName(error)} ${JSON.stringify(rule)}`;
        world.kernel.faults.clear();
        for (const each of heard) assertEquals(each, [0, 1, 2, 3, 4, 5], what);
        world.lab.stop();
      }
    }
  }
});

// fault list 27, 28, 30
Deno.test("no error of a data call ends the switch, and its VMs can be reached again", () => {
  for (const call of DATA) {
    for (const error of HARMFUL) {
      for (const rule of RULES) {
        const world = start();
        const what = `${call} ${errnoName(error)} ${JSON.stringify(rule)}`;
        world.kernel.faults.on(call, { ...rule, error });
        const heard = talk(world, 6);
        world.kernel.faults.clear();
        for (const each of heard) assertEquals(each, each.toSorted((x, y) => x - y), what);
        world.lab.run(20);
        world.lab.assertBalanced();
        // Datagram VMs by path are met again by their next frame; the others have lost their socket.
        world.greet();
        world.greet();
        world.vms.forEach((vm) => vm.heard());
        world.vms[0].send(frame(1, 2, 77));
        world.lab.run(5);
        assertEquals(tagsOf(world.vms[1].heard()), [77], what);
        world.lab.stop();
      }
    }
  }
});

// fault list 31
Deno.test("short counts on any data call lose nothing", () => {
  for (const call of ["receive", "send", "read", "write"] as const) {
    for (const short of [1, 2, 3, 7, 63, 64, 65, 100]) {
      for (const rule of [{ every: 1 }, { every: 2 }, { nth: 2 }]) {
        const world = start();
        world.kernel.faults.on(call, { ...rule, short });
        const { lab, vms } = world;
        const heard: number[] = [], toStream: number[] = [];
        for (let round = 0; round < 40; round++) {
          vms[2].send(frame(3, 1, round)); // stream to datagram
          vms[0].send(frame(1, 4, round)); // datagram to stream
        }
        lab.run(call === "write" ? 3000 : 100);
        heard.push(...tagsOf(vms[0].heard()));
        toStream.push(...tagsOf(vms[3].heard()));
        const all = [...Array(40).keys()];
        assertEquals([heard, toStream], [all, all], `${call} ${short} ${JSON.stringify(rule)}`);
        lab.stop();
      }
    }
  }
});

// fault list 25
Deno.test("lost writable events stall nobody for 2 ms", () => {
  for (const kind of ["stream", "dgram"] as const) {
    const lab = new FakeSwitch().open(
      { name: "in", kind: "stream", target: "/run/in" },
      { name: "out", kind, target: "/run/out", queue: 8 << 20 },
    );
    const { kernel } = lab;
    kernel.faults.on("writable", {});
    const vm = kernel.peerStream("/run/in");
    const out = kind === "stream"
      ? kernel.peerStream("/run/out")
      : kernel.peerDgram("/run/out", { bind: "/run/vm-out" });
    if ("sendFrame" in out) out.sendFrame(frame(2, BROADCAST));
    else out.send(frame(2, BROADCAST));
    lab.settle();
    out.stopReading();
    let sent = 0;
    while (lab.sum("queued") < 200) {
      vm.sendFrame(frame(1, 2, sent++, 1514));
      lab.settle();
    }
    lab.run(500);
    out.startReading();
    lab.until(() => lab.sum("queued") === 0, 2);
    const heard = "receiveFrames" in out ? out.receiveFrames() : out.receive();
    assertEquals(tagsOf(heard), [...Array(sent).keys()], kind);
    lab.stop();
  }
});

// fault list 24
Deno.test("interrupted waits are only early ends of waiting", () => {
  const world = start();
  world.kernel.faults.on("wait", { every: 2, error: Errno.EINTR });
  for (const each of talk(world, 5)) assertEquals(each, [0, 1, 2, 3, 4]);
  assert((world.kernel.faults.struck.get("wait") ?? 0) > 5);
  world.lab.stop();
});
