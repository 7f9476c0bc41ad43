/**
 * What the fake kernel has beyond a real one: time, VMs, faults and the search for leaks. What both
 * have in common is in tests/platform/kernel_contract_test.ts.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { LINUX } from "../../src/platform/abi.ts";
import { Errno } from "../../src/platform/errno.ts";
import { Ready, SocketType } from "../../src/platform/kernel.ts";
import { MessageTable } from "../../src/platform/vectors.ts";
import { FakeKernel } from "./fake_kernel.ts";

const PATH = "/run/port.sock";
const frame = (seed: number, length = 60) => new Uint8Array(length).fill(seed);

function open(type: SocketType): { kernel: FakeKernel; fd: number } {
  const kernel = new FakeKernel();
  const fd = kernel.socket(type);
  assertEquals(kernel.bind(fd, PATH, 0o600), 0);
  if (type === SocketType.STREAM) assertEquals(kernel.listen(fd, 8), 0);
  assertEquals(kernel.watch(fd, 1, Ready.READ), 0);
  return { kernel, fd };
}

Deno.test("FakeKernel.wait() sleeps until a VM acts, and the clock shows when", () => {
  const { kernel } = open(SocketType.DGRAM);
  const done: string[] = [];
  kernel.at(30, () => done.push("third"));
  kernel.at(5, () => done.push(`first at ${kernel.now()}`));
  kernel.at(20, () => done.push(`second sent ${kernel.peerDgram(PATH).send(frame(1))}`));
  assertEquals(kernel.wait(-1), 1);
  assertEquals(done, ["first at 5", "second sent 60"]);
  assert(kernel.now() >= 20 && kernel.now() < 20.1, `${kernel.now()}`);
});

Deno.test("FakeKernel.wait() advances the clock by exactly the time when nothing happens", () => {
  const kernel = new FakeKernel();
  assertEquals(kernel.wait(1500), 0);
  assertEquals(kernel.now(), 1.5);
});

Deno.test("FakeKernel.wait() throws instead of sleeping for ever", () => {
  const { kernel } = open(SocketType.DGRAM);
  kernel.at(10, () => {});
  assertThrows(() => kernel.wait(-1), Error, "nobody will ever wake");
  assertEquals(kernel.now(), 10);
});

Deno.test("FakeKernel.wait() throws when the switch spins", () => {
  const { kernel } = open(SocketType.DGRAM);
  kernel.peerDgram(PATH).send(frame(1));
  assertThrows(
    () => {
      for (;;) kernel.wait(1000);
    },
    Error,
    "The switch spins",
  );
});

Deno.test("FakeKernel.peerDgram() unconnected sends by path, as QEMU does, and is bounded by a count", () => {
  const { kernel, fd } = open(SocketType.DGRAM);
  const vm = kernel.peerDgram(PATH, { bind: "/run/vm.sock", connect: false });
  for (let i = 0; i < 11; i++) assertEquals(vm.send(frame(i)), 60);
  assertEquals(vm.send(frame(11)), -Errno.EAGAIN);
  const at = kernel.arena.take(4096);
  assertEquals(kernel.receiveFrom(fd, at, 4096), 60);
  assertEquals(new TextDecoder().decode(kernel.sender.address), "/run/vm.sock");
});

Deno.test("FakeKernel queues as many frames as a Linux kernel does", () => {
  const depth = (length: number) => {
    const kernel = new FakeKernel();
    const { fd, vm } = kernel.inherit(SocketType.DGRAM);
    vm.stopReading();
    const table = new MessageTable(kernel.arena, LINUX, 1, false);
    table.set(0, kernel.arena.take(length), length);
    let n = 0;
    while (kernel.send(fd, table, 0, 1) === 1) n++;
    return n;
  };
  // Measured on Linux 6.x at 212,992 bytes.
  assertEquals([depth(60), depth(1514), depth(65_550)], [278, 93, 4]);
});

Deno.test("DgramPeer reads at once, until it hangs", () => {
  const kernel = new FakeKernel();
  const { fd, vm } = kernel.inherit(SocketType.DGRAM);
  const table = new MessageTable(kernel.arena, LINUX, 1, false);
  table.set(0, kernel.arena.take(60), 60);
  for (let i = 0; i < 1000; i++) assertEquals(kernel.send(fd, table, 0, 1), 1);
  assertEquals(vm.receive().length, 1000);
  vm.stopReading();
  assertEquals(kernel.send(fd, table, 0, 1), 1);
  assertEquals(vm.receive().length, 0);
  vm.startReading();
  assertEquals(vm.receive().length, 1);
  vm.kill();
  assertEquals(kernel.send(fd, table, 0, 1), -Errno.ECONNREFUSED);
});

Deno.test("StreamPeer exchanges frames, keeps a cut one, and sees the end", () => {
  const { kernel, fd } = open(SocketType.STREAM);
  const vm = kernel.peerStream(PATH);
  const connection = kernel.accept(fd);
  assertEquals(kernel.peerOf(connection)?.pid, vm.process.pid);
  assertEquals(vm.sendFrame(frame(7)), 64);
  const at = kernel.arena.take(4096);
  assertEquals(kernel.read(connection, at, 4096), 64);
  assertEquals(kernel.arena.view.getUint32(at), 60);
  const { vm: other, fd: mine } = kernel.inherit(SocketType.STREAM);
  other.stopReading();
  kernel.close(mine);
  assertEquals([vm.ended, other.ended], [false, false]);
  other.startReading();
  kernel.close(connection);
  assertEquals([vm.ended, other.ended], [true, true]);
});

Deno.test("StreamPeer.receiveFrames() waits for the rest of a frame", () => {
  const kernel = new FakeKernel();
  const { fd, vm } = kernel.inherit(SocketType.STREAM);
  const bytes = Uint8Array.of(0, 0, 0, 2, 10, 11, 0, 0, 0, 3, 12);
  const sent = (from: number, to: number) => {
    const table = new MessageTable(kernel.arena, LINUX, 1, false);
    const at = kernel.arena.take(16);
    kernel.arena.u8.set(bytes.subarray(from, to), at);
    table.vector.set(0, at, to - from);
    assertEquals(kernel.write(fd, table.vector, 1), to - from);
    return vm.receiveFrames().map((each) => [...each]);
  };
  assertEquals(sent(0, 3), []);
  assertEquals(sent(3, 11), [[10, 11]]);
  assertEquals(sent(10, 11), []);
  assertEquals(sent(10, 11), [[12, 12, 12]]);
});

Deno.test("StreamPeer.kill() with something unread resets the connection and ends the process", () => {
  const { kernel, fd } = open(SocketType.STREAM);
  const vm = kernel.peerStream(PATH);
  const connection = kernel.accept(fd);
  const exit = kernel.watchExit(vm.process.pid, 9);
  vm.stopReading();
  const table = new MessageTable(kernel.arena, LINUX, 1, false);
  const at = kernel.arena.take(4096);
  table.vector.set(0, at, 100);
  assertEquals(kernel.write(connection, table.vector, 1), 100);
  vm.kill();
  assertEquals(kernel.read(connection, at, 10), -Errno.ECONNRESET);
  assertEquals(kernel.wait(0), 1);
  assertEquals(kernel.readyToken[0], 9);
  assertEquals(kernel.close(exit), 0);
});

Deno.test("FakeKernel.assertNothingLeft() names what is still open, and what of the arena is taken", () => {
  const { kernel, fd } = open(SocketType.DGRAM);
  assertThrows(() => kernel.assertNothingLeft(), Error, `${fd} (socket)`);
  kernel.close(fd);
  kernel.assertNothingLeft();
  const at = kernel.arena.take(5000);
  assertEquals(kernel.arenaTaken(), 8192);
  assertThrows(() => kernel.assertNothingLeft(), Error, "8192 bytes");
  kernel.arena.give(at);
  kernel.assertNothingLeft();
});

Deno.test("FakeKernel.assertNothingLeft() counts what is still mapped", () => {
  const kernel = new FakeKernel({ guestBytes: 1 << 20 });
  const fd = kernel.sharing.createMemory(4096, true);
  const at = kernel.sharing.map(fd, 0, 4096);
  kernel.close(fd);
  assertThrows(() => kernel.assertNothingLeft(), Error, "Memory of VMs left mapped: 1 times");
  kernel.sharing.unmap(at);
  kernel.assertNothingLeft();
});

Deno.test("FakeSharing shows a file to its front-end until the last mapping is gone", () => {
  const { sharing, arena } = new FakeKernel({ guestBytes: 1 << 20 });
  const fd = sharing.createMemory(8192, true);
  const frontEnd = sharing.map(fd, 0, 8192), ours = sharing.map(fd, 4096, 4096);
  arena.u8[ours] = 5;
  sharing.unmap(ours);
  assertEquals([arena.u8[frontEnd + 4096], arena.u8[ours]], [5, 5]);
  sharing.unmap(frontEnd);
  assertEquals([arena.u8[frontEnd + 4096], arena.u8[ours]], [0, 0]);
  assertEquals(arena.u8[sharing.map(fd, 4096, 4096)], 5);
});

Deno.test("FakeKernel fails calls on shared memory when told to", () => {
  const kernel = new FakeKernel({ guestBytes: 1 << 20 });
  const fd = kernel.sharing.createMemory(4096, true);
  kernel.faults.on("map", { nth: 1, error: Errno.ENOMEM });
  assertEquals(kernel.sharing.map(fd, 0, 4096), -Errno.ENOMEM);
  assert(kernel.sharing.map(fd, 0, 4096) > 0);
});

Deno.test("FakeKernel.dispose() ends every call", () => {
  const kernel = new FakeKernel();
  kernel.dispose();
  assertThrows(() => kernel.socket(SocketType.DGRAM), Error, "disposed of");
});
