/**
 * Fault scripts, alone and in the fake kernel.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { LINUX } from "../../src/platform/abi.ts";
import { Errno } from "../../src/platform/errno.ts";
import { Ready, SocketType } from "../../src/platform/kernel.ts";
import { MessageTable } from "../../src/platform/vectors.ts";
import { FakeKernel } from "./fake_kernel.ts";
import { Faults } from "./faults.ts";

Deno.test("Faults.on() hits the n-th, every n-th, or each call, of one descriptor or all", () => {
  const errors = (rule: Parameters<Faults["on"]>[1]) => {
    const faults = new Faults();
    faults.on("send", { error: Errno.EAGAIN, ...rule });
    return [3, 4, 3, 4, 3, 4].map((fd) => faults.strike("send", fd)?.error ?? 0);
  };
  assertEquals(errors({}), [11, 11, 11, 11, 11, 11]);
  assertEquals(errors({ nth: 2 }), [0, 11, 0, 0, 0, 0]);
  assertEquals(errors({ every: 3 }), [0, 0, 11, 0, 0, 11]);
  assertEquals(errors({ fd: 4 }), [0, 11, 0, 11, 0, 11]);
  assertEquals(errors({ fd: 3, nth: 2, error: 999 }), [0, 0, 999, 0, 0, 0]);
});

Deno.test("Faults counts what it hit and stops at clear()", () => {
  const faults = new Faults();
  faults.on("read", { every: 2, short: 1 });
  for (let i = 0; i < 5; i++) faults.strike("read", 3);
  assertEquals(faults.strike("write", 3), undefined);
  assertEquals([...faults.struck], [["read", 2]]);
  faults.clear();
  assertEquals([faults.strike("read", 3), faults.strike("read", 3)], [undefined, undefined]);
});

Deno.test("Faults.random() repeats itself for a seed and keeps to its probability", () => {
  const row = (seed: number) => {
    const faults = new Faults();
    faults.random(seed, 0.25);
    return Array.from({ length: 400 }, () => JSON.stringify(faults.strike("write", 3)));
  };
  assertEquals(row(7), row(7));
  assertNotEquals(row(7), row(8));
  const hits = row(7).filter((strike) => strike !== undefined).length;
  assert(hits > 60 && hits < 140, `${hits} of 400`);
});

Deno.test("Faults refuses scripts that mean nothing", () => {
  const faults = new Faults();
  assertThrows(() => faults.on("send", {}), Error, "neither an error nor a short count");
  assertThrows(() => faults.on("send", { error: 0 }), Error, "errno 0");
  faults.random(1, 1, ["bind"]);
  assertThrows(() => faults.strike("bind", 3), Error, "script it instead");
});

Deno.test("FakeKernel cuts batches and writes short, and loses nothing", () => {
  const kernel = new FakeKernel();
  const dgram = kernel.inherit(SocketType.DGRAM), stream = kernel.inherit(SocketType.STREAM);
  const table = new MessageTable(kernel.arena, LINUX, 4, false);
  const at = kernel.arena.take(4096);
  for (let i = 0; i < 4; i++) table.set(i, at + 10 * i, 10);
  kernel.faults.on("send", { nth: 1, short: 3 });
  assertEquals(kernel.send(dgram.fd, table, 0, 4), 3);
  assertEquals(kernel.send(dgram.fd, table, 3, 1), 1);
  assertEquals(dgram.vm.receive().length, 4);
  kernel.faults.on("write", { nth: 1, short: 13 });
  assertEquals(kernel.write(stream.fd, table.vector, 4), 13);
  assertEquals(stream.vm.receive().length, 13);
  stream.vm.send(new Uint8Array(100));
  kernel.faults.on("read", { nth: 1, short: 1 });
  assertEquals([kernel.read(stream.fd, at, 50), kernel.read(stream.fd, at, 4096)], [1, 99]);
  dgram.vm.send(new Uint8Array(5));
  dgram.vm.send(new Uint8Array(6));
  kernel.faults.on("receive", { nth: 1, short: 1 });
  assertEquals([kernel.receive(dgram.fd, table, 4), kernel.receive(dgram.fd, table, 4)], [1, 1]);
});

Deno.test("FakeKernel fails calls with the scripted error and changes nothing", () => {
  const { kernel, fd } = { kernel: new FakeKernel(), fd: 3 };
  kernel.faults.on("socket", { nth: 1, error: Errno.EMFILE });
  assertEquals(kernel.socket(SocketType.STREAM), -Errno.EMFILE);
  assertEquals(kernel.openDescriptors(), []);
  assertEquals(kernel.socket(SocketType.STREAM), fd);
  kernel.bind(fd, "/run/lan", 0o600);
  kernel.listen(fd, 4);
  kernel.peerStream("/run/lan");
  kernel.faults.on("accept", { nth: 1, error: Errno.EMFILE });
  assertEquals(kernel.accept(fd), -Errno.EMFILE);
  assert(kernel.accept(fd) > fd, "the connection still waits");
});

Deno.test("FakeKernel.wait() loses WRITE events and returns early when told to", () => {
  const kernel = new FakeKernel();
  const { fd } = kernel.inherit(SocketType.DGRAM);
  kernel.watch(fd, 1, Ready.READ | Ready.WRITE);
  kernel.faults.on("writable", { nth: 1 });
  assertEquals([kernel.wait(0), kernel.wait(0)], [0, 1]);
  kernel.faults.on("wait", { nth: 1, error: Errno.EINTR });
  assertEquals([kernel.wait(0), kernel.wait(0)], [0, 1]);
});
