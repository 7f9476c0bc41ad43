/**
 * Datagram ports: how a VM is met, and what counts as its greeting.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Errno } from "../../src/platform/errno.ts";
import { FakeSwitch } from "../support/fake_switch.ts";
import { BROADCAST, frame, tagsOf } from "../switch/frames.ts";

const A = "/run/a.sock", B = "/run/b.sock";
const HELLO = new TextEncoder().encode("VFKT");

/** Two ports; the VM on "b" is up and its address learned. */
function start() {
  const lab = new FakeSwitch().open({ name: "a", target: A }, { name: "b", target: B });
  const b = lab.kernel.peerDgram(B, { bind: "/run/vm-b" });
  b.send(frame(2, BROADCAST));
  lab.settle();
  return { lab, kernel: lab.kernel, b };
}

Deno.test("DgramPort learns its VM from VFKT, which is no frame", () => {
  const { lab, kernel, b } = start();
  const a = kernel.peerDgram(A, { bind: "/run/vm-a" });
  a.send(HELLO);
  lab.settle();
  assertEquals(lab.count("a", "rxFrames"), 0);
  assertEquals(lab.count("a", "clients"), 1);
  assert(lab.states.includes("a up"));
  assertMatch(lab.text("a"), /VM connected: pid \d+ at \/run\/vm-a/);
  b.send(frame(2, BROADCAST, 7));
  a.send(frame(1, 2, 8));
  lab.settle();
  assertEquals([tagsOf(a.receive()), tagsOf(b.receive())], [[7], [8]]);
  lab.stop();
});

Deno.test("DgramPort learns its VM from a first frame, which is forwarded", () => {
  const { lab, kernel, b } = start();
  const a = kernel.peerDgram(A, { bind: "/run/vm-a" });
  a.send(frame(1, BROADCAST, 42, 42)); // as long as an ARP request
  lab.settle();
  assertEquals(tagsOf(b.receive()), [42]);
  assertEquals([lab.count("a", "rxFrames"), lab.count("a", "rxBytes")], [1, 42]);
  lab.stop();
});

// fault list 10
Deno.test("DgramPort takes nothing but exactly VFKT, and only first, for a greeting", () => {
  const runts: [string, Uint8Array[]][] = [
    ["VFKX", [new TextEncoder().encode("VFKX")]],
    ["vfkt", [new TextEncoder().encode("vfkt")]],
    ["VFKT and a NUL", [new TextEncoder().encode("VFKT\0")]],
    ["VFK", [new TextEncoder().encode("VFK")]],
    ["VFKT twice", [HELLO, HELLO]],
    ["VFKT after a frame", [frame(1, BROADCAST), HELLO]],
    ["an empty datagram", [new Uint8Array()]],
    ["13 bytes", [frame(1, BROADCAST, 0, 13)]],
  ];
  for (const [what, datagrams] of runts) {
    const { lab, kernel } = start();
    const a = kernel.peerDgram(A, { bind: "/run/vm-a" });
    for (const each of datagrams) a.send(each);
    lab.settle();
    assertEquals(lab.count("a", "runt"), 1, what);
    assert(lab.states.includes("a up"), `${what}: the VM is connected all the same`);
    lab.stop();
  }
});

// fault list 10
Deno.test("DgramPort drops runts of 0 to 13 bytes, passes 14 to 70 unpadded, and stays up", () => {
  const { lab, kernel, b } = start();
  const a = kernel.peerDgram(A, { bind: "/run/vm-a" });
  a.send(HELLO);
  lab.settle();
  for (let length = 0; length <= 70; length++) {
    const sent = frame(1, 2, 0x01020304, length);
    assertEquals(a.send(sent), length);
    lab.settle();
    assertEquals(b.receive(), length < 14 ? [] : [sent], `${length} bytes`);
  }
  assertEquals(lab.count("a", "runt"), 14);
  lab.assertBalanced();
  lab.stop();
});

// fault list 12
Deno.test("DgramPort drops what is longer than max-frame and never cuts a frame", () => {
  const lab = new FakeSwitch().open(
    { name: "a", target: A, maxFrame: 69_632 },
    { name: "b", target: B, maxFrame: 1518 },
    { name: "c", target: "/run/c.sock", maxFrame: 69_632 },
  );
  const vm = (path: string) => lab.kernel.peerDgram(path, { bind: `${path}.vm` });
  const a = vm(A), b = vm(B), c = vm("/run/c.sock");
  for (const each of [a, b, c]) each.send(HELLO);
  lab.settle();
  for (const length of [1518, 1519, 69_632, 69_633, 80_000]) {
    a.send(frame(1, BROADCAST, length, length));
    lab.settle();
  }
  // The slots hold one byte more than the longest frame, so a cut one is too long and never forwarded.
  assertEquals(tagsOf(b.receive()), [1518]);
  assertEquals(tagsOf(c.receive()), [1518, 1519, 69_632]);
  assertEquals(lab.count("a", "oversize"), 2, "too long for anybody");
  assertEquals(lab.count("b", "oversize"), 2, "too long for b");
  b.send(frame(2, 3, 5, 1519));
  lab.settle();
  assertEquals([lab.count("b", "oversize"), c.receive().length], [3, 0]);
  lab.assertBalanced();
  lab.stop();
});

