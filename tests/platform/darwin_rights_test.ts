/**
 * Descriptors that peers send along on Darwin: none stays open, none is waited for, and no name goes to another.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { DARWIN } from "../../src/platform/abi.ts";
import { Errno } from "../../src/platform/errno.ts";
import { SocketType } from "../../src/platform/kernel.ts";
import { MessageTable, NAME_BYTES } from "../../src/platform/vectors.ts";
import { FakeDarwin } from "../support/fake_darwin.ts";
import { passAlong } from "../support/pass_along.ts";

const MOST = 254, SLOT = 64;
const decoder = new TextDecoder();

/** A datagram socket at a path, its table with names, and VMs that send to it. */
function lab(bulk: "on" | "off") {
  const kernel = new FakeDarwin({}, bulk), { arena } = kernel;
  kernel.raiseDescriptorLimit();
  const fd = kernel.socket(SocketType.DGRAM);
  kernel.setBuffers(fd, 1 << 20);
  kernel.bind(fd, "/run/a", 0o600);
  const table = new MessageTable(arena, DARWIN, 64, true), memory = arena.take(64 * SLOT);
  const vms = ["x", "y", "z"].map((name) => kernel.peerDgram("/run/a", { bind: `/run/${name}` }));
  const before = kernel.openDescriptors().length;
  const receive = (count: number): string[] => {
    for (let i = 0; i < count; i++) {
      table.set(i, memory + i * SLOT, SLOT);
      table.setName(i, table.names + i * NAME_BYTES, NAME_BYTES);
    }
    const n = kernel.receive(fd, table, count);
    assert(n > 0, `${n}`);
    return Array.from({ length: n }, (_, i) => {
      const at = memory + i * SLOT, bytes = arena.u8.slice(at, at + table.received(i));
      return `${decoder.decode(table.sender(i))} ${bytes}`;
    });
  };
  const send = (vm: number, byte: number, along = 0) => {
    vms[vm].send(Uint8Array.of(byte));
    if (along > 0) passAlong(vms[vm].socket.peer!, along);
  };
  const left = () => kernel.openDescriptors().length - before;
  return { kernel, fd, send, receive, left };
}

for (const bulk of ["on", "off"] as const) {
  Deno.test(`bulk ${bulk}: datagrams with descriptors arrive, and these are closed`, () => {
    const { send, receive, left } = lab(bulk);
    send(0, 1);
    send(1, 2, 5);
    send(2, 3, MOST);
    send(0, 4);
    const got: string[] = [];
    while (got.length < 4) got.push(...receive(64));
    assertEquals(got, ["/run/x 1", "/run/y 2", "/run/z 3", "/run/x 4"]);
    assertEquals(left(), 0);
  });

  Deno.test(`bulk ${bulk}: a whole batch of them leaves none, and then they are read one by one`, () => {
    const { kernel, send, receive, left } = lab(bulk);
    for (let i = 0; i < 50; i++) send(i % 3, i, MOST);
    let got = receive(64).length;
    const calls = kernel.calls.get("receiveFrom") ?? 0;
    for (let i = 0; i < 5; i++) send(0, i, MOST);
    while (got < 55) {
      const n = receive(64).length;
      assertEquals(n, 1, "the closing of one message's descriptors at a time");
      got += n;
    }
    assertEquals(left(), 0);
    assert(bulk === "off" || (kernel.calls.get("receiveFrom") ?? 0) > calls);
    for (let i = 0; i < 5; i++) send(0, i);
    assertEquals(receive(64).length, 5);
  });

  Deno.test(`bulk ${bulk}: with a full table a datagram has no sender, and nobody else's`, () => {
    const { kernel, send, receive, left } = lab(bulk);
    kernel.machine.limit[0] = BigInt(kernel.openDescriptors().length + 10);
    send(0, 1, 20);
    send(1, 2);
    send(2, 3);
    const got: string[] = [];
    for (let calls = 0; got.length < 3; calls++) {
      assert(calls < 10, "it does not go on");
      try {
        got.push(...receive(64));
      } catch {
        // one call may fail
      }
    }
    assertEquals(got, [" 1", "/run/y 2", "/run/z 3"]);
    assertEquals(left(), 0);
  });
}

Deno.test("receiveFrom() closes what comes along", () => {
  const { kernel, fd, send, left } = lab("on");
  const at = kernel.arena.take(SLOT);
  send(1, 7, 3);
  assertEquals([kernel.receiveFrom(fd, at, SLOT), kernel.arena.u8[at]], [1, 7]);
  assertEquals([decoder.decode(kernel.sender.address), left()], ["/run/y", 0]);
  send(2, 8);
  assertEquals(kernel.receiveFrom(fd, at, SLOT), 1);
  assertEquals(decoder.decode(kernel.sender.address), "/run/z");
});

Deno.test("read() of a stream with descriptors says that its peer has to go, and leaves none open", () => {
  for (const full of [false, true]) {
    const kernel = new FakeDarwin(), at = kernel.arena.take(SLOT);
    const { fd, vm } = kernel.inherit(SocketType.STREAM);
    const before = kernel.openDescriptors().length;
    if (full) kernel.machine.limit[0] = BigInt(before + 10);
    vm.send(Uint8Array.of(1, 2));
    vm.send(Uint8Array.of(3));
    passAlong(vm.socket.peer!, 20);
    assertEquals(kernel.read(fd, at, SLOT), 2);
    assertEquals(kernel.read(fd, at, SLOT), -Errno.EPROTO);
    assertEquals(kernel.openDescriptors().length, before);
  }
});

Deno.test("a call receives no more messages than could fill the table of descriptors", () => {
  const { kernel, send, receive } = lab("on");
  kernel.machine.limit[0] = 256n;
  kernel.machine.maxFiles = 10_240;
  assertEquals(kernel.raiseDescriptorLimit(), 10_240);
  for (let i = 0; i < 30; i++) send(0, i);
  assertEquals(receive(64).length, 10);
  kernel.machine.limit[0] = 0x7fff_ffff_ffff_ffffn; // "unlimited", as no process is
  assertEquals(kernel.raiseDescriptorLimit(), 10_240);
  assertEquals(receive(64).length, 10);
});

Deno.test("a descriptor's number that is used again is read in bulk again", () => {
  const { kernel, fd, send, receive } = lab("on");
  send(0, 1, 5);
  receive(64);
  kernel.unlink("/run/a");
  kernel.close(fd);
  assertEquals(kernel.socket(SocketType.DGRAM), fd);
  kernel.bind(fd, "/run/a", 0o600);
  kernel.setBuffers(fd, 1 << 20);
  const vm = kernel.peerDgram("/run/a");
  for (let i = 0; i < 9; i++) vm.send(Uint8Array.of(i));
  const calls = kernel.calls.get("receiveFrom");
  assertEquals(receive(64).length, 9);
  assertEquals(kernel.calls.get("receiveFrom"), calls);
});

Deno.test("MessageTable: a name that is longer than its room ends there", () => {
  const kernel = new FakeDarwin(), table = new MessageTable(kernel.arena, DARWIN, 2, true);
  kernel.arena.u8.fill(65, table.names, table.names + 2 * NAME_BYTES);
  table.setName(0, table.names, 255);
  assertEquals(table.sender(0).length, NAME_BYTES - DARWIN.socketAddress.path);
});
