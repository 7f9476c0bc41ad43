/**
 * One TCP connection of a host that serves: it sends a number of bytes, or takes what comes and answers.
 *
 * As much of RFC 9293 as a transfer over a link without loss takes: handshake, window scale and timestamps
 * (RFC 7323), cumulative acknowledgement, both ends' FIN. What is lost is sent again from the first missing
 * byte on, and counted: on a good day nothing is. A host with offload hands out many segments in one packet,
 * as a guest's kernel does with TSO: with FIN and PSH, for whoever cuts it to put on the last segment only.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { concat, type Packet, type SeenPacket, Tcp } from "../support/packet.ts";

/** Most bytes under way: half of what the switch queues for a VM (1 MiB) by default. */
const FLIGHT = 512 << 10;
/** Silence after which the bytes under way are sent again, in milliseconds. */
const PATIENCE_MS = 3000;
/** Bytes of our window, by 128. */
const WINDOW = 0x7fff, SCALE = 7;
/** First sequence number: it wraps after 4 MiB, as sometimes happens. */
const FIRST = 0x10000 ** 2 - (4 << 20);
/** What is sent, over and over: not a power of two long, so that a misplaced piece shows. */
const BLOCK = 1_000_003;
const OPTION = { MSS: 2, SCALE: 3, TIMESTAMP: 8 } as const;

/** Where a connection's packets go. */
export interface Outlet {
  /** It takes no more for now. */
  readonly busy: boolean;
  /** Longest payload of one packet with these options; a segment's, on a host without offload. */
  longest(version: 4 | 6, options: number): number;
  emit(packet: Packet): void;
}

/** How a transfer went. */
export interface Outcome {
  /** Bytes sent, or received. */
  readonly bytes: number;
  /** Their SHA-256, in hex. */
  readonly digest: string;
  /** Times bytes were sent again. */
  readonly resent: number;
  /** Segments that came early or again. */
  readonly strays: number;
  readonly reset: boolean;
}

/** See the head of this file. */
export class TcpConnection {
  ended: Outcome | undefined;
  readonly #outlet: Outlet;
  readonly #header: Omit<Packet, "payload" | "seq" | "ack" | "flags" | "window" | "options" | "id">;
  readonly #block: Uint8Array;
  readonly #hash = createHash("sha256");
  /** Bytes to send; 0: take what comes. */
  readonly #total: number;
  readonly #theirFirst: number;
  readonly #mss: number;
  readonly #theirScale: number;
  readonly #stamped: boolean;
  /** Bytes of ours that were acknowledged and that were sent; the SYN is byte -1, the FIN the one after the last. */
  #acknowledged = -1;
  #next = -1;
  #window = 0;
  #repeated = 0;
  #received = 0;
  #theirStamp = 0;
  #theyEnded = false;
  #owesAck = false;
  #progressAt = 0;
  #packets = 0;
  #resent = 0;
  #strays = 0;

  /** Answer a SYN. `block` is what is sent, at least {@linkcode BLOCK} bytes. */
  constructor(syn: SeenPacket, total: number, block: Uint8Array, outlet: Outlet) {
    const { version, protocol, vlan, from, to, source, target } = syn;
    this.#header = { version, protocol, vlan, from: to, to: from, source: target, target: source };
    this.#total = total;
    this.#block = block;
    this.#outlet = outlet;
    this.#theirFirst = syn.seq + 1;
    this.#mss = optionOf(syn, OPTION.MSS) ?? 536;
    this.#theirScale = optionOf(syn, OPTION.SCALE) ?? 0;
    this.#stamped = optionOf(syn, OPTION.TIMESTAMP) !== undefined;
    this.#answer(syn);
  }

  /** Take a packet of theirs. */
  take(packet: SeenPacket, now: number): void {
    if ((packet.flags & Tcp.RST) !== 0) return this.#end(true);
    if ((packet.flags & Tcp.SYN) !== 0) return this.#answer(packet);
    this.#theirStamp = optionOf(packet, OPTION.TIMESTAMP) ?? this.#theirStamp;
    this.#hear(packet, now);
    this.#receive(packet);
  }

