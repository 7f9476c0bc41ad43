/**
 * Descriptors in messages as Darwin has them (xnu bsd/kern/uipc_socket.c: soreceive_ctl, uipc_usrreq.c:
 * unp_internalize, unp_externalize).
 *
 * Whoever reads the message gets them opened, whether he asked or not; he is told as many numbers as he has room for.
 * When his table is full none is opened, they are gone, and the message stays, without its sender's name.
 *
 * @module
 */
import { Errno } from "../../src/platform/errno.ts";
import type { CMemory, Msghdr } from "./fake_c_memory.ts";
import type { FakeDarwinMachine } from "./fake_darwin_machine.ts";
import { type Message, type Passed, Refused } from "./fake_socket.ts";

/** struct cmsghdr on Darwin; SOL_SOCKET, SCM_RIGHTS. */
const HEADER = 12, LEVEL = 4, TYPE = 8, SOL_SOCKET = 0xffff, SCM_RIGHTS = 1;
const MSG_CTRUNC = 0x20;
/** What may be sent (fg_sendable): files, folders, sockets and pipes; no kqueue. */
const SENDABLE = ["folder", "socket", "pipe"];
/** Where struct msghdr has the length of the control data and the flags. */
const CONTROLLEN = 40, FLAGS = 44;

/** See the head of this file. */
export class FakeRights {
  readonly #machine: FakeDarwinMachine;
  readonly #memory: CMemory;

  constructor(machine: FakeDarwinMachine, memory: CMemory) {
    this.#machine = machine;
    this.#memory = memory;
  }

  /** What a message that is sent carries along. */
  take({ control }: Msghdr): Passed[] {
    if (control === undefined) return [];
    const { view } = this.#memory, { at, room } = control, bytes = view.getInt32(at, true);
    if (bytes !== room) throw new Refused(Errno.EINVAL);
    if (view.getInt32(at + LEVEL, true) !== SOL_SOCKET) throw new Refused(Errno.EINVAL);
    if (view.getInt32(at + TYPE, true) !== SCM_RIGHTS) throw new Refused(Errno.EINVAL);
    const { table } = this.#machine;
    return Array.from({ length: (bytes - HEADER) >> 2 }, (_, i) => {
      const fd = view.getInt32(at + HEADER + i * 4, true), open = table.get(fd);
      if (!SENDABLE.includes(open.kind)) throw new Refused(Errno.EINVAL);
      return { open, nonBlocking: table.flags(fd).nonBlocking };
    });
  }

  /** Open what comes with the message that is read next; returns the numbers. */
  open(message: Message | undefined): number[] {
    if (message === undefined || message.passed.length === 0) return [];
    const passed = message.passed.splice(0), { table, limit } = this.#machine;
    if (BigInt(table.all.length + 3 + passed.length) > limit[0]) {
      message.nameless = true;
      throw new Refused(Errno.EMSGSIZE);
    }
    return passed.map(({ open, nonBlocking }) =>
      table.add(open, { nonBlocking, closeOnExec: false })
    );
  }

  /** Tell the numbers in the control data of a header; those that find no room there stay open. */
  tell({ at, control }: Msghdr, fds: readonly number[]): void {
    const { view } = this.#memory;
    if (control === undefined) return;
    const bytes = fds.length === 0 ? 0 : HEADER + fds.length * 4;
    const stored = Math.min(bytes, control.room);
    view.setInt32(at + CONTROLLEN, stored, true);
    if (stored < bytes) {
      view.setInt32(at + FLAGS, view.getInt32(at + FLAGS, true) | MSG_CTRUNC, true);
    }
    if (stored < HEADER) return;
    view.setInt32(control.at, bytes, true);
    view.setInt32(control.at + LEVEL, SOL_SOCKET, true);
    view.setInt32(control.at + TYPE, SCM_RIGHTS, true);
    for (let i = 0; HEADER + i * 4 + 4 <= stored; i++) {
      view.setInt32(control.at + HEADER + i * 4, fds[i], true);
    }
  }
}
