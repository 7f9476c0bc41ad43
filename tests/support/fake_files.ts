/**
 * Names in the fake kernel: files, folders, links and sockets by path, and abstract socket names.
 *
 * @module
 */
import { Errno } from "../../src/platform/errno.ts";
import type { PathInfo } from "../../src/platform/kernel.ts";
import { type FakeSocket, Refused } from "./fake_socket.ts";

const EISDIR = 21;

interface Node {
  readonly kind: PathInfo["kind"];
  readonly inode: number;
  mode: number;
  uid: number;
  gid: number;
  /** A bound socket; it may have been closed since, which is what makes the file stale. */
  socket?: FakeSocket;
  /** Where a symlink points. */
  target?: string;
}

const decoder = new TextDecoder();

/** One file system and one abstract name space. `/`, `/tmp`, `/run` and the current folder exist. */
export class FakeFiles {
  readonly #nodes = new Map<string, Node>();
  readonly #abstract = new Map<string, FakeSocket>();
  #inodes = 100;

  constructor() {
    for (const path of ["/", ".", "/tmp", "/run"]) this.plant(path, "directory");
  }

  /** Put something there that is not a socket of the fake's; a symlink needs a `target`. */
  plant(path: string, kind: PathInfo["kind"], target?: string): void {
    this.#nodes.set(path, this.#node(kind, 0o644, 0, target === undefined ? {} : { target }));
  }

  /** What lies at a path itself, links not followed. */
  stat(path: string): PathInfo | undefined {
    const node = this.#nodes.get(path);
    if (node === undefined) return undefined;
    return { kind: node.kind, identity: `1:${node.inode}`, mode: node.mode, uid: node.uid };
  }

  /** Where a path leads over its links, whether something is there or not. */
  follow(path: string): string {
    for (let links = 0; links < 40; links++) {
      const node = this.#nodes.get(path);
      if (node?.kind !== "symlink") return path;
      path = node.target ?? "";
    }
    throw new Refused(Errno.ELOOP);
  }

  /** Group of a path, for tests; Kernel.stat does not tell it. */
  group(path: string): number {
    return this.#existing(path).gid;
  }

  unlink(path: string): number {
    if (this.#existing(path).kind === "directory") throw new Refused(EISDIR);
    this.#nodes.delete(path);
    return 0;
  }

  rename(from: string, to: string): number {
    const node = this.#existing(from);
    if (this.#existing(folderOf(to)).kind !== "directory") throw new Refused(Errno.ENOTDIR);
    this.#nodes.delete(from);
    this.#nodes.set(to, node);
    return 0;
  }

  chgrp(path: string, gid: number): number {
    this.#existing(path).gid = gid;
    return 0;
  }

  /** Name a socket; its file appears. */
  bind(socket: FakeSocket, address: Uint8Array, mode: number): number {
    if (socket.address.length > 0) throw new Refused(Errno.EINVAL);
    const name = decoder.decode(address);
    if (address[0] === 0) {
      if (this.#abstract.get(name)?.dead === false) throw new Refused(Errno.EADDRINUSE);
      this.#abstract.set(name, socket);
    } else {
      if (this.#existing(folderOf(name)).kind !== "directory") throw new Refused(Errno.ENOTDIR);
      if (this.#nodes.has(name)) throw new Refused(Errno.EADDRINUSE);
      this.#nodes.set(name, this.#node("socket", mode, socket.owner.uid, { socket }));
    }
    socket.address = address.slice();
    return 0;
  }

  /** The living socket of the right type behind an address (net/unix/af_unix.c, unix_find_other). */
  find(address: Uint8Array, type: number): FakeSocket {
    const name = decoder.decode(address);
    const abstract = address[0] === 0;
    const found = abstract ? this.#abstract.get(name) : this.#follow(name).socket;
    if (found === undefined || found.dead) throw new Refused(Errno.ECONNREFUSED);
    if (found.type !== type) throw new Refused(abstract ? Errno.ECONNREFUSED : Errno.EPROTOTYPE);
    return found;
  }

  #follow(path: string): Node {
    let node = this.#existing(path);
    for (let links = 0; node.kind === "symlink"; links++) {
      if (links === 40) throw new Refused(Errno.ELOOP);
      node = this.#existing(node.target ?? "");
    }
    return node;
  }

  #existing(path: string): Node {
    const node = this.#nodes.get(path);
    if (node === undefined) throw new Refused(Errno.ENOENT);
    return node;
  }

  #node(kind: PathInfo["kind"], mode: number, uid: number, rest: Partial<Node>): Node {
    return { kind, inode: ++this.#inodes, mode, uid, gid: 0, ...rest };
  }
}

function folderOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "." : slash === 0 ? "/" : path.slice(0, slash);
}
