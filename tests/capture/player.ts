/**
 * A VM of the matrix: what it leaves unfinished in what it sends, and what its wire shows, made readable for
 * somebody who knows nothing of offloads.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { DgramVm } from "../support/dgram_vm.ts";
import { readPacket, type SeenPacket } from "../support/packet.ts";
import {
  finishChecksum,
  GSO_TCPV4,
  GSO_TCPV6,
  NEEDS_CSUM,
  NO_OFFLOAD,
  splitVnet,
  type VnetHeader,
  withVnet,
} from "../support/vnet_header.ts";

/** A kind of port. */
export interface Kind {
  readonly name: string;
  /** Its options in a `--port`. */
  readonly options: string;
  /** It leaves checksums unfinished. */
  readonly csum: boolean;
  /** Versions of IP it sends and takes large TCP frames of. */
  readonly tso: readonly (4 | 6)[];
  /** A vnet header of 12 bytes is in front of each frame. */
  readonly vnet: boolean;
  /** What it gets has finished checksums, whatever it sends. */
  readonly finish: boolean;
}

/** Every kind a port can be of. */
export const KINDS: readonly Kind[] = [
  { name: "off", options: "", csum: false, tso: [], vnet: false, finish: true },
  {
    name: "csum",
    options: ",sends=csum,accepts=csum",
    csum: true,
    tso: [],
    vnet: false,
    finish: false,
  },
  { name: "tso", options: ",offload=on", csum: true, tso: [4, 6], vnet: false, finish: false },
  {
    name: "krunkit",
    options: ",client=krunkit-offload",
    csum: true,
    tso: [4],
    vnet: false,
    finish: true,
  },
  {
    name: "vnet",
    options: ",offload=on,vnet-hdr=12",
    csum: true,
    tso: [4, 6],
    vnet: true,
    finish: false,
  },
];

/** Longest tagged and untagged frame of a link with an MTU of 1500. */
const ORDINARY = 1514, TAGGED = 1518;

/** See the head of this file. */
export class Player {
  readonly kind: Kind;
  readonly vm: DgramVm;
  /** What arrived since it was taken, with checksums finished: what a network card would show its host. */
  readonly frames: Uint8Array[] = [];

  constructor(kind: Kind, vm: DgramVm) {
    this.kind = kind;
    this.vm = vm;
    vm.onFrame = (bytes) => void this.frames.push(this.#finished(bytes.slice()));
  }

  /** Send a frame; `size` is that of the segments it is to be cut into, 0 for one that stays whole. */
  send(frame: Uint8Array, size = 0): boolean {
    return this.vm.sendBytes(this.kind.vnet ? withVnet(this.#header(frame, size), frame) : frame);
  }

  /** Take what arrived. */
  take(): Uint8Array[] {
    this.vm.poll();
    return this.frames.splice(0);
  }

  #header(frame: Uint8Array, size: number): VnetHeader {
    const packet = readPacket(frame);
    if (packet === undefined || !packet.unfinished) return NO_OFFLOAD;
    const header = checksumHeader(frame, packet);
    if (size === 0) return header;
    const gsoType = packet.version === 4 ? GSO_TCPV4 : GSO_TCPV6;
    return {
      ...header,
      gsoType,
      gsoSize: size,
      headerLength: frame.length - packet.payload.length,
    };
  }

  /** Judge what only this port's policy can say, and finish the checksum as its wire allows. */
  #finished(bytes: Uint8Array): Uint8Array {
    const { kind } = this;
    const { header, frame } = kind.vnet ? splitVnet(bytes) : { header: NO_OFFLOAD, frame: bytes };
    const packet = readPacket(frame);
    if (packet === undefined) return frame;
    const limit = packet.vlan === undefined ? ORDINARY : TAGGED;
    if (frame.length > limit) {
      assert(kind.tso.includes(packet.version), `${frame.length} bytes for ${kind.name}`);
      if (kind.vnet) this.#judgeLarge(header, frame, packet, limit);
    }
    if (kind.vnet) finishChecksum(header, frame);
    else if (!kind.finish && packet.unfinished) {
      finishChecksum(checksumHeader(frame, packet), frame);
    }
    return frame;
  }

  #judgeLarge(header: VnetHeader, frame: Uint8Array, packet: SeenPacket, limit: number): void {
    const headers = frame.length - packet.payload.length;
    assertEquals(header.gsoType, packet.version === 4 ? GSO_TCPV4 : GSO_TCPV6);
    assertEquals(header.flags, NEEDS_CSUM);
    assert(header.gsoSize > 0 && header.gsoSize + headers <= limit, `size ${header.gsoSize}`);
  }
}

/** The header that says where the checksum of a packet is. */
function checksumHeader(frame: Uint8Array, { protocol, payload, options }: SeenPacket): VnetHeader {
  const transport = protocol === "tcp" ? 20 + options.length : 8;
  return {
    ...NO_OFFLOAD,
    flags: NEEDS_CSUM,
    checksumStart: frame.length - payload.length - transport,
    checksumOffset: protocol === "tcp" ? 16 : 6,
  };
}
