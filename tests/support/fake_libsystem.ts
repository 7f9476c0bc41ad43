/**
 * A libSystem for tests: the C functions that DarwinKernel calls, over the fake machine and the arena's memory.
 *
 * It keeps the rules of xnu that the switch has to live with (sources: the heads of fake_darwin_sockets.ts and
 * src/platform/darwin*.ts), and is stricter in two: a call that would block the switch, and a bulk call whose messages
 * are not of as many pieces each, is an error of ours and throws.
 *
 * @module
 */
import type { LibSystem } from "../../src/platform/darwin_libc.ts";
import { Errno } from "../../src/platform/errno.ts";
import { SocketType } from "../../src/platform/kernel.ts";
import { CMemory } from "./fake_c_memory.ts";
import type { FakeDarwinMachine } from "./fake_darwin_machine.ts";
import { libSystemData } from "./fake_libsystem_data.ts";
import { libSystemSockets } from "./fake_libsystem_sockets.ts";
import { libSystemKqueue } from "./fake_libsystem_kqueue.ts";
import { Refused } from "./fake_socket.ts";
import type { FaultCall } from "./faults.ts";
import { toXnu } from "./xnu_errno.ts";

/** What the functions share. */
export interface LibContext {
  readonly machine: FakeDarwinMachine;
  readonly memory: CMemory;
  /** A call that the fault script may hit as `name`; sets errno, returns -1 for an error. */
  readonly call: (name: FaultCall, fd: number, body: (limit: number) => number) => number;
  /** The same for a call that is not scripted. */
  readonly plain: (body: () => number) => number;
}

/** Make the functions, and the errno they set. */
export function fakeLibSystem(machine: FakeDarwinMachine): { libc: LibSystem; errno: Int32Array } {
  const errno = new Int32Array(1);
  const settle = (result: number): number => {
    if (result >= 0) return result;
    errno[0] = toXnu(result);
    return -1;
  };
  const context: LibContext = {
    machine,
    memory: new CMemory(machine.arena),
    call: (name, fd, body) => settle(machine.enter(name, fd, body)),
    plain: (body) => settle(machine.plain(body)),
  };
  const libc = {
    ...libSystemSockets(context),
    ...libSystemData(context),
    ...libSystemKqueue(context),
    ...files(context),
  };
  if (!machine.bulkCalls) Object.assign(libc, { sendmsg_x: null, recvmsg_x: null });
  return { libc: libc as unknown as LibSystem, errno };
}

function text(bytes: BufferSource): string {
  const all = new Uint8Array(bytes as ArrayBuffer | Uint8Array<ArrayBuffer>);
  return new TextDecoder().decode(all.subarray(0, all.indexOf(0)));
}

function files({ machine, memory, call, plain }: LibContext) {
  const { table } = machine;
  return {
    umask(mask: number): number {
      const old = machine.umask;
      machine.umask = mask;
      return old;
    },
    unlink: (path: BufferSource) => call("unlink", -1, () => machine.files.unlink(text(path))),
    rename: (from: BufferSource, to: BufferSource) =>
      call("rename", -1, () => machine.files.rename(text(from), text(to))),
    lchown: (path: BufferSource, _uid: number, gid: number) =>
      call("chgrp", -1, () => machine.files.chgrp(text(path), gid)),
    open: (path: BufferSource, flags: number) =>
      call("lockFolder", -1, () => {
        if (flags !== 0x110_0000) throw new Error(`open() with flags ${flags}`);
        const kind = machine.files.stat(text(path))?.kind;
        if (kind === undefined) throw new Refused(Errno.ENOENT);
        if (kind !== "directory") throw new Refused(Errno.ENOTDIR);
        return table.add({ kind: "folder", path: text(path) });
      }),
    flock: (fd: number, _how: number) =>
      plain(() => {
        const open = table.get(fd);
        if (open.kind !== "folder") throw new Refused(Errno.EINVAL);
        for (const each of table.all) {
          const other = table.get(each);
          if (other.kind === "folder" && other.path === open.path && other.locked === true) {
            throw new Refused(Errno.EAGAIN);
          }
        }
        open.locked = true;
        return 0;
      }),
    close: (fd: number) => call("close", fd, () => machine.closeDescriptor(fd)),
    write: (fd: number, bytes: Uint8Array, length: bigint) =>
      call("writeBytes", fd, (limit) => {
        const open = table.get(fd);
        if (open.kind !== "pipe") throw new Refused(Errno.EINVAL);
        if (open.broken) throw new Refused(Errno.EPIPE);
        const taken = bytes.subarray(0, Math.min(Number(length), limit));
        open.taken.push(...taken);
        return taken.length;
      }),
    fcntl: (fd: number, command: number, argument: bigint) =>
      plain(() => {
        const flags = table.flags(fd);
        switch (command) {
          case 1: // F_GETFD
            return flags.closeOnExec ? 1 : 0;
          case 2: // F_SETFD
            flags.closeOnExec = (argument & 1n) !== 0n;
            return 0;
          case 3: // F_GETFL
            return 2 | (flags.nonBlocking ? 4 : 0);
          case 4: // F_SETFL
            flags.nonBlocking = (argument & 4n) !== 0n;
            return 0;
        }
        throw new Refused(Errno.EINVAL);
      }),
    getrlimit: (resource: number, limit: bigint) =>
      call("raiseDescriptorLimit", -1, () => {
        if (resource !== 8) throw new Refused(Errno.EINVAL);
        const at = memory.at(limit, 16);
        machine.limit.forEach((value, i) => memory.view.setBigUint64(at + i * 8, value, true));
        return 0;
      }),
    setrlimit: (_resource: number, limit: bigint) =>
      plain(() => {
        const wanted = memory.view.getBigUint64(memory.at(limit, 16), true);
        if (wanted > BigInt(machine.maxFiles)) throw new Refused(Errno.EINVAL);
        machine.limit[0] = wanted;
        return 0;
      }),
    sysctlbyname: (name: BufferSource, value: bigint, size: bigint) =>
      plain(() => {
        const bytes = text(name) === "kern.osrelease"
          ? new TextEncoder().encode(machine.release + "\0")
          : text(name) === "kern.maxfilesperproc"
          ? new Uint8Array(Int32Array.of(machine.maxFiles).buffer)
          : undefined;
        if (bytes === undefined) throw new Refused(Errno.ENOENT);
        const room = Number(memory.view.getBigUint64(memory.at(size, 8), true));
        if (room < bytes.length) throw new Refused(Errno.ENOMEM);
        memory.bytes(value, bytes.length).set(bytes);
        return 0;
      }),
  };
}

/** Type of a socket by its descriptor. */
export function socketAt({ machine }: LibContext, fd: number, type?: SocketType) {
  const open = machine.table.get(fd);
  if (open.kind !== "socket") throw new Refused(Errno.ENOTSOCK);
  if (type !== undefined && open.socket.type !== type) {
    throw new Error(`A call for the other type of socket on ${fd}`);
  }
  return open.socket;
}
