/**
 * Probe: do structures mean to the kernel what they mean to us?
 *
 * An option number, an offset in msghdr or the length field of a socket address that is wrong seldom fails: the
 * call succeeds and says something else. So each is used on a socket whose state is known, and an address
 * goes in by bind and comes back by getsockname and by both ways of receiving, at its shortest and at its longest.
 *
 * @module
 */
import { Errno } from "../platform/errno.ts";
import { SocketType } from "../platform/kernel.ts";
import { Slots } from "./datagrams.ts";
import { type Bench, connect, must, type Probe, ProbeError, same, Sockets } from "./probe.ts";

const MODE = 0o600;
/** Bytes of a datagram. */
const LENGTH = 60;

/** See the head of this file. */
export const layouts: Probe = {
  name: "layouts",
  label: "socket options, addresses and paths mean what we think they mean",
  run(bench) {
    const { kernel } = bench;
    checkTypes(bench);
    const folder = new TextEncoder().encode(bench.folder).byteLength + 1;
    const short = checkAddress(bench, "a");
    const long = checkAddress(bench, "b".repeat(kernel.pathLimit - folder));
    checkLimit(bench, "c".repeat(kernel.pathLimit + 1 - folder));
    return {
      details: `addresses of 1 to ${kernel.pathLimit} bytes come back as they were bound`,
      figures: {
        pathLimit: kernel.pathLimit,
        addressExtraBytes: short,
        longAddressExtraBytes: long,
      },
    };
  },
};

/** SO_TYPE, SO_ACCEPTCONN and getpeername on sockets of every state. */
function checkTypes({ kernel }: Bench): void {
  using sockets = new Sockets(kernel);
  for (const type of [SocketType.STREAM, SocketType.DGRAM]) {
    const lone = sockets.add(kernel.socket(type), "make a socket");
    for (const fd of [...sockets.pair(type), lone]) {
      same(kernel.socketType(fd), type, `SO_TYPE of a socket of type ${type}`);
      same(kernel.isListening(fd), 0, "SO_ACCEPTCONN of a socket that does not listen");
      same(kernel.isConnected(fd), fd === lone ? 0 : 1, "getpeername");
    }
  }
}

/** Bind `name`, send from there, and compare; returns the bytes the kernel counts beyond the path. */
function checkAddress(bench: Bench, name: string): number {
  const { kernel } = bench;
  using sockets = new Sockets(kernel);
  const path = `${bench.folder}/${name}`, here = `${bench.folder}/-`;
  const wanted = new TextEncoder().encode(path);
  const from = sockets.datagram(), to = sockets.datagram();
  const into = new Slots(bench, 1, 4096, { named: true }), { table } = into;
  const out = new Slots(bench, 1, LENGTH);
  try {
    must(kernel.bind(from, path, MODE), `bind a path of ${wanted.byteLength} bytes`);
    must(kernel.bind(to, here, MODE), "bind a path");
    checkFile(bench, path);
    equal(kernel.ownAddress(from) ?? new Uint8Array(), wanted, "the socket's own address");
    must(connect(kernel, from, here), "connect to a path");
    for (let i = 0; i < 2; i++) same(kernel.send(from, out.table, 0, 1), 1, "sending a datagram");
    same(kernel.receiveFrom(to, into.start(0), 4096), LENGTH, "receiving one datagram");
    equal(kernel.sender.address, wanted, "the sender of a single datagram");
    same(kernel.receive(to, table, 1), 1, "receiving datagrams in bulk");
    same(table.received(0), LENGTH, "the length of a datagram received in bulk");
    equal(table.sender(0), wanted, "the sender of a datagram received in bulk");
    return table.nameLength(0) - kernel.abi.socketAddress.path - wanted.byteLength;
  } finally {
    kernel.unlink(path);
    kernel.unlink(here);
  }
}

function checkFile({ kernel }: Bench, path: string): void {
  const file = kernel.stat(path);
  if (file?.kind !== "socket") throw new ProbeError(`a bound path is ${file?.kind ?? "not there"}`);
  if (file.mode === MODE) return;
  throw new ProbeError(`a socket file has the mode ${file.mode.toString(8)} instead of 600`);
}

/** One byte more than fits is refused and leaves no file. */
function checkLimit({ kernel, folder }: Bench, name: string): void {
  using sockets = new Sockets(kernel);
  const path = `${folder}/${name}`;
  same(
    kernel.bind(sockets.datagram(), path, MODE),
    -Errno.ENAMETOOLONG,
    "binding a path that is too long",
  );
}

function equal(found: Uint8Array, wanted: Uint8Array, what: string): void {
  const alike = found.byteLength === wanted.byteLength && wanted.every((b, i) => found[i] === b);
  if (alike) return;
  const text = (bytes: Uint8Array) => JSON.stringify(new TextDecoder().decode(bytes));
  throw new ProbeError(`${what} is told as ${text(found)}, it was bound as ${text(wanted)}`);
}
