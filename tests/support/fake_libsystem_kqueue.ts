/**
 * kqueue(2) and kevent(2), for fake_libsystem.ts.
 *
 * @module
 */
import { Errno } from "../../src/platform/errno.ts";
import { Filter, Flag, type Kevent, type Subject } from "./fake_kqueue.ts";
import type { LibContext } from "./fake_libsystem.ts";
import { attempt } from "./fake_peers.ts";
import { Refused } from "./fake_socket.ts";
import { toXnu } from "./xnu_errno.ts";

/** See the head of this file. */
export function libSystemKqueue({ machine, memory, call, plain }: LibContext) {
  /** What a change is about; throws what kevent() answers. */
  const subjectOf = (event: Kevent): Subject => {
    const id = Number(event.ident);
    switch (event.filter) {
      case Filter.READ:
      case Filter.WRITE: {
        const open = machine.table.get(id);
        if (open.kind === "socket") return { socket: open.socket };
        return open.kind === "kqueue" ? { queue: open.queue } : {};
      }
      case Filter.PROC: {
        const process = machine.processOf(id);
        if (process === undefined || process.ended) throw new Refused(Errno.ESRCH);
        return { process };
      }
      default:
        return {};
    }
  };
  const change = (fd: number, event: Kevent): number => {
    const queue = machine.kqueueOf(fd);
    if ((event.flags & Flag.DELETE) !== 0) {
      if (!queue.remove(event)) throw new Refused(Errno.ENOENT);
    } else if ((event.flags & Flag.ADD) !== 0) queue.add(event, subjectOf(event));
    else throw new Refused(Errno.EINVAL);
    return 0;
  };
  const told = (event: Kevent, result: number): Kevent => ({
    ...event,
    flags: event.flags | Flag.ERROR,
    data: toXnu(result),
  });

  return {
    kqueue: () => call("openWake", -1, () => machine.addKqueue()),
    kevent(
      fd: number,
      changes: bigint,
      changeCount: number,
      events: bigint,
      most: number,
      time: bigint,
    ): number {
      const apply = () => {
        let errors = 0;
        for (let i = 0; i < changeCount; i++) {
          const event = memory.kevent(changes, i);
          const result = attempt(() => change(fd, event));
          if (result === 0) continue;
          if (errors === most) throw new Refused(-result);
          memory.setKevent(events, errors++, told(event, result));
        }
        return errors;
      };
      if (most === 0) {
        const event = memory.kevent(changes, 0);
        const name = event.filter === Filter.USER
          ? "wake"
          : event.filter === Filter.PROC
          ? "watchExit"
          : (event.flags & Flag.DELETE) !== 0
          ? "unwatch"
          : "watch";
        return name === "unwatch"
          ? plain(apply)
          : call(name, Number(event.ident & 0x7fffffffn), apply);
      }
      const wait = () => {
        const queue = machine.kqueueOf(fd);
        const errors = apply();
        if (errors > 0) return errors;
        const collect = () => {
          const some = queue.take(most);
          some.forEach((event, i) => memory.setKevent(events, i, event));
          return some.length;
        };
        if (!machine.isFirst(queue)) return collect();
        return machine.sleepIn(queue, microseconds(time), collect);
      };
      return machine.isFirstFd(fd) ? call("wait", -1, wait) : call("takeWakes", fd, wait);
    },
  };

  function microseconds(time: bigint): number {
    if (time === 0n) return -1;
    const at = memory.at(time, 16), { view } = memory;
    const seconds = Number(view.getBigInt64(at, true));
    const nanoseconds = Number(view.getBigInt64(at + 8, true));
    if (nanoseconds >= 1e9) throw new Refused(Errno.EINVAL);
    return seconds * 1e6 + nanoseconds / 1000;
  }
}
