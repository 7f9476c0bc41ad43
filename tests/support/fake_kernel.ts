/**
 * The fake kernel: Linux's semantics in memory, over a virtual clock and a fault script.
 *
 * It keeps to what a real kernel does (tests/platform/kernel_contract_test.ts runs over both), so that a
 * test of the whole switch decides every event and its time. Three differences are deliberate:
 * {@linkcode FakeKernel.wait} advances the clock instead of sleeping; a wait nobody can end throws; and
 * so does a loop that waits very often without time passing, where a real switch would burn a core.
 *
 * @module
 */
import { Errno } from "../../src/platform/errno.ts";
import { type Kernel, type PathInfo, SocketType } from "../../src/platform/kernel.ts";
import { rightsIn } from "../../src/platform/rights.ts";
import type { MessageTable, Vector } from "../../src/platform/vectors.ts";
import { receiveDatagram, sendDatagram } from "./fake_dgram.ts";
import { FakeKernelSockets } from "./fake_kernel_sockets.ts";
import { gather, loadName, prefix, store, storeName } from "./fake_memory.ts";
import { FakeSharing } from "./fake_sharing.ts";
import { type Passed, Refused } from "./fake_socket.ts";
import { closeSocket, readStream, writeStream } from "./fake_stream.ts";

/** Most pieces of one message (UIO_MAXIOV). */
const PIECES_MAX = 1024;

/** See the head of this file. */
export class FakeKernel extends FakeKernelSockets implements Kernel {
  readonly bulk = "sendmmsg/recvmmsg";
  readonly sharing: FakeSharing = new FakeSharing({
    arena: this.arena,
    guestBytes: this.guestBytes,
    descriptors: this.descriptors,
    call: (name, fd, body) => this.call(name, fd, body),
    streamOf: (fd) => this.streamOf(fd),
    addWake: (fd) => this.addWake(fd),
    close: (fd) => this.close(fd),
  });

  // ---- descriptors ----

  isInherited(fd: number): number {
    return this.call("isInherited", fd, () => this.descriptors.flags(fd).closeOnExec ? 0 : 1);
  }

  isNonBlocking(fd: number): number {
    return this.call("isNonBlocking", fd, () => this.descriptors.flags(fd).nonBlocking ? 1 : 0);
  }

  adopt(fd: number): number {
    return this.call("adopt", fd, () => {
      Object.assign(this.descriptors.flags(fd), { nonBlocking: true, closeOnExec: true });
      return 0;
    });
  }

  close(fd: number): number {
    return this.call("close", fd, () => {
      const open = this.descriptors.remove(fd);
      if (open.kind === "socket") closeSocket(open.socket);
      return 0;
    });
  }

  // ---- files ----

  stat(path: string): PathInfo | undefined {
    return this.files.stat(path);
  }

  unlink(path: string): number {
    return this.call("unlink", -1, () => this.files.unlink(path));
  }

  lockFolder(path: string): number {
    return this.call("lockFolder", -1, () => {
      for (const fd of this.descriptors.all) {
        const open = this.descriptors.get(fd);
        if (open.kind === "folder" && open.path === path) throw new Refused(Errno.EAGAIN);
      }
      return this.descriptors.add({ kind: "folder", path });
    });
  }

  rename(from: string, to: string): number {
    return this.call("rename", -1, () => this.files.rename(from, to));
  }

  chgrp(path: string, gid: number): number {
    return this.call("chgrp", -1, () => this.files.chgrp(path, gid));
  }

  // ---- data ----

  receive(fd: number, table: MessageTable, count: number): number {
    return this.call("receive", fd, (limit) => {
      const socket = this.datagramOf(fd);
      return prefix(Math.min(count, limit, table.capacity), (i) => {
        const message = receiveDatagram(socket);
        const { vector } = table;
        table.setReceived(i, store(this.arena, message, vector.start(i), vector.length(i)));
        if (table.names > 0) storeName(this.arena, message.address, table, i);
      });
    });
  }

