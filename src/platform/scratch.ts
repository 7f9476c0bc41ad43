/**
 * One page of the arena for the structures of single calls: message headers, an address, an option value.
 *
 * They are wired to each other once; a call stores what differs. On the hot path that is two words for a
 * read and two for a write.
 *
 * @module
 */
import type { Abi } from "./abi.ts";
import { storeFamily, trimAddress } from "./address.ts";
import type { Arena } from "./arena.ts";
import type { Peer } from "./kernel.ts";
import type { Vector } from "./vectors.ts";

/** Where each structure lies in the page, in bytes. */
const Place = { receive: 0, send: 64, piece: 128, address: 192, option: 384, control: 448 };
/** Room for an option's value; the first four bytes in front of it are its length. */
const VALUE = Place.option + 8;

const SOL_SOCKET = 1;
const SCM_CREDENTIALS = 2;
/** CMSG_SPACE(struct ucred), exactly: no room is left for descriptors a peer may attach, so none is installed. */
const CONTROL_BYTES = 32;

/** See the head of this file. */
export class ScratchPage {
  /** Addresses of the structures, made once. */
  readonly receiveHeader: bigint;
  readonly sendHeader: bigint;
  readonly address: bigint;
  readonly optionLength: bigint;
  readonly option: bigint;
  readonly #arena: Arena;
  readonly #abi: Abi;
  readonly #at: number;
  readonly #words: Int32Array;

  constructor(arena: Arena, abi: Abi) {
    this.#arena = arena;
    this.#abi = abi;
    this.#at = arena.take(4096);
    this.#words = new Int32Array(arena.u8.buffer, this.#at, 1024);
    this.receiveHeader = arena.address(this.#at + Place.receive);
    this.sendHeader = arena.address(this.#at + Place.send);
    this.address = arena.address(this.#at + Place.address);
    this.optionLength = arena.address(this.#at + Place.option);
    this.option = arena.address(this.#at + VALUE);
    this.#words[(Place.piece >> 2) + 1] = arena.high;
    this.#words[(Place.send + abi.message.vector >> 2) + 1] = arena.high;
    this.#wireReceive();
  }

  /** Word `i` of the option value. */
  value(i = 0): number {
    return this.#words[(VALUE >> 2) + i];
  }

  /** Set the option value, and its length to `bytes`. */
  setValue(value: number, bytes = 4): void {
    this.#words[Place.option >> 2] = bytes;
    this.#words[VALUE >> 2] = value;
  }

  /** The option value as text, up to its NUL. */
  text(): string {
    const at = this.#at + VALUE, { u8 } = this.#arena;
    return new TextDecoder().decode(u8.slice(at, u8.indexOf(0, at)));
  }

  /** The first `bytes` bytes of {@linkcode address}: a sockaddr_un that a call has stored, without its family. */
  takeAddress(bytes: number): Uint8Array {
    const start = this.#at + Place.address + this.#abi.socketAddress.path;
    const end = this.#at + Place.address + Math.max(bytes, this.#abi.socketAddress.path);
    return trimAddress(this.#arena.u8.slice(start, end), this.#abi);
  }

  /** Word 0 of what stands in front of the option value: how many bytes a call has stored. */
  get valueBytes(): number {
    return this.#words[Place.option >> 2];
  }

  /** The option value as two 64-bit numbers (struct rlimit). */
  pair(): BigUint64Array {
    return new BigUint64Array(this.#arena.u8.buffer, this.#at + VALUE, 2);
  }

  /** Receive into `length` bytes at `at`. */
  receiveInto(at: number, length: number): void {
    this.#words[Place.piece >> 2] = at;
    this.#words[(Place.piece >> 2) + 2] = length;
  }

  /** Send the first `count` pieces of a vector. */
  sendFrom(vector: Vector, count: number): void {
    this.#words[Place.send + this.#abi.message.vector >> 2] = vector.at;
    this.#words[Place.send + this.#abi.message.vectorCount >> 2] = count;
  }

  /**
   * Ask the next receive for the sender, as Linux tells it; {@linkcode takeSender} has to follow.
   *
   * @param credentials the kernel sends them; else their room would be filled with descriptors of the peer's
   */
  askForSender(credentials: boolean): void {
    const { message, socketAddress } = this.#abi;
    this.#point(message.name, Place.address);
    this.#words[Place.receive + message.nameLength >> 2] = socketAddress.size;
    if (!credentials) return;
    this.#point(message.control, Place.control);
    this.#words[Place.receive + message.controlLength >> 2] = CONTROL_BYTES;
  }

  /** Who sent what was received. Later receives do not ask any more. */
  takeSender(): Peer {
    const { message } = this.#abi;
    const nameLength = this.#words[Place.receive + message.nameLength >> 2];
    const controlLength = this.#words[Place.receive + message.controlLength >> 2];
    this.#words.fill(0, Place.receive >> 2, Place.receive + message.size >> 2);
    this.#wireReceive();
    const start = this.#at + Place.address + 2;
    const raw = this.#arena.u8.slice(start, start + Math.max(0, nameLength - 2));
    const word = Place.control >> 2;
    const known = controlLength >= 28 && this.#words[word + 2] === SOL_SOCKET &&
      this.#words[word + 3] === SCM_CREDENTIALS;
    return {
      address: trimAddress(raw, this.#abi),
      pid: known ? this.#words[word + 4] : 0,
      uid: known ? this.#words[word + 5] : -1,
    };
  }

  /** Write a sockaddr_un; returns its length. The caller has checked the length of the path. */
  storeAddress(address: Uint8Array): number {
    const at = this.#at + Place.address, { path } = this.#abi.socketAddress;
    storeFamily(this.#arena.view, at, this.#abi);
    this.#arena.u8.set(address, at + path);
    return path + address.byteLength;
  }

  /** Write the address that dissolves an association: AF_UNSPEC (unix(7)); returns its length. */
  storeNoAddress(): number {
    this.#words[Place.address >> 2] = 0;
    return 2;
  }

  #wireReceive(): void {
    this.#point(this.#abi.message.vector, Place.piece);
    this.#words[Place.receive + this.#abi.message.vectorCount >> 2] = 1;
  }

  /** Point a field of the receive header at a structure of the page. */
  #point(field: number, place: number): void {
    const word = Place.receive + field >> 2;
    this.#words[word] = this.#at + place;
    this.#words[word + 1] = this.#arena.high;
  }
}
