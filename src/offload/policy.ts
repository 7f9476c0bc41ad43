/**
 * The offload policy of a port: what its VM may hand us unfinished, and what it can take unfinished.
 *
 * Plain data, on the port. Nothing is assumed: the default is nothing, and a client's real abilities are
 * named by a preset (clients.ts). Two policies, that of the port a frame came by and that of the port it
 * leaves by, decide what may have to be done ({@linkcode needs}), once a batch; frames are looked at only
 * when that is not nothing.
 *
 * @module
 */
import { HEADER_BYTES } from "../frame/ethernet.ts";
import { Feature, type Features, LARGE, TSO } from "./features.ts";

/** Bytes of the virtio-net header in front of each frame on the wire: none, legacy, VIRTIO_F_VERSION_1. */
export type VnetBytes = 0 | 10 | 12;

/** See the head of this file. */
export interface Policy {
  /** What the VM may leave unfinished in what it sends. */
  readonly sends: Features;
  /** What may be left unfinished in what it is given. */
  readonly accepts: Features;
  /** Header in front of each frame, in both directions. */
  readonly vnetHdr: VnetBytes;
  /** Largest IP packet of this VM in bytes; 0 when not given. */
  readonly mtu: number;
  /** Longest frame on its wire in either direction, vnet header not counted. */
  readonly maxFrame: number;
  /** Every checksum is finished for it: its wire has no header that could say which one is not (libkrun). */
  readonly finish: boolean;
  /** It is given no frame longer than its MTU, whatever it accepts: it forwards frames (containers, pods). */
  readonly forwardSafe: boolean;
  /** The MSS option of TCP connections from and to this VM is lowered to what fits its MTU. */
  readonly clampMss: boolean;
}

/** A port that leaves nothing unfinished and takes nothing unfinished. */
export const NO_OFFLOAD: Policy = {
  sends: 0,
  accepts: 0,
  vnetHdr: 0,
  mtu: 0,
  maxFrame: 65_550,
  finish: false,
  forwardSafe: false,
  clampMss: false,
};

/** The policy alone of what has one among other things. */
export function policyOf(
  { sends, accepts, vnetHdr, mtu, maxFrame, finish, forwardSafe, clampMss }: Policy,
): Policy {
  return { sends, accepts, vnetHdr, mtu, maxFrame, finish, forwardSafe, clampMss };
}

/** MTU of a port that was not given one, where one is needed: to cut a frame that does not say its size. */
export const DEFAULT_MTU = 1500;
/** What a frame has on top of an IP packet: an Ethernet header and two VLAN tags. */
export const FRAME_OVER_MTU = 22;

/** What may have to be done to frames on their way between two ports; bits. */
export const Need = {
  /** Nothing: frames go out as they came in. */
  PASS: 0,
  /** The vnet header in front of the frame is another one, or none. */
  HEADER: 1,
  /** Checksums may have to be completed. */
  FILL: 2,
  /** Frames may have to be cut. */
  SEGMENT: 4,
  /** Frames may be put together. */
  MERGE: 8,
  /** The MSS option of a TCP SYN may have to be lowered. */
  CLAMP: 16,
} as const;

/** What a VM really gets unfinished. */
export function accepted(policy: Policy): Features {
  const features = policy.forwardSafe ? policy.accepts & ~(LARGE | Feature.ECN) : policy.accepts;
  return policy.finish ? features & ~Feature.CSUM : features;
}

/** MTU that decides how long the frames are that a large one for this VM is cut into. */
export function mtuOf(policy: Policy): number {
  return policy.mtu === 0 ? Math.min(DEFAULT_MTU, policy.maxFrame - HEADER_BYTES) : policy.mtu;
}

/** Longest frame for this VM that is not to be cut. */
export function frameLimit(policy: Policy): number {
  if (!policy.forwardSafe) return policy.maxFrame;
  return Math.min(mtuOf(policy) + FRAME_OVER_MTU, policy.maxFrame);
}

/** What may have to be done to frames from a port with policy `ingress` to one with policy `egress`. */
export function needs(ingress: Policy, egress: Policy): number {
  const takes = accepted(egress);
  const large = ingress.sends & LARGE;
  let need: number = Need.PASS;
  if (ingress.vnetHdr !== egress.vnetHdr) need |= Need.HEADER;
  if ((ingress.sends & ~takes & Feature.CSUM) !== 0) need |= Need.FILL;
  const tooLarge = (large & ~takes) !== 0 || ingress.maxFrame > egress.maxFrame ||
    (ingress.sends & ~takes & Feature.ECN) !== 0;
  if ((large !== 0 && tooLarge) || egress.forwardSafe) need |= Need.SEGMENT;
  if ((takes & ~ingress.sends & TSO) !== 0) need |= Need.MERGE;
  if (ingress.clampMss || egress.clampMss) need |= Need.CLAMP;
  return need;
}
