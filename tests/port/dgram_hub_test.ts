/**
 * One datagram path with many VMs.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Errno } from "../../src/platform/errno.ts";
import { BROADCAST, frame, tagsOf } from "../switch/frames.ts";
import { HELLO, LAN, start } from "./hub_lab.ts";

Deno.test("DgramHub makes every VM a port of its own, whatever kind of address it has", () => {
  const { lab, vm } = start();
  const vms = [
    vm(1),
    vm(2, "/run/vm2", false), // as QEMU
    vm(3, "\0vm3"),
    vm(4, "\0vm3x", false), // one name begins like another
    vm(5, "/run/vm2x"),
    vm(6, "/run/vm2xy", false),
  ];
  assertEquals(lab.ports, ["lan", "lan.1", "lan.2", "lan.3", "lan.4", "lan.5", "lan.6"]);
  for (const each of vms) each.receive();
  for (let from = 1; from <= 6; from++) {
    for (let to = 1; to <= 6; to++) if (to !== from) vms[from - 1].send(frame(from, to, from));
    lab.settle();
  }
  vms.forEach((each, i) => {
    const others = [1, 2, 3, 4, 5, 6].filter((n) => n !== i + 1);
    assertEquals(tagsOf(each.receive()), others, `VM ${i + 1}`);
  });
  lab.assertBalanced();
  lab.stop();
});

Deno.test("DgramHub tells VMs apart within one read", () => {
  const { lab, vm } = start();
  // One name begins like another, and they come right after each other.
  const vms = ["/run/vm", "/run/vm2", "/run/vm22"].map((path, i) => vm(i + 1, path, false));
  for (const each of vms) each.receive();
  for (let i = 0; i < 3; i++) vms.forEach((each, n) => each.send(frame(n + 1, (n + 1) % 3 + 1, i)));
  lab.settle();
  for (const each of vms) assertEquals(tagsOf(each.receive()), [0, 1, 2]);
  assertEquals([1, 2, 3].map((n) => lab.count(`lan.${n}`, "rxFrames")), [4, 4, 4]);
  lab.stop();
});

Deno.test("DgramHub swallows each VM's VFKT, once", () => {
  const { lab, kernel } = start();
  const greet = (bind: string, connect: boolean) => {
    const peer = kernel.peerDgram(LAN, { bind, connect });
    peer.send(HELLO);
    peer.send(HELLO);
    lab.settle();
  };
  greet("/run/vm1", true);
  greet("/run/vm2", false);
  assertEquals(["lan.1", "lan.2"].map((name) => lab.count(name, "runt")), [1, 1]);
  assertEquals(["lan.1", "lan.2"].map((name) => lab.count(name, "rxFrames")), [1, 1]);
  lab.stop();
});

Deno.test("DgramHub gives a VM that connects its socket for itself and puts a fresh one at the path", () => {
  const { lab, kernel, vm } = start();
  const inode = () => kernel.stat(LAN)!.identity;
  const first = inode();
  vm(1, "/run/vm1", false);
  assertEquals(inode(), first, "a VM that does not connect shares the socket");
  vm(2);
  const second = inode();
  assert(second !== first);
  vm(3);
  assert(inode() !== second);
  assertEquals(kernel.stat(LAN)?.mode, 0o600);
  assertEquals(kernel.stat(`${LAN}.new`), undefined);
  lab.stop();
  assertEquals(kernel.stat(LAN), undefined, "the last file is removed as well");
});

Deno.test("DgramHub serves VMs that had connected before the path's socket changed", () => {
  const { lab, kernel } = start();
  const peers = [1, 2, 3].map((n) => kernel.peerDgram(LAN, { bind: `/run/vm${n}` }));
  for (let round = 0; round < 2; round++) {
    peers.forEach((peer, i) => {
      peer.send(frame(i + 1, BROADCAST, 10 * round + i));
      lab.settle();
    });
  }
  assertEquals(lab.ports, ["lan", "lan.1", "lan.2", "lan.3"]);
  assertEquals(peers.map((peer) => tagsOf(peer.receive()).slice(-2)), [[11, 12], [10, 12], [
    10,
    11,
  ]]);
  lab.stop();
});

// fault list 17
Deno.test("DgramHub lets a VM that hangs stop nobody else", () => {
  for (const connect of [true, false]) {
    const { lab, vm } = start({ queue: 128 << 10 });
    const [a, b, stuck] = [1, 2, 3].map((n) => vm(n, `/run/vm${n}`, connect));
    b.receive();
    stuck.stopReading();
    for (let i = 0; i < 2000; i++) {
      a.send(frame(1, 3, i, 1514));
      a.send(frame(1, 2, i, 60));
      lab.settle();
    }
    assertEquals(b.receive().length, 2000);
    assert(lab.count("lan.3", "queue-full") > 0);
    lab.assertBalanced();
    stuck.startReading();
    lab.run(20);
    assertEquals(lab.count("lan.3", "queued"), 0, "and it recovers");
    lab.stop();
  }
});

// fault list 27
Deno.test("DgramHub loses one VM when sending to it fails, and no other", () => {
  for (const error of [Errno.EPERM, Errno.ENOENT, Errno.ECONNREFUSED]) {
    const { lab, kernel, vm } = start();
    const a = vm(1), b = vm(2), c = vm(3);
    c.receive();
    kernel.faults.on("send", { nth: 1, error });
    a.send(frame(1, 2, 1));
    lab.settle();
    lab.run(1);
    assertEquals(lab.ports, ["lan", "lan.1", "lan.3"], `errno ${error}`);
    a.send(frame(1, 3, 2));
    lab.settle();
    assertEquals(tagsOf(c.receive()), [2]);
    b.send(frame(2, 1, 3)); // lives, and comes again
    lab.settle();
    assertEquals(tagsOf(a.receive()).at(-1), 3);
    lab.assertBalanced();
    lab.stop();
  }
});

Deno.test("DgramHub refuses and counts senders without an address", () => {
  const { lab, kernel } = start();
  kernel.peerDgram(LAN).send(frame(1, BROADCAST));
  lab.settle();
  assertEquals(lab.count("lan", "stranger"), 1);
  assertMatch(lab.text("lan"), /its sender has no address; bind the VM's socket to a path/);
  assertEquals(lab.ports, ["lan"]);
  lab.assertBalanced();
  lab.stop();
});