  /** Send what there is to send. */
  turn(now: number): void {
    if (this.ended !== undefined || this.#acknowledged < 0) return;
    if (this.#next > this.#acknowledged && now - this.#progressAt > PATIENCE_MS) this.#again(now);
    if (this.#next === this.#acknowledged) this.#progressAt = now;
    while (this.#sendNext());
    if (this.#owesAck && !this.#outlet.busy) this.#emit(Tcp.ACK, this.#next, NOTHING);
    const isOver = this.#theyEnded && this.#acknowledged > this.#total;
    if (isOver && !this.#owesAck) this.#end(false);
  }

  #answer(syn: SeenPacket): void {
    this.#theirStamp = optionOf(syn, OPTION.TIMESTAMP) ?? 0;
    this.#emit(Tcp.SYN | Tcp.ACK, -1, NOTHING);
    this.#next = 0;
  }

  /** What they say about what we sent. */
  #hear({ ack, window, payload }: SeenPacket, now: number): void {
    const acknowledged = (ack - FIRST) | 0, bytes = window << this.#theirScale;
    if (acknowledged > this.#acknowledged && acknowledged <= this.#total + 1) {
      this.#acknowledged = acknowledged;
      this.#next = Math.max(this.#next, acknowledged);
      this.#progressAt = now;
      this.#repeated = 0;
    } else if (acknowledged === this.#acknowledged && payload.length === 0) {
      const repeats = bytes === this.#window && this.#next > acknowledged;
      if (repeats && ++this.#repeated === 3) this.#again(now);
    }
    this.#window = bytes;
  }

  #receive({ seq, flags, payload }: SeenPacket): void {
    const hasEnd = (flags & Tcp.FIN) !== 0;
    if (payload.length === 0 && !hasEnd) return;
    this.#owesAck = true;
    if (((seq - this.#theirFirst) | 0) !== this.#received || this.#theyEnded) {
      this.#strays++;
      return;
    }
    if (this.#total === 0) this.#hash.update(payload);
    this.#received += payload.length;
    this.#theyEnded = hasEnd;
  }

  #again(now: number): void {
    this.#next = this.#acknowledged;
    this.#progressAt = now;
    this.#resent++;
  }

  /** Send one packet of data, or the end; false when it has to wait. */
  #sendNext(): boolean {
    const left = this.#total - this.#next;
    if (this.#outlet.busy || left < 0) return false;
    if (left === 0) {
      if (this.#total > 0 || !this.#theyEnded) return false; // it went with the last byte, or is not due
      this.#emit(Tcp.FIN | Tcp.ACK, this.#next++, NOTHING);
      return true;
    }
    const room = Math.min(this.#window, FLIGHT) - (this.#next - this.#acknowledged);
    const wanted = Math.min(this.#size(), left), length = Math.min(wanted, room);
    if (length <= 0 || (length < wanted && length < this.#mss)) return false;
    const isLast = length === left;
    const start = this.#next % BLOCK;
    const payload = concat(
      this.#block.subarray(start, Math.min(start + length, BLOCK)),
      this.#block.subarray(0, Math.max(0, start + length - BLOCK)),
    );
    this.#emit(Tcp.ACK | Tcp.PSH | (isLast ? Tcp.FIN : 0), this.#next, payload);
    this.#next += length + (isLast ? 1 : 0);
    return true;
  }

  /** Payload of the next packet: mostly as much as fits, sometimes less, as applications write it. */
  #size(): number {
    const segment = this.#mss - (this.#stamped ? 12 : 0);
    const most = this.#outlet.longest(this.#header.version, this.#stamped ? 12 : 0);
    if (most < segment) return most;
    const sizes = [most, 45 * segment, 1, segment, 2 * segment + 1, most, 20 * segment, most - 1];
    return Math.min(most, sizes[this.#packets % sizes.length]);
  }

  #emit(flags: number, at: number, payload: Uint8Array): void {
    const isSyn = (flags & Tcp.SYN) !== 0;
    const mss = this.#header.version === 4 ? 1460 : 1440; // an MTU of 1500
    this.#outlet.emit({
      ...this.#header,
      seq: (FIRST + at) >>> 0,
      ack: (this.#theirFirst + this.#received + (this.#theyEnded ? 1 : 0)) >>> 0,
      flags,
      window: WINDOW,
      options: concat(
        isSyn
          ? Uint8Array.of(OPTION.MSS, 4, mss >> 8, mss & 255, 1, OPTION.SCALE, 3, SCALE)
          : NOTHING,
        this.#stamped ? stamp(this.#theirStamp) : NOTHING,
      ),
      id: ++this.#packets & 0xffff,
      payload,
    });
    this.#owesAck = false;
  }

  #end(reset: boolean): void {
    for (let left = reset ? 0 : this.#total; left > 0; left -= BLOCK) {
      this.#hash.update(this.#block.subarray(0, Math.min(left, BLOCK)));
    }
    this.ended ??= {
      bytes: this.#total === 0 ? this.#received : this.#acknowledged - 1,
      digest: this.#hash.digest("hex"),
      resent: this.#resent,
      strays: this.#strays,
      reset,
    };
  }
}

const NOTHING = new Uint8Array();

/** A block to send. */
export function randomBlock(): Uint8Array {
  const block = new Uint8Array(BLOCK);
  for (let at = 0; at < BLOCK; at += 65_536) {
    crypto.getRandomValues(block.subarray(at, Math.min(at + 65_536, BLOCK)));
  }
  return block;
}

/** Two NOPs and a timestamp, as Linux writes it. */
function stamp(echo: number): Uint8Array {
  const bytes = Uint8Array.of(1, 1, OPTION.TIMESTAMP, 10, 0, 0, 0, 0, 0, 0, 0, 0);
  const view = new DataView(bytes.buffer);
  view.setUint32(4, performance.now());
  view.setUint32(8, echo);
  return bytes;
}

/** The first value of a TCP option: one, two or four bytes; undefined when it is not there. */
function optionOf({ options }: SeenPacket, kind: number): number | undefined {
  for (let at = 0; at < options.length && options[at] !== 0;) {
    const length = options[at] === 1 ? 1 : Math.max(2, options[at + 1]);
    if (options[at] === kind) {
      const value = options.subarray(at + 2, at + Math.min(length, 6));
      return value.reduce((sum, byte) => sum * 256 + byte, 0);
    }
    at += length;
  }
  return undefined;
}
