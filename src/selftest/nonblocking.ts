/**
 * Probe: does no call ever wait?
 *
 * One descriptor that blocks stops every VM: the switch has one thread. A flag that was set in the wrong way is
 * silently not set (Darwin's fcntl is variadic, and its MSG_DONTWAIT does not keep a stream from waiting to
 * send), so each way to come by a descriptor is filled until the kernel has to refuse, and read when
 * there is nothing. Where it waits instead, this probe never returns.
 *
 * @module
 */
import { Errno, errnoName, Fault, judge } from "../platform/errno.ts";
import { SocketType } from "../platform/kernel.ts";
import { Vector } from "../platform/vectors.ts";
import { Slots } from "./datagrams.ts";
import { type Bench, connect, must, type Probe, ProbeError, same, Sockets } from "./probe.ts";

const PIECE = 64 << 10;
/** More than any socket buffer holds. */
const MOST = 64 << 20;

/** See the head of this file. */
export const nonblocking: Probe = {
  name: "nonblocking",
  label: "no read, write or accept ever waits",
  run(bench) {
    const { kernel } = bench;
    using sockets = new Sockets(kernel);
    const ways = new Map<string, number>();
    const [a, b] = sockets.pair(SocketType.STREAM);
    ways.set("a stream pair", a).set("its other end", b);
    for (const [way, fd] of connection(bench, sockets)) ways.set(way, fd);
    const empty = new Slots(bench, 1, PIECE), at = empty.start(0);
    const [c, d] = sockets.pair(SocketType.DGRAM);
    for (const fd of [c, d]) {
      same(kernel.receive(fd, empty.table, 1), -Errno.EAGAIN, "receiving where nothing waits");
      checkFlag(bench, "a datagram pair", fd);
    }
    const taken = new Map<string, number>();
    for (const [way, fd] of ways) {
      same(kernel.read(fd, at, PIECE), -Errno.EAGAIN, `reading ${way} where nothing waits`);
      checkFlag(bench, way, fd);
    }
    for (const [way, fd] of ways) taken.set(way, fill(bench, way, fd, at));
    return {
      details: `${ways.size + 2} descriptors are refused when full or empty, and F_GETFL says so`,
      figures: {
        descriptors: ways.size + 2,
        streamBytesUntilFull: taken.get("a stream pair") ?? 0,
      },
    };
  },
};

/** Both ends of a connection over a listening path. */
function* connection({ kernel, folder }: Bench, sockets: Sockets): Iterable<[string, number]> {
  const path = `${folder}/listen`;
  const listener = sockets.add(kernel.socket(SocketType.STREAM), "make a socket");
  must(kernel.bind(listener, path, 0o600), "bind a path");
  try {
    must(kernel.listen(listener, 8), "listen");
    same(kernel.accept(listener), -Errno.EAGAIN, "accepting when nobody has come");
    const client = sockets.add(kernel.socket(SocketType.STREAM), "make a socket");
    must(connect(kernel, client, path), "connect to a path");
    yield ["a connecting stream", client];
    yield ["an accepted stream", sockets.add(kernel.accept(listener), "accept")];
  } finally {
    kernel.unlink(path);
  }
}

function checkFlag({ kernel }: Bench, way: string, fd: number): void {
  same(kernel.isNonBlocking(fd), 1, `F_GETFL of ${way} (1: non-blocking)`);
}

/** Write until refused; returns how many bytes fitted. */
function fill({ kernel }: Bench, way: string, fd: number, at: number): number {
  const vector = new Vector(kernel.arena, 1);
  vector.set(0, at, PIECE);
  for (let taken = 0; taken < MOST;) {
    const result = kernel.write(fd, vector, 1);
    if (result > 0) taken += result;
    else if (result < 0 && judge(result) === Fault.AGAIN) return taken;
    else if (result === 0 || judge(result) !== Fault.RETRY) {
      throw new ProbeError(`writing to ${way} gave ${result < 0 ? errnoName(result) : result}`);
    }
  }
  throw new ProbeError(`${way} took ${MOST} bytes that nobody reads, and never was full`);
}
