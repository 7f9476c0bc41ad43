/**
 * What a kernel does with the arena: gather what a table points at, store what has come.
 *
 * @module
 */
import { LINUX } from "../../src/platform/abi.ts";
import type { Arena } from "../../src/platform/arena.ts";
import { Errno } from "../../src/platform/errno.ts";
import type { MessageTable, Vector } from "../../src/platform/vectors.ts";
import { attempt } from "./fake_peers.ts";
import { type Message, Refused } from "./fake_socket.ts";

const AF_UNIX = 1;
const { socketAddress } = LINUX;

/** Bytes entry `i` points at. */
export function piece(arena: Arena, vector: Vector, i: number): Uint8Array {
  const at = vector.start(i), length = vector.length(i);
  if (at < 4096 || length < 0 || at + length > arena.u8.length) throw new Refused(Errno.EFAULT);
  return arena.u8.subarray(at, at + length);
}

/** `count` pieces from entry `first` on in one. */
export function gather(arena: Arena, vector: Vector, first: number, count: number): Uint8Array {
  const pieces = Array.from({ length: count }, (_, i) => piece(arena, vector, first + i));
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const each of pieces) {
    bytes.set(each, at);
    at += each.length;
  }
  return bytes;
}

/** Copy a message to the arena, cut to its slot; returns the length stored. */
export function store(arena: Arena, message: Message, at: number, length: number): number {
  const bytes = message.bytes.subarray(0, length);
  arena.u8.set(bytes, at);
  return bytes.length;
}

/** Room is what nameLength says before; Linux stores the whole length even if it had to cut. */
export function storeName(arena: Arena, address: Uint8Array, table: MessageTable, i: number): void {
  const at = table.nameStart(i), path = socketAddress.path;
  if (address.length === 0) return table.setName(i, at, 0);
  const nul = address[0] === 0 ? 0 : 1;
  const name = new Uint8Array(path + address.length + nul);
  name[socketAddress.family] = AF_UNIX;
  name.set(address, path);
  arena.u8.set(name.subarray(0, table.nameLength(i)), at);
  table.setName(i, at, name.length);
}

/** The address message `i` is for; undefined sends to the peer. */
export function loadName(arena: Arena, table: MessageTable, i: number): Uint8Array | undefined {
  const length = table.nameLength(i);
  if (length === 0) return undefined;
  const path = socketAddress.path;
  const name = arena.u8.slice(table.nameStart(i), table.nameStart(i) + length);
  const valid = length > path && length <= socketAddress.size && name[0] === AF_UNIX;
  if (!valid) throw new Refused(Errno.EINVAL);
  const nul = name[path] === 0 ? -1 : name.indexOf(0, path);
  return name.subarray(path, nul < 0 ? length : nul);
}

/** Run `step` for 0, 1, ...; a failure after the first ends the batch (recvmmsg(2), sendmmsg(2)). */
export function prefix(count: number, step: (i: number) => void): number {
  for (let i = 0; i < count; i++) {
    const result = attempt(() => {
      step(i);
      return 0;
    });
    if (result < 0) {
      if (i === 0) throw new Refused(-result);
      return i;
    }
  }
  return Math.max(count, 0);
}
