/**
 * Probe: do names in the file system do what starting and ending switches rely on?
 *
 * A socket file appears with its mode and nowhere else, a name that is taken is left alone, one that nobody is behind
 * says so, a new socket takes a name over in one step, and two switches that start at once cannot both hold the folder.
 *
 * @module
 */
import { Errno } from "../platform/errno.ts";
import { Numbered } from "./datagrams.ts";
import { type Bench, connect, must, type Probe, ProbeError, same, Sockets } from "./probe.ts";

const MODES = [0o600, 0o660, 0o666, 0o777, 0o000];
const LENGTH = 60;

/** See the head of this file. */
export const paths: Probe = {
  name: "paths",
  label: "socket files appear as asked, and stale ones, links and locks are told",
  run(bench) {
    const names: string[] = [];
    const path = (name: string) => {
      if (!names.includes(name)) names.push(name);
      return `${bench.folder}/${name}`;
    };
    try {
      for (const check of [modes, taken, links, replace]) {
        using sockets = new Sockets(bench.kernel);
        check(bench, sockets, path);
      }
      lock(bench);
      return {
        details:
          `${MODES.length} modes, a link that leads nowhere, stale names, a takeover, a lock`,
        figures: { modes: MODES.length },
      };
    } finally {
      for (const name of names) bench.kernel.unlink(path(name));
    }
  },
};

/** A name in the folder, removed at the end. */
type Path = (name: string) => string;

function modes({ kernel }: Bench, sockets: Sockets, path: Path): void {
  for (const mode of MODES) {
    const name = path(`m${mode.toString(8)}`);
    must(kernel.bind(sockets.datagram(), name, mode), "bind a path");
    const found = kernel.stat(name);
    if (found?.kind !== "socket") {
      throw new ProbeError(`a bound path is ${found?.kind ?? "not there"}`);
    }
    if (found.mode === mode) continue;
    const text = found.mode.toString(8);
    throw new ProbeError(`a socket file asked for with mode ${mode.toString(8)} has ${text}`);
  }
}

/** A name with a living socket and one whose socket has closed: both are taken, one of them can be told as stale. */
function taken({ kernel }: Bench, sockets: Sockets, path: Path): void {
  const live = path("live"), stale = path("stale");
  sockets.datagram(live);
  sockets.close(sockets.datagram(stale));
  for (const [name, what] of [[live, "a path that is in use"], [stale, "a stale path"]]) {
    const before = kernel.stat(name)?.identity;
    same(kernel.bind(sockets.datagram(), name, 0o600), -Errno.EADDRINUSE, `binding ${what}`);
    const after = kernel.stat(name)?.identity;
    if (before === after) continue;
    throw new ProbeError(`binding ${what} has put another file in its place`);
  }
  const client = sockets.datagram();
  same(connect(kernel, client, stale), -Errno.ECONNREFUSED, "connecting to a stale path");
  same(connect(kernel, client, live), 0, "connecting to a path that is in use");
}

function links({ kernel, link }: Bench, sockets: Sockets, path: Path): void {
  const from = path("link"), behind = path("behind");
  link(from, behind);
  const result = kernel.bind(sockets.datagram(), from, 0o600);
  if (kernel.stat(behind) !== undefined) {
    throw new ProbeError("binding a link that leads nowhere made a file behind it");
  }
  same(result, -Errno.EADDRINUSE, "binding a link that leads nowhere");
  const kind = kernel.stat(from)?.kind;
  if (kind !== "symlink") throw new ProbeError(`a link is told as ${kind ?? "not there"}`);
}

/** What has connected to a name reaches the old socket, who connects from now on reaches the new one. */
function replace(bench: Bench, sockets: Sockets, path: Path): void {
  const { kernel } = bench, name = path("name"), fresh = path("fresh");
  const datagrams = new Numbered(bench, LENGTH);
  const old = sockets.datagram(name), before = sockets.datagram();
  must(connect(kernel, before, name), "connect to a path");
  const next = sockets.datagram(fresh), identity = kernel.stat(fresh)?.identity;
  must(kernel.rename(fresh, name), "put a socket in place of another");
  if (kernel.stat(name)?.identity !== identity || kernel.stat(fresh) !== undefined) {
    throw new ProbeError("a socket that was put in place of another is not there");
  }
  const after = sockets.datagram();
  must(connect(kernel, after, name), "connect to a path that was taken over");
  datagrams.pass(after, next, 1, "a datagram by a path that was taken over");
  datagrams.pass(before, old, 2, "a datagram to a socket whose path was taken over");
}

function lock({ kernel, folder }: Bench): void {
  using sockets = new Sockets(kernel);
  const held = sockets.add(kernel.lockFolder(folder), "lock a folder");
  const second = kernel.lockFolder(folder);
  if (second >= 0) kernel.close(second);
  same(second < 0 ? second : 0, -Errno.EAGAIN, "locking a folder that is locked");
  sockets.close(held);
  sockets.add(kernel.lockFolder(folder), "lock a folder that was locked before");
}
