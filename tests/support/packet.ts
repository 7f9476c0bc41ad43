/**
 * TCP and UDP packets as plain objects, written to and read from Ethernet frames: the tests' own idea of
 * IPv4 (RFC 791), IPv6 (RFC 8200), TCP (RFC 9293) and UDP (RFC 768), slow and plain, so that nothing of the
 * switch is judged by code of the switch.
 *
 * @module
 */

/** TCP flags. */
export const Tcp = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16 } as const;

const ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_IPV6 = 0x86dd, ETHERTYPE_VLAN = 0x8100;
/** Shortest headers. */
const IP4_BYTES = 20, UDP_BYTES = 8;
const PROTOCOL_TCP = 6, PROTOCOL_UDP = 17;

/** The addresses of a host. */
export interface Addresses {
  readonly mac: Uint8Array;
  readonly ip4: Uint8Array;
  readonly ip6: Uint8Array;
}

/** One packet. The TCP fields of a UDP packet are ignored, and 0 when read. */
export interface Packet {
  readonly from: Addresses;
  readonly to: Addresses;
  readonly version: 4 | 6;
  readonly protocol: "tcp" | "udp";
  readonly source: number;
  readonly target: number;
  readonly payload: Uint8Array;
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly window: number;
  /** TCP options, padded to a multiple of 4 bytes. */
  readonly options: Uint8Array;
  /** Identification of IPv4. */
  readonly id: number;
  /** VLAN of a tagged frame. */
  readonly vlan?: number | undefined;
}

/** A packet as it was received. */
export interface SeenPacket extends Packet {
  /** Its checksum is no checksum yet but the sum of the pseudo-header, for somebody else to go on with. */
  readonly unfinished: boolean;
  /** What is wrong with lengths and checksums; empty when nothing is. */
  readonly faults: readonly string[];
}

/** Host number 1 .. 99, with the addresses of the test guest of that number. */
export function addresses(number: number): Addresses {
  const text = String(number).padStart(2, "0");
  return {
    mac: Uint8Array.fromHex(`5254000000${text}`),
    ip4: Uint8Array.of(10, 0, 0, number),
    ip6: Uint8Array.fromHex(`fd00${"00".repeat(13)}${text}`),
  };
}

/** The Internet checksum's sum (RFC 1071) of bytes, not complemented, starting from another sum. */
export function internetSum(bytes: Uint8Array, start = 0): number {
  let sum = start;
  for (let i = 0; i < bytes.length; i++) sum += i % 2 === 0 ? bytes[i] * 256 : bytes[i];
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}

/** Write a packet into a frame; `unfinished` leaves its checksum to others, as a VM with offload does. */
export function makePacket(packet: Packet, unfinished = false): Uint8Array {
  const transport = packet.protocol === "tcp" ? tcp(packet) : udp(packet);
  const pseudo = internetSum(pseudoHeader(packet, transport.length));
  const complement = 0xffff - internetSum(transport, pseudo);
  // 0 would say "no checksum" in UDP (RFC 768)
  const finished = complement === 0 && packet.protocol === "udp" ? 0xffff : complement;
  const field = packet.protocol === "tcp" ? 16 : 6;
  new DataView(transport.buffer).setUint16(field, unfinished ? pseudo : finished);
  return concat(
    ethernet(packet),
    packet.version === 4 ? ip4(packet, transport) : ip6(packet, transport),
    transport,
  );
}

/** The packet in a frame; undefined when there is no TCP or UDP in it, or only a part (a fragment). */
export function readPacket(frame: Uint8Array): SeenPacket | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const tagged = view.getUint16(12) === ETHERTYPE_VLAN;
  const at = tagged ? 18 : 14;
  const ip = frame.length < at + IP4_BYTES + UDP_BYTES ? undefined : readIp(view, at);
  if (ip === undefined) return undefined;
  const bytes = (from: number, to: number) => frame.slice(from, to);
  const address = (mac: number, ip4: number, ip6: number): Addresses => ({
    mac: bytes(mac, mac + 6),
    ip4: ip.version === 4 ? bytes(ip4, ip4 + 4) : new Uint8Array(4),
    ip6: ip.version === 6 ? bytes(ip6, ip6 + 16) : new Uint8Array(16),
  });
  const addressed = {
    version: ip.version,
    protocol: ip.protocol,
    from: address(6, at + 12, at + 8),
    to: address(0, at + 16, at + 24),
    id: ip.id,
    vlan: tagged ? view.getUint16(14) & 0xfff : undefined,
  };
  const faults: string[] = [];
  if (ip.end !== frame.length) {
    faults.push(`an IP packet of ${ip.end - at} bytes in a frame of ${frame.length}`);
  }
  if (ip.version === 4 && internetSum(bytes(at, ip.start)) !== 0xffff) {
    faults.push("a wrong IP header checksum");
  }
  return { ...addressed, ...readTransport(addressed, bytes(ip.start, ip.end), faults), faults };
}