Deno.test("DgramPort answers from the socket the VM sent to", () => {
  const { lab, kernel, b } = start();
  const a = kernel.peerDgram(A, { bind: "/run/vm-a" });
  a.send(HELLO);
  lab.settle();
  // A connected VM's kernel refuses every other sender; that it hears anything is the proof.
  b.send(frame(2, BROADCAST, 3));
  lab.settle();
  assertEquals(tagsOf(a.receive()), [3]);
  const stranger = kernel.peerDgram("/run/vm-b", { bind: "/run/other", connect: false });
  assertEquals(stranger.send(frame(9, 2)), -Errno.EPERM);
  lab.stop();
});

Deno.test("DgramPort answers abstract addresses", () => {
  const { lab, kernel, b } = start();
  const a = kernel.peerDgram(A, { bind: "\0vm-a" });
  a.send(frame(1, 2, 4));
  lab.settle();
  b.send(frame(2, 1, 5));
  lab.settle();
  assertEquals([tagsOf(b.receive()), tagsOf(a.receive())], [[4], [5]]);
  assertMatch(lab.text("a"), /at @vm-a/);
  lab.stop();
});

Deno.test("DgramPort refuses and counts a sender it cannot answer", () => {
  const { lab, kernel } = start();
  const unnamed = kernel.peerDgram(A);
  unnamed.send(frame(1, BROADCAST));
  lab.settle();
  assertEquals(lab.count("a", "stranger"), 1);
  assertMatch(lab.text("a"), /dropped a datagram: it has no address to answer to/);
  const elsewhere = kernel.peerDgram(B + ".x", { bind: "/run/vm-x", connect: false });
  assert(elsewhere.send(frame(1, BROADCAST)) < 0);
  assertEquals(lab.states.includes("a up"), false);
  lab.assertBalanced();
  lab.stop();
});

Deno.test("DgramPort counts strangers that were queued before it had its VM", () => {
  const { lab, kernel, b } = start();
  b.receive();
  const a = kernel.peerDgram(A, { bind: "/run/vm-a" });
  const other = kernel.peerDgram(A, { bind: "/run/vm-a2" }), unnamed = kernel.peerDgram(A);
  a.send(frame(1, 2, 1));
  other.send(frame(3, 2, 66));
  unnamed.send(frame(3, 2, 67));
  a.send(frame(1, 2, 2));
  lab.settle();
  assertEquals(tagsOf(b.receive()), [1, 2]);
  assertEquals([lab.count("a", "stranger"), lab.count("a", "rxFrames")], [2, 4]);
  assertEquals(other.send(frame(3, 2)), -Errno.EPERM, "the kernel keeps strangers out from now on");
  lab.assertBalanced();
  lab.stop();
});

Deno.test("DgramPort never pauses a VM that does not connect, as QEMU does not", () => {
  const { lab, kernel } = start();
  kernel.peerDgram(A, { bind: "/run/vm-a", connect: false }).send(frame(1, BROADCAST));
  lab.settle();
  const pausable = (name: string) =>
    lab.engine.members.find(({ port }) => port.name === name)?.port.pausable;
  assertEquals([pausable("a"), pausable("b")], [false, true]);
  lab.stop();
});

Deno.test("DgramPort tells the buffers it was granted", () => {
  const lab = new FakeSwitch({ bufferLimit: 212_992 }).open({ name: "a", target: A });
  assertMatch(lab.text("a"), /socket buffers: asked 2097152, got 425984/);
  lab.stop();
});

// fault list 10
Deno.test("DgramPort never sends an empty datagram", () => {
  const { lab, kernel, b } = start();
  const a = kernel.peerDgram(A, { bind: "/run/vm-a" });
  for (let i = 0; i < 5; i++) a.send(new Uint8Array());
  lab.run(5000); // probes included
  assertEquals(b.receive().filter(({ length }) => length === 0), []);
  assertEquals(a.receive(), []);

  lab.stop();
});
