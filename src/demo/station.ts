/**
 * Who a demo host is on the network: its two addresses, and the Ethernet header in front of what it says.
 *
 * @module
 */

/** A host's addresses. */
export interface Station {
  /** Six octets. */
  readonly mac: Uint8Array;
  /** Four octets. */
  readonly ip: Uint8Array;
}

/** Everybody on the link. */
export const BROADCAST: Uint8Array = new Uint8Array(6).fill(0xff);
/** Ethernet header: destination, source, ethertype. */
export const ETHERNET_BYTES = 14;

/** A host of the demo network: number 1 is 10.0.0.1, 52:54:00:de:00:01 (locally administered). */
export function station(number: number): Station {
  return {
    mac: Uint8Array.of(0x52, 0x54, 0x00, 0xde, 0x00, number),
    ip: Uint8Array.of(10, 0, 0, number),
  };
}

/** Write an Ethernet header; returns its length. */
export function writeEthernet(
  bytes: Uint8Array,
  at: number,
  destination: Uint8Array,
  source: Uint8Array,
  ethertype: number,
): number {
  bytes.set(destination, at);
  bytes.set(source, at + 6);
  writeU16(bytes, at + 12, ethertype);
  return ETHERNET_BYTES;
}

/** Big-endian 16 bits. */
export function readU16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

/** Big-endian 16 bits. */
export function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** `10.0.0.1` */
export function formatIp(ip: Uint8Array): string {
  return ip.join(".");
}

/** `52:54:00:de:00:01` */
export function formatMac(mac: Uint8Array): string {
  return [...mac].map((octet) => octet.toString(16).padStart(2, "0")).join(":");
}
