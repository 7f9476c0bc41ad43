/**
 * Faults of the running switch: which call fails how, and what that may cost.
 *
 * `when=3..120+5` is the third call and every fifth after it, up to the 120th, of each thread: faults among
 * calls that work, and then an end of them.
 *
 * @module
 */

/** What a fault may cost. */
export type Cost =
  /** Nothing: every frame arrives. */
  | "nothing"
  /** One frame for each fault: the kernel said it was sent, and it was not. */
  | "a frame each"
  /** VMs lose their connection, and the frames in it; they come back. */
  | "connections";

/** One row of the table. */
export interface FaultRow {
  readonly call: string;
  /** strace's injection expression behind the call's name. */
  readonly what: string;
  readonly cost: Cost;
}

const SOMETIMES = "when=3..120+5";
const AT_FIRST = "when=1..3";

function rows(call: string, cost: Cost, faults: readonly string[], when = SOMETIMES): FaultRow[] {
  return faults.map((fault) => ({ call, what: `${fault}:${when}`, cost }));
}

const errors = (...names: string[]) => names.map((name) => `error=${name}`);

/** Every call of the data path, with the errors it can have. */
export const FAULTS: readonly FaultRow[] = [
  ...rows("sendmmsg", "nothing", errors("ENOBUFS", "EAGAIN", "EINTR", "ENOMEM")),
  ...rows("sendmmsg", "connections", errors("EPERM", "ECONNREFUSED", "ECONNRESET")),
  ...rows("sendmmsg", "a frame each", ["error=EMSGSIZE", "retval=1"]),
  ...rows("sendmmsg", "nothing", ["retval=0", "delay_enter=20000"]),
  ...rows("sendmsg", "nothing", errors("EAGAIN", "ENOBUFS", "EINTR", "ENOMEM")),
  ...rows("sendmsg", "nothing", ["retval=0", "delay_enter=20000", "delay_exit=20000"]),
  ...rows("sendmsg", "connections", errors("EPIPE", "ECONNRESET"), "when=40..60+10"),
  ...rows("recvmmsg", "nothing", errors("EINTR", "EAGAIN", "ENOMEM")),
  ...rows("recvmmsg", "nothing", ["retval=0"]),
  ...rows("recvmmsg", "connections", errors("EIO", "ECONNRESET"), "when=20..60+10"),
  ...rows("recvfrom", "nothing", errors("EINTR", "EAGAIN", "ENOMEM")),
  ...rows("recvfrom", "connections", errors("EIO", "ECONNRESET"), "when=40..60+10"),
  ...rows("recvfrom", "connections", ["retval=0"], "when=40..60+10"),
  ...rows(
    "accept4",
    "nothing",
    errors("EMFILE", "ENFILE", "ECONNABORTED", "EINTR", "ENOMEM"),
    AT_FIRST,
  ),
  ...rows("accept4", "nothing", errors("EPERM", "EPROTO"), AT_FIRST),
  ...rows("epoll_pwait2", "nothing", errors("EINTR"), "when=3..400+5"),
];

/** A fault that keeps the switch from starting. */
export interface StartFault {
  readonly call: string;
  readonly error: string;
  /** The port it hits, as `--port` names it. */
  readonly port: string;
}

/** Calls of opening ports `a` (dgram) and `lan` (stream), in this order. */
export const START_FAULTS: readonly (StartFault & { readonly when: number })[] = [
  { call: "socket", error: "EMFILE", when: 1, port: "a" },
  { call: "socket", error: "ENFILE", when: 2, port: "lan" },
  { call: "socket", error: "EACCES", when: 1, port: "a" },
  { call: "bind", error: "EACCES", when: 1, port: "a" },
  { call: "bind", error: "EADDRINUSE", when: 2, port: "lan" },
  { call: "bind", error: "ENOMEM", when: 2, port: "lan" },
  { call: "listen", error: "EADDRINUSE", when: 1, port: "lan" },
  { call: "listen", error: "ENOBUFS", when: 1, port: "lan" },
];
