/**
 * The Darwin kernel where the contract does not ask: its layouts, and what it does not leave to the system's defaults.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { DARWIN, DARWIN_NUMBERS, KEVENT } from "../../src/platform/abi.ts";
import { Arena } from "../../src/platform/arena.ts";
import { cString } from "../../src/platform/c_string.ts";
import { LIBSYSTEM } from "../../src/platform/darwin_libc.ts";
import { Errno } from "../../src/platform/errno.ts";
import { Ready, SocketType } from "../../src/platform/kernel.ts";
import { KeventList } from "../../src/platform/kevent_list.ts";
import { MessageTable } from "../../src/platform/vectors.ts";
import { CMemory } from "../support/fake_c_memory.ts";
import { FakeDarwin } from "../support/fake_darwin.ts";
import { fakeLibSystem } from "../support/fake_libsystem.ts";

const { DGRAM, STREAM } = SocketType;

// ---- layouts ----

Deno.test("DARWIN has msghdr_x as the fake's own offsets read it", () => {
  const arena = new Arena(new ArrayBuffer(1 << 20), 7, () => {});
  const memory = new CMemory(arena);
  const table = new MessageTable(arena, DARWIN, 3, true);
  const bytes = arena.take(4096);
  for (let i = 0; i < 3; i++) {
    arena.u8.fill(i + 1, bytes + i * 100, bytes + i * 100 + 10 + i);
    table.set(i, bytes + i * 100, 10 + i);
    table.setName(i, table.names + i * 128, 20 + i);
  }
  for (let i = 0; i < 3; i++) {
    const message = memory.message(table.address(0), i, DARWIN.bulkMessage.size);
    assertEquals(memory.gather(message), new Uint8Array(10 + i).fill(i + 1));
    assertEquals([message.name, message.nameLength], [table.names + i * 128, 20 + i]);
    table.setReceived(i, 1000 + i);
    assertEquals(arena.view.getBigUint64(message.at + 48, true), BigInt(1000 + i));
    memory.storeName(message, new TextEncoder().encode("/run/vm"));
    assertEquals(table.sender(i), new TextEncoder().encode("/run/vm"));
    memory.storeName(message, new Uint8Array());
    assertEquals(table.sender(i), new Uint8Array(), "14 NULs are no name");
  }
});

Deno.test("KEVENT has struct kevent as the fake's own offsets read it", () => {
  const arena = new Arena(new ArrayBuffer(1 << 20), -5, () => {});
  const list = new KeventList(arena, 2);
  const memory = new CMemory(arena);
  list.set(1, 77, -7, 0x11, 0x8000_0022, 50, 0x7fff_ffff, 3);
  assertEquals(memory.kevent(list.address, 1), {
    ident: (3n << 32n) + 77n,
    filter: -7,
    flags: 0x11,
    fflags: 0x8000_0022,
    data: 50,
    udata: 0x7fff_ffffn,
  });
  const event = { ident: 9n, filter: -2, flags: 0x8021, fflags: 4, data: 17_996, udata: 12n };
  memory.setKevent(list.address, 0, event);
  assertEquals(
    [list.ident(0), list.filter(0), list.flags(0), list.udata(0)],
    [9, -2, 0x8021, 12],
  );
  assertEquals(KEVENT.size, 32);
});

Deno.test("the tables of Darwin agree with its headers (xnu bsd/sys)", () => {
  const { message, bulkMessage, socketAddress } = DARWIN;
  assertEquals(Object.values(message), [48, 0, 8, 16, 24, 32, 40, 44]);
  assertEquals([bulkMessage.size, bulkMessage.received], [56, 48]);
  assertEquals(Object.values(socketAddress), [106, 1, 1, 2, 103]);
  const { O_NONBLOCK, SOL_SOCKET, SO_SNDBUF, SO_RCVBUF, SO_TYPE, MSG_DONTWAIT } = DARWIN_NUMBERS;
  assertEquals(
    [O_NONBLOCK, SOL_SOCKET, SO_SNDBUF, SO_RCVBUF, SO_TYPE, MSG_DONTWAIT],
    [4, 0xffff, 0x1001, 0x1002, 0x1008, 0x80],
  );
});

Deno.test("no function of libSystem that is called is variadic", () => {
  // fcntl, ioctl, open with a mode, shm_open, semctl: open is called without one.
  const called = Object.entries(LIBSYSTEM).map(([key, its]) => "name" in its ? its.name : key);
  for (const name of ["fcntl", "ioctl", "openat", "semctl"]) assert(!called.includes(name), name);
  assert(called.includes("__fcntl"));
  assertEquals(LIBSYSTEM.open.parameters.length, 2);
});

// ---- sockets ----

Deno.test("a stream is never written to while its socket blocks", () => {
  const kernel = new FakeDarwin();
  const { fd } = kernel.inherit(STREAM);
  assertEquals(kernel.isNonBlocking(fd), 0);
  assertEquals(kernel.adopt(fd), 0);
  assertEquals(kernel.isNonBlocking(fd), 1);
  for (const made of [kernel.socket(STREAM), kernel.socket(DGRAM)]) {
    assertEquals(kernel.isNonBlocking(made), 1);
  }
  kernel.dispose();
});

Deno.test("a socket that stays blocking whatever it is told is given to nobody", () => {
  const kernel = new FakeDarwin({}, "off", (machine) => {
    const made = fakeLibSystem(machine);
    const fcntl = (fd: number, command: number, argument: bigint) =>
      command === 4 ? 0 : made.libc.fcntl(fd, command, argument);
    return { ...made, libc: { ...made.libc, fcntl } };
  });
  assertEquals(kernel.socket(STREAM), -Errno.EOPNOTSUPP);
  assertEquals(kernel.socketPair(STREAM), -Errno.EOPNOTSUPP);
  assertEquals(kernel.openDescriptors(), []);
  const { fd } = kernel.inherit(STREAM);
  assertEquals(kernel.adopt(fd), -Errno.EOPNOTSUPP);
  kernel.dispose();
});

Deno.test("accept() makes what a blocking listener gives non-blocking, and drops a client at EMFILE", () => {
  const kernel = new FakeDarwin();
  const listener = kernel.socket(STREAM);
  kernel.bind(listener, "/run/lan", 0o600);
  kernel.listen(listener, 0);
  Object.assign(kernel.descriptorFlags(listener), { nonBlocking: false });
  const vms = Array.from({ length: 2 }, () => kernel.peerStream("/run/lan"));
  kernel.faults.on("accept", { nth: 1, error: Errno.EMFILE });
  assertEquals(kernel.accept(listener), -Errno.EMFILE);
  assertEquals(vms.map(({ ended }) => ended), [true, false]);
  const fd = kernel.accept(listener);
  assertEquals([kernel.isNonBlocking(fd), kernel.isInherited(fd)], [1, 0]);
  assertEquals(kernel.accept(listener), -Errno.EAGAIN);
  kernel.dispose();
});

Deno.test("listen(fd, 0) means 128: as many clients may wait", () => {
  const kernel = new FakeDarwin();
  const listener = kernel.socket(STREAM);
  kernel.bind(listener, "/run/lan", 0o600);
  kernel.listen(listener, 0);
  for (let i = 0; i < 128; i++) kernel.peerStream("/run/lan");
  kernel.dispose();
});

Deno.test("bind() does not follow a dangling link, which the system would", () => {
  const kernel = new FakeDarwin();
  kernel.files.plant("/run/link", "symlink", "/run/elsewhere");
  const fd = kernel.socket(DGRAM);
  assertEquals(kernel.bind(fd, "/run/link", 0o600), -Errno.EADDRINUSE);
  assertEquals(kernel.stat("/run/elsewhere"), undefined);
  // What the fake's libSystem does by itself:
  const { libc } = fakeLibSystem(kernel.machine);
  const at = kernel.arena.take(4096), name = cString("/run/link");
  kernel.arena.u8.set([0, 1, ...name.subarray(0, -1)], at);
  assertEquals(libc.bind(fd, kernel.arena.address(at), name.length + 1), 0);
  assertEquals(kernel.stat("/run/elsewhere")?.kind, "socket");
  kernel.dispose();
});

Deno.test("setBuffers() takes what the system grants when it refuses more", () => {
  const kernel = new FakeDarwin({ bufferLimit: 1 << 20 });
  const fd = kernel.socket(DGRAM);
  assertEquals(kernel.setBuffers(fd, 4 << 20), 1 << 20);
  assertEquals(kernel.setBuffers(fd, 4 << 20), 1 << 20, "ENOBUFS: it is at the most already");
  assertEquals(kernel.setBuffers(fd, 65_536), 65_536);
  kernel.dispose();
});

Deno.test("raiseDescriptorLimit() asks for what a process may have, not for infinity", () => {
  const kernel = new FakeDarwin();
  assertEquals(kernel.raiseDescriptorLimit(), 61_440);
  assertEquals(kernel.machine.limit[0], 61_440n);
  assertEquals(kernel.raiseDescriptorLimit(), 61_440);
  kernel.dispose();
});

// ---- waiting ----

Deno.test("wait() is ended by its timer when it is short, and an old timer ends no later wait", () => {
  const kernel = new FakeDarwin();
  const timed = (microseconds: number) => {
    const start = kernel.now();
    assertEquals(kernel.wait(microseconds), 0);
    return Math.round((kernel.now() - start) * 1000);
  };
  // To find an event takes the fake a microsecond: that is how it shows which waits the timer has ended.
  assertEquals([timed(50), timed(1000), timed(20_000)], [51, 1001, 20_000]);
  // Ended by an event, the timer still runs.
  const wake = kernel.openWake();
  kernel.watch(wake, 3, Ready.READ);
  kernel.at(kernel.now() + 1, () => kernel.wake(wake));
  assertEquals(kernel.wait(5000), 1);
  assertEquals(kernel.takeWakes(wake), 1);
  assertEquals(timed(30_000), 30_000);
  assertEquals([timed(70), timed(60)], [71, 61]);
  kernel.dispose();
});

Deno.test("wakes of two threads are counted, not merged", () => {
  const kernel = new FakeDarwin();
  const wake = kernel.openWake();
  for (let i = 0; i < 100; i++) assertEquals(kernel.wake(wake), 0);
  assertEquals(kernel.takeWakes(wake), 100);
  assertEquals(kernel.takeWakes(wake), 0);
  kernel.dispose();
});

Deno.test("watchExit() tells every watcher of one process, which may have two ports", () => {
  const kernel = new FakeDarwin();
  const process = kernel.startProcess();
  const watchers = [kernel.watchExit(process.pid, 5), kernel.watchExit(process.pid, 6)];
  assertNotEquals(watchers[0], watchers[1]);
  assertEquals(kernel.wait(0), 0);
  process.ended = true;
  assertEquals(kernel.wait(0), 2);
  assertEquals([...kernel.readyToken.subarray(0, 2)].sort(), [5, 6]);
  for (const fd of watchers) {
    kernel.unwatch(fd);
    kernel.close(fd);
  }
  assertEquals(kernel.wait(0), 0);
  assertEquals(kernel.watchExit(process.pid, 5), -Errno.ESRCH);
  kernel.dispose();
});

Deno.test("wait() reports WRITE of pipes and streams as long as there is room", () => {
  const kernel = new FakeDarwin();
  const { fd } = kernel.inherit(STREAM);
  const pipe = kernel.inheritPipe();
  kernel.adopt(fd);
  for (const each of [fd, pipe.fd]) kernel.watch(each, each, Ready.WRITE);
  for (let turn = 0; turn < 3; turn++) assertEquals(kernel.wait(0), 2);
  kernel.rewatch(fd, fd, 0);
  assertEquals([kernel.wait(0), kernel.readyToken[0]], [1, pipe.fd]);
  kernel.dispose();
});

Deno.test("wait() makes one entry of READ and WRITE of a descriptor", () => {
  const kernel = new FakeDarwin();
  const { fd, vm } = kernel.inherit(STREAM);
  kernel.adopt(fd);
  kernel.watch(fd, 9, Ready.READ | Ready.WRITE);
  vm.send(Uint8Array.of(1));
  assertEquals(kernel.wait(0), 1);
  assertEquals([kernel.readyToken[0], kernel.readyBits[0]], [9, Ready.READ | Ready.WRITE]);
  vm.close();
  assertEquals(kernel.wait(0), 1);
  assertEquals(kernel.readyBits[0], Ready.READ | Ready.WRITE | Ready.GONE);
  kernel.dispose();
});

Deno.test("watch() that fails for WRITE leaves nothing of READ", () => {
  const kernel = new FakeDarwin(), { fd, vm } = kernel.inherit(SocketType.DGRAM);
  kernel.faults.on("watch", { nth: 2, error: Errno.ENOMEM });
  assertEquals(kernel.watch(fd, 4, Ready.READ | Ready.WRITE), -Errno.ENOMEM);
  vm.send(Uint8Array.of(1));
  assertEquals(kernel.wait(0), 0);
  assertEquals(kernel.watch(fd, 5, Ready.READ), 0);
  assertEquals([kernel.wait(0), kernel.readyToken[0]], [1, 5]);
});
