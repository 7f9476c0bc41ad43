/**
 * What a vhost-user front-end says and negotiates, in numbers: the tests' own, so that the switch's tables
 * are judged by others (QEMU's docs/interop/vhost-user.rst, virtio 1.2, 5.1.3 and 6).
 *
 * @module
 */

/** Requests of the front-end. */
export const Request = {
  GET_FEATURES: 1,
  SET_FEATURES: 2,
  SET_OWNER: 3,
  RESET_OWNER: 4,
  SET_MEM_TABLE: 5,
  SET_LOG_BASE: 6,
  SET_LOG_FD: 7,
  SET_VRING_NUM: 8,
  SET_VRING_ADDR: 9,
  SET_VRING_BASE: 10,
  GET_VRING_BASE: 11,
  SET_VRING_KICK: 12,
  SET_VRING_CALL: 13,
  SET_VRING_ERR: 14,
  GET_PROTOCOL_FEATURES: 15,
  SET_PROTOCOL_FEATURES: 16,
  GET_QUEUE_NUM: 17,
  SET_VRING_ENABLE: 18,
  SEND_RARP: 19,
  NET_SET_MTU: 20,
  RESET_DEVICE: 34,
  SET_STATUS: 39,
  GET_STATUS: 40,
} as const;

/** Bits of a message's flags; version 1 is in all of them. */
export const Flag = { VERSION: 1, REPLY: 4, NEED_REPLY: 8 } as const;
/** Bytes of a message's header: request, flags, bytes of payload. */
export const HEADER_BYTES = 12;
/** Flag in the payload of SET_VRING_KICK, _CALL and _ERR: no descriptor comes with it. */
export const NO_DESCRIPTOR = 0x100;

/** Feature bits of virtio-net, of rings and of vhost-user. */
export const Feature = {
  CSUM: 0,
  GUEST_CSUM: 1,
  MTU: 3,
  MAC: 5,
  GUEST_TSO4: 7,
  GUEST_TSO6: 8,
  GUEST_ECN: 9,
  GUEST_UFO: 10,
  HOST_TSO4: 11,
  HOST_TSO6: 12,
  HOST_ECN: 13,
  HOST_UFO: 14,
  MRG_RXBUF: 15,
  ANY_LAYOUT: 27,
  INDIRECT_DESC: 28,
  EVENT_IDX: 29,
  PROTOCOL_FEATURES: 30,
  VERSION_1: 32,
  GUEST_USO4: 54,
  GUEST_USO6: 55,
  HOST_USO: 56,
} as const;

/** Bits of the protocol features. */
export const Protocol = {
  MQ: 0,
  REPLY_ACK: 3,
  NET_MTU: 4,
  RESET_DEVICE: 13,
  STATUS: 16,
} as const;

/** A word with these bits set. */
export function bits(...numbers: readonly number[]): bigint {
  return numbers.reduce((word, n) => word | 1n << BigInt(n), 0n);
}

/** True when a word has the bit. */
export function hasBit(word: bigint, bit: number): boolean {
  return (word >> BigInt(bit) & 1n) === 1n;
}

/** A payload of 64-bit words. */
export function words64(...words: readonly (number | bigint)[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(BigUint64Array.from(words, (word) => BigInt(word)).buffer);
}

/** A payload of 32-bit words. */
export function words32(...words: readonly number[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Uint32Array.from(words).buffer);
}

/** Payloads put one after the other. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
