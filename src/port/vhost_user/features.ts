/**
 * What a front-end is offered and what its guest took: our offload policy in the bits of
 * virtio-net.
 *
 * Here the policy of a port is negotiated, not declared: `sends` and `accepts` of the configuration
 * are the offer, and what the guest's driver acknowledged is what the port goes by. virtio has 64
 * bits; they are kept as two halves of 32, so nothing here is a BigInt.
 *
 * A checksum offload carries the large ones (virtio 1.2, 5.1.3.1: TSO, UFO and USO need CSUM, ECN
 * needs TSO). A driver that takes one without the other is not believed: the features that hang in
 * the air are left out, of the offer as of the answer.
 *
 * @module
 */
import { Feature, type Features, LARGE, TSO } from "../../offload/features.ts";
import type { Policy } from "../../offload/policy.ts";

/** Feature bits by number (virtio 1.2, 5.1.3 and 6; PROTOCOL_FEATURES: QEMU's vhost-user.rst). */
export const Bit = {
  CSUM: 0,
  GUEST_CSUM: 1,
  MTU: 3,
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
  INDIRECT: 28,
  EVENT_IDX: 29,
  PROTOCOL_FEATURES: 30,
  VERSION_1: 32,
  GUEST_USO4: 54,
  GUEST_USO6: 55,
  HOST_USO: 56,
} as const;

/** 64 feature bits as two unsigned halves. */
export interface FeatureBits {
  readonly low: number;
  readonly high: number;
}

/** What a driver took, in our terms. */
export interface Acked {
  readonly sends: Features;
  readonly accepts: Features;
  /** Header in front of each frame: 12 bytes with VERSION_1 or MRG_RXBUF, else the legacy 10. */
  readonly vnetHdr: 10 | 12;
  /** A frame for the guest may lie in several buffers. */
  readonly mergeable: boolean;
  /** Kicks and calls are asked for by index. */
  readonly eventIdx: boolean;
  /** Descriptors may point to tables of descriptors. */
  readonly indirect: boolean;
  /** Rings are disabled until SET_VRING_ENABLE. */
  readonly protocol: boolean;
}

/**
 * Each of our features, with the bits of its two directions. The guest's USO is one of ours and two
 * of theirs.
 */
const OFFLOADS: readonly { feature: number; sends: number; accepts: readonly number[] }[] = [
  { feature: Feature.CSUM, sends: Bit.CSUM, accepts: [Bit.GUEST_CSUM] },
  { feature: Feature.TSO4, sends: Bit.HOST_TSO4, accepts: [Bit.GUEST_TSO4] },
  { feature: Feature.TSO6, sends: Bit.HOST_TSO6, accepts: [Bit.GUEST_TSO6] },
  { feature: Feature.ECN, sends: Bit.HOST_ECN, accepts: [Bit.GUEST_ECN] },
  { feature: Feature.UFO, sends: Bit.HOST_UFO, accepts: [Bit.GUEST_UFO] },
  { feature: Feature.USO, sends: Bit.HOST_USO, accepts: [Bit.GUEST_USO4, Bit.GUEST_USO6] },
];

/** Offered whatever the policy. */
const ALWAYS = [
  Bit.MRG_RXBUF,
  Bit.ANY_LAYOUT,
  Bit.INDIRECT,
  Bit.EVENT_IDX,
  Bit.PROTOCOL_FEATURES,
  Bit.VERSION_1,
];

/** The offer of a port with this policy. MTU is offered when the port has one. */
export function offered(policy: Policy): FeatureBits {
  const bits: number[] = [...ALWAYS];
  if (policy.mtu !== 0) bits.push(Bit.MTU);
  const sends = supported(policy.sends), accepts = supported(policy.accepts);
  for (const offload of OFFLOADS) {
    if ((sends & offload.feature) !== 0) bits.push(offload.sends);
    if ((accepts & offload.feature) !== 0) bits.push(...offload.accepts);
  }
  return bitsOf(bits);
}

/** What these acknowledged bits mean. */
export function acked(bits: FeatureBits): Acked {
  let sends = 0, accepts = 0;
  for (const offload of OFFLOADS) {
    if (has(bits, offload.sends)) sends |= offload.feature;
    if (offload.accepts.every((bit) => has(bits, bit))) accepts |= offload.feature;
  }
  const mergeable = has(bits, Bit.MRG_RXBUF);
  return {
    sends: supported(sends),
    accepts: supported(accepts),
    vnetHdr: mergeable || has(bits, Bit.VERSION_1) ? 12 : 10,
    mergeable,
    eventIdx: has(bits, Bit.EVENT_IDX),
    indirect: has(bits, Bit.INDIRECT),
    protocol: has(bits, Bit.PROTOCOL_FEATURES),
  };
}

/** Bits of `bits` that are not in `offer`, as their numbers. */
export function beyond(bits: FeatureBits, offer: FeatureBits): number[] {
  return [...Array(64).keys()].filter((bit) => has(bits, bit) && !has(offer, bit));
}

/** True when the set has the bit of this number. */
export function has(bits: FeatureBits, bit: number): boolean {
  const half = bit < 32 ? bits.low : bits.high;
  return ((half >>> (bit & 31)) & 1) !== 0;
}

/** The set of these bits. */
export function bitsOf(bits: readonly number[]): FeatureBits {
  let low = 0, high = 0;
  for (const bit of bits) {
    if (bit < 32) low |= 1 << bit;
    else high |= 1 << (bit - 32);
  }
  return { low: low >>> 0, high: high >>> 0 };
}

/** The features of a set that have what they need. */
function supported(features: Features): Features {
  if ((features & Feature.CSUM) === 0) return features & ~(LARGE | Feature.ECN);
  return (features & TSO) === 0 ? features & ~Feature.ECN : features;
}