function readIp(view: DataView, at: number) {
  const version = view.getUint8(at) >> 4, ethertype = view.getUint16(at - 2);
  if (version === 4 && ethertype === ETHERTYPE_IPV4) {
    const protocol = protocolOf(view.getUint8(at + 9));
    if (protocol === undefined || (view.getUint16(at + 6) & 0x3fff) !== 0) return undefined;
    const start = at + (view.getUint8(at) & 15) * 4, end = at + view.getUint16(at + 2);
    return { version: 4 as const, protocol, start, end, id: view.getUint16(at + 4) };
  }
  if (version !== 6 || ethertype !== ETHERTYPE_IPV6) return undefined;
  const protocol = protocolOf(view.getUint8(at + 6));
  if (protocol === undefined) return undefined;
  return {
    version: 6 as const,
    protocol,
    start: at + 40,
    end: at + 40 + view.getUint16(at + 4),
    id: 0,
  };
}

function protocolOf(number: number): "tcp" | "udp" | undefined {
  return number === PROTOCOL_TCP ? "tcp" : number === PROTOCOL_UDP ? "udp" : undefined;
}

function readTransport(
  packet: Pick<Packet, "version" | "protocol" | "from" | "to">,
  bytes: Uint8Array,
  faults: string[],
): Omit<SeenPacket, "version" | "protocol" | "from" | "to" | "id" | "vlan" | "faults"> {
  const view = new DataView(bytes.buffer);
  const isTcp = packet.protocol === "tcp";
  const header = isTcp ? (view.getUint8(12) >> 4) * 4 : 8;
  const pseudo = internetSum(pseudoHeader(packet, bytes.length));
  const field = view.getUint16(isTcp ? 16 : 6);
  const right = internetSum(bytes, pseudo) === 0xffff;
  const unfinished = !right && field === pseudo;
  if (!right && !unfinished) {
    faults.push(
      `a wrong ${packet.protocol} checksum in ${bytes.length} bytes of ${packet.protocol}`,
    );
  }
  if (!isTcp && view.getUint16(4) !== bytes.length) faults.push("a UDP length that is not IP's");
  return {
    source: view.getUint16(0),
    target: view.getUint16(2),
    payload: bytes.subarray(header),
    seq: isTcp ? view.getUint32(4) : 0,
    ack: isTcp ? view.getUint32(8) : 0,
    flags: isTcp ? view.getUint8(13) : 0,
    window: isTcp ? view.getUint16(14) : 0,
    options: isTcp ? bytes.subarray(20, header) : new Uint8Array(),
    unfinished,
  };
}

function ethernet({ from, to, version, vlan }: Packet): Uint8Array {
  const ethertype = version === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
  const words = vlan === undefined ? [ethertype] : [ETHERTYPE_VLAN, vlan, ethertype];
  return concat(
    to.mac,
    from.mac,
    Uint8Array.from(words.flatMap((word) => [word >> 8, word & 255])),
  );
}

function ip4(packet: Packet, transport: Uint8Array): Uint8Array {
  const header = new Uint8Array(20), view = new DataView(header.buffer);
  view.setUint16(0, 0x4500);
  view.setUint16(2, 20 + transport.length);
  view.setUint16(4, packet.id);
  view.setUint16(6, 0x4000); // do not fragment
  view.setUint16(8, (64 << 8) | (packet.protocol === "tcp" ? PROTOCOL_TCP : PROTOCOL_UDP));
  header.set(packet.from.ip4, 12);
  header.set(packet.to.ip4, 16);
  view.setUint16(10, 0xffff - internetSum(header));
  return header;
}

function ip6(packet: Packet, transport: Uint8Array): Uint8Array {
  const header = new Uint8Array(40), view = new DataView(header.buffer);
  view.setUint32(0, 0x60000000);
  view.setUint16(4, transport.length);
  view.setUint16(6, ((packet.protocol === "tcp" ? PROTOCOL_TCP : PROTOCOL_UDP) << 8) | 64);
  header.set(packet.from.ip6, 8);
  header.set(packet.to.ip6, 24);
  return header;
}

function tcp(packet: Packet): Uint8Array {
  const header = 20 + packet.options.length;
  const bytes = new Uint8Array(header + packet.payload.length), view = new DataView(bytes.buffer);
  view.setUint16(0, packet.source);
  view.setUint16(2, packet.target);
  view.setUint32(4, packet.seq);
  view.setUint32(8, packet.ack);
  view.setUint8(12, (header / 4) << 4);
  view.setUint8(13, packet.flags);
  view.setUint16(14, packet.window);
  bytes.set(packet.options, 20);
  bytes.set(packet.payload, header);
  return bytes;
}

function udp(packet: Packet): Uint8Array {
  const bytes = new Uint8Array(8 + packet.payload.length), view = new DataView(bytes.buffer);
  view.setUint16(0, packet.source);
  view.setUint16(2, packet.target);
  view.setUint16(4, bytes.length);
  bytes.set(packet.payload, 8);
  return bytes;
}

function pseudoHeader(
  { version, protocol, from, to }: Pick<Packet, "version" | "protocol" | "from" | "to">,
  length: number,
): Uint8Array {
  const rest = new Uint8Array(8);
  new DataView(rest.buffer).setUint32(0, length);
  rest[7] = protocol === "tcp" ? PROTOCOL_TCP : PROTOCOL_UDP;
  return version === 4 ? concat(from.ip4, to.ip4, rest) : concat(from.ip6, to.ip6, rest);
}

/** One array of several. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
