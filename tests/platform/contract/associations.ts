/**
 * The contract of datagram sockets: names, connecting, and what happens when a peer goes.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { Ready, SocketType } from "../../../src/platform/kernel.ts";
import { ok, refused, text } from "./expect.ts";
import type { Case, Lab } from "./lab.ts";

const { DGRAM, STREAM } = SocketType;

/** A whole sockaddr_un, as {@linkcode MessageTable} has it. */
function storedName(lab: Lab, i: number): Uint8Array {
  const at = lab.named.nameStart(i);
  return lab.kernel.arena.u8.slice(at, at + lab.named.nameLength(i));
}

/** See the head of this file. */
export const associations: readonly Case[] = [
  {
    name: "receive() stores each sender's name: family, path, NUL; nothing of an unnamed one",
    run(lab) {
      const receiver = lab.bound("receiver");
      lab.sendTo(lab.bound("long-name-of-a-sender"), "receiver", text("1"));
      lab.sendTo(lab.socket(DGRAM), "receiver", text("2"));
      lab.sendTo(lab.bound("b"), "receiver", text("3"));
      lab.resetNames(3);
      assertEquals(lab.kernel.receive(receiver, lab.named, 3), 3);
      const sockaddr = (name: string) => {
        const path = [...lab.address(name), ...Array(lab.habits.nul).fill(0)];
        return Uint8Array.of(
          ...(lab.habits.system === "linux" ? [1, 0] : [2 + path.length, 1]),
          ...path,
        );
      };
      const unnamed = lab.habits.system === "linux" ? [] : [16, 1, ...Array(14).fill(0)];
      const names = [0, 1, 2].map((i) => storedName(lab, i));
      assertEquals(names, [
        sockaddr("long-name-of-a-sender"),
        Uint8Array.from(unnamed),
        sockaddr("b"),
      ]);
      assertEquals([0, 1, 2].map((i) => lab.named.sender(i)), [
        lab.address("long-name-of-a-sender"),
        new Uint8Array(),
        lab.address("b"),
      ]);
      assertEquals(lab.named.nameStart(0), lab.named.names);
    },
  },
  {
    name: "receive() tells a name's length even where there is no room for it",
    only: "linux",
    run(lab) {
      const receiver = lab.bound("receiver"), sender = lab.bound("sender");
      lab.sendTo(sender, "receiver", text("1"));
      lab.kernel.arena.u8.fill(0xee, lab.named.names, lab.named.names + 110);
      lab.named.setName(0, lab.named.names, 0);
      assertEquals(lab.kernel.receive(receiver, lab.named, 1), 1);
      assertEquals(lab.named.nameLength(0), 2 + lab.address("sender").length + 1);
      assertEquals(storedName(lab, 0)[0], 0xee);
    },
  },
  {
    name: "send() delivers each message of a batch to the name it carries",
    run(lab) {
      const a = lab.bound("a"), b = lab.bound("b"), sender = lab.socket(DGRAM);
      ["a", "b", "a"].forEach((name, i) => {
        lab.put(i, text(`${i} to ${name}`));
        lab.putName(i, name);
      });
      assertEquals(lab.kernel.send(sender, lab.named, 0, 3), 3);
      assertEquals([lab.receive(a), lab.receive(a)], [text("0 to a"), text("2 to a")]);
      assertEquals(lab.receive(b), text("1 to b"));
    },
  },
  {
    name: "send() to a name stops at one that is not there or stale",
    run(lab) {
      lab.bound("a");
      lab.close(lab.bound("stale"));
      const sender = lab.socket(DGRAM);
      ["a", "missing", "stale"].forEach((name, i) => {
        lab.put(i, text("x"));
        lab.putName(i, name);
      });
      assertEquals(lab.kernel.send(sender, lab.named, 0, 3), 1);
      refused(lab.kernel.send(sender, lab.named, 1, 2), "ENOENT");
      refused(lab.kernel.send(sender, lab.named, 2, 1), "ECONNREFUSED");
    },
  },
  {
    name: "send() without a name needs a peer",
    run: (lab) => refused(lab.send(lab.bound("a"), text("x")), lab.habits.nobody),
  },
  {
    name: "connect() needs a living socket of the same type, and follows links",
    run(lab) {
      const { kernel } = lab;
      const fd = lab.socket(DGRAM);
      lab.close(lab.bound("stale"));
      lab.listener("stream", 1);
      lab.bound("live");
      lab.world.plant(lab.path("file"), "file");
      lab.world.plant(lab.path("link"), "symlink", lab.path("live"));
      refused(kernel.connect(fd, lab.address("missing")), "ENOENT");
      refused(kernel.connect(fd, lab.address("stale")), "ECONNREFUSED");
      refused(kernel.connect(fd, lab.address("file")), "ECONNREFUSED");
      refused(kernel.connect(fd, lab.address("stream")), "EPROTOTYPE");
      assertEquals(kernel.isConnected(fd), 0);
      assertEquals(kernel.connect(fd, lab.address("link")), 0);
      assertEquals(kernel.isConnected(fd), 1);
      refused(kernel.connect(lab.socket(STREAM), lab.address("live")), "EPROTOTYPE");
    },
  },
  {
    name: "peerAddress() and ownAddress() tell both names of an association",
    run(lab) {
      const { kernel } = lab, [port] = lab.mutual("port", "vm"), lone = lab.socket(DGRAM);
      assertEquals(kernel.peerAddress(port), lab.address("vm"));
      assertEquals(kernel.ownAddress(port), lab.address("port"));
      assertEquals([kernel.peerAddress(lone), kernel.peerAddress(-1)], [undefined, undefined]);
      const [a] = lab.pair(DGRAM);
      assertEquals([kernel.peerAddress(a), kernel.ownAddress(a)], [text(""), text("")]);
      ok(kernel.disconnect(port));
      assertEquals(kernel.peerAddress(port), undefined);
    },
  },
  {
    name: "connect() turns everybody else away with EPERM until disconnect()",
    only: "linux",
    run(lab) {
      const port = lab.bound("port"), vm = lab.bound("vm"), other = lab.bound("other");
      ok(lab.kernel.connect(other, lab.address("port")));
      ok(lab.kernel.connect(port, lab.address("vm")));
      refused(lab.send(other, text("x")), "EPERM");
      refused(lab.sendTo(other, "port", text("x")), "EPERM");
      refused(lab.kernel.connect(lab.socket(DGRAM), lab.address("port")), "EPERM");
      assertEquals(lab.sendTo(vm, "port", text("from the vm")), 1);
      assertEquals(lab.receive(port), text("from the vm"));
      assertEquals(lab.kernel.disconnect(port), 0);
      assertEquals(lab.kernel.isConnected(port), 0);
      assertEquals(lab.send(other, text("from the other")), 1);
      assertEquals(lab.receive(port), text("from the other"));
    },
  },
  {
    name: "connect() turns nobody away; disconnect() dissolves it and keeps what has come",
    only: "darwin",
    run(lab) {
      const port = lab.bound("port"), vm = lab.bound("vm"), other = lab.bound("other");
      ok(lab.kernel.connect(other, lab.address("port")));
      ok(lab.kernel.connect(port, lab.address("vm")));
      assertEquals(lab.send(other, text("from the other")), 1);
      assertEquals(lab.kernel.connect(lab.socket(DGRAM), lab.address("port")), 0);
      assertEquals(lab.kernel.disconnect(port), 0);
      assertEquals(lab.kernel.isConnected(port), 0);
      assertEquals(lab.receive(port), text("from the other"));
      assertEquals(lab.kernel.peerOf(other)?.pid, lab.world.pid);
      assertEquals(lab.kernel.peerOf(vm), undefined);
    },
  },
  {
    name: "connect() keeps what had arrived before; disconnect() throws it away",
    only: "linux",
    run(lab) {
      const port = lab.bound("port"), vm = lab.bound("vm");
      ok(lab.kernel.connect(vm, lab.address("port")));
      lab.send(vm, text("first"));
      ok(lab.kernel.connect(port, lab.address("vm")));
      assertEquals(lab.receive(port), text("first"));
      lab.send(vm, text("second"));
      ok(lab.kernel.disconnect(port));
      refused(lab.kernel.receive(port, lab.plain, 1), "EAGAIN");
      refused(lab.send(vm, text("third")), "ECONNRESET");
      assertEquals(lab.send(vm, text("fourth")), 1);
    },
  },
  {
    name: "send() to a peer that has closed is ECONNRESET once, then EDESTADDRREQ; nobody is woken",
    only: "darwin",
    run(lab) {
      const [port, vm] = lab.mutual("port", "vm");
      ok(lab.kernel.watch(port, 7, Ready.READ));
      lab.close(vm);
      assertEquals(lab.ready(), {});
      refused(lab.send(port, text("x")), "ECONNRESET");
      refused(lab.send(port, text("x")), "EDESTADDRREQ");
      assertEquals(lab.kernel.isConnected(port), 0);
      const next = lab.bound("next");
      assertEquals(lab.sendTo(next, "port", text("hello")), 1);
      assertEquals(lab.receive(port), text("hello"));
    },
  },
  {
    name: "send() to a peer that has closed is ECONNREFUSED once, then ENOTCONN",
    only: "linux",
    run(lab) {
      const [port, vm] = lab.mutual("port", "vm");
      lab.send(vm, text("unread"));
      lab.close(vm);
      ok(lab.kernel.watch(port, 7, Ready.READ));
      assertEquals(lab.ready(), { 7: Ready.READ }, "a datagram peer's end is not an event");
      assertEquals(lab.kernel.isConnected(port), 1);
      refused(lab.send(port, text("x")), "ECONNREFUSED");
      refused(lab.send(port, text("x")), "ENOTCONN");
      assertEquals(lab.kernel.isConnected(port), 0);
      refused(lab.kernel.receive(port, lab.plain, 1), "EAGAIN"); // "unread" is lost
      const next = lab.bound("next");
      assertEquals(lab.sendTo(next, "port", text("hello")), 1);
      assertEquals(lab.receive(port), text("hello"));
    },
  },
];