  send(fd: number, table: MessageTable, from: number, count: number): number {
    return this.call("send", fd, (limit) => {
      const socket = this.socketOf(fd);
      return prefix(Math.min(count, limit, table.capacity - from), (i) => {
        const along = this.#along(table, from + i);
        const address = loadName(this.arena, table, from + i);
        const find = address && (() => this.files.find(address, SocketType.DGRAM));
        const first = table.firstPiece(from + i), pieces = table.pieces(from + i);
        if (pieces > PIECES_MAX) throw new Refused(Errno.EMSGSIZE);
        const bytes = gather(this.arena, table.vector, first, pieces);
        if (socket.type === SocketType.STREAM) writeStream(socket, bytes, along);
        else if (along.length > 0 && socket.peer?.refusesDescriptors) {
          throw new Refused(Errno.EPERM);
        } else sendDatagram(socket, bytes, find); // who receives it asks for no descriptors, and gets none
      });
    });
  }

  /** Descriptors in the control data of message `i`. */
  #along(table: MessageTable, i: number): Passed[] {
    const at = table.control(i);
    if (at === 0) return [];
    const { view } = this.arena;
    return rightsIn(view, at, table.controlLength(i), this.abi).map((fd) => {
      return { open: this.descriptors.get(fd), nonBlocking: true };
    });
  }

  read(fd: number, at: number, length: number): number {
    return this.call("read", fd, (limit) => {
      const socket = this.streamOf(fd);
      return readStream(socket, this.arena.u8.subarray(at, at + Math.min(length, limit)));
    });
  }

  write(fd: number, vector: Vector, count: number): number {
    return this.call("write", fd, (limit) => {
      const socket = this.streamOf(fd);
      if (count > PIECES_MAX) throw new Refused(Errno.EMSGSIZE);
      return writeStream(socket, gather(this.arena, vector, 0, count).subarray(0, limit));
    });
  }

  // ---- readiness ----

  watch(fd: number, token: number, interest: number): number {
    return this.call("watch", fd, () => this.descriptors.watch(fd, token, interest));
  }

  rewatch(fd: number, token: number, interest: number): number {
    return this.call("rewatch", fd, () => this.descriptors.rewatch(fd, token, interest));
  }

  unwatch(fd: number): number {
    return this.call("unwatch", fd, () => this.descriptors.unwatch(fd));
  }

  watchExit(pid: number, token: number): number {
    return this.call("watchExit", -1, () => {
      const process = this.process(pid);
      if (process === undefined) throw new Refused(Errno.ESRCH);
      const fd = this.descriptors.add({ kind: "exit", process });
      this.descriptors.watch(fd, token, 1);
      return fd;
    });
  }

  wait(microseconds: number): number {
    const n = this.call("wait", -1, () => this.sleep(microseconds));
    return Math.max(n, 0);
  }

  now(): number {
    return this.clock.now;
  }

  // ---- waking ----

  openWake(): number {
    return this.call(
      "openWake",
      -1,
      () => this.descriptors.add({ kind: "wake", count: 0, additions: 0 }),
    );
  }

  wake(fd: number): number {
    return this.call("wake", fd, () => this.addWake(fd));
  }

  takeWakes(fd: number): number {
    return this.call("takeWakes", fd, () => {
      const wakes = this.wakesOf(fd);
      const { count } = wakes;
      wakes.count = 0;
      return count;
    });
  }

  writeBytes(fd: number, bytes: Uint8Array): number {
    return this.call("writeBytes", fd, (limit) => {
      const open = this.descriptors.get(fd);
      if (open.kind !== "pipe") throw new Refused(Errno.EINVAL);
      if (open.broken) throw new Refused(Errno.EPIPE);
      const taken = bytes.subarray(0, limit);
      open.taken.push(...taken);
      return taken.length;
    });
  }

  raiseDescriptorLimit(): number {
    return this.call("raiseDescriptorLimit", -1, () => 1_048_576);
  }

  override assertNothingLeft(): void {
    super.assertNothingLeft();
    const { mappings } = this.sharing;
    if (mappings > 0) throw new Error(`Memory of VMs left mapped: ${mappings} times`);
  }
}
