/**
 * What both sides of a conversation have agreed on: features of the device, features of the
 * protocol, the MTU.
 *
 * Of the protocol features we offer only what front-ends use and a switch of one queue pair can do:
 * REPLY_ACK (QEMU learns at once that a table is refused, instead of its guest hanging), NET_MTU
 * and RESET_DEVICE. Not MQ: Cloud Hypervisor reads the answer to GET_QUEUE_NUM as queues and QEMU
 * as pairs of queues, and without MQ both know that there is one pair.
 *
 * @module
 */
import type { Policy } from "../../offload/policy.ts";
import { type Acked, acked, beyond, bitsOf, type FeatureBits, has, offered } from "./features.ts";

/** Protocol feature bits by number (QEMU's docs/interop/vhost-user.rst, "Protocol features"). */
export const ProtocolBit = { REPLY_ACK: 3, NET_MTU: 4, RESET_DEVICE: 13 } as const;

/** Least MTU of IPv4 (RFC 791) and largest there is. */
const LEAST_MTU = 68, LARGEST_MTU = 65_535;
const NOTHING: FeatureBits = { low: 0, high: 0 };

/**
 * See the head of this file. Methods return what is wrong with what was taken, or an empty text.
 */
export class Negotiation {
  readonly offer: FeatureBits;
  readonly protocolOffer = bitsOf(Object.values(ProtocolBit));
  /** What the guest's driver took; nothing before it did. */
  features: Acked = acked(NOTHING);
  /** MTU the front-end told its guest; 0 when it did not say. */
  mtu = 0;
  readonly #largestMtu: number;
  #protocol: FeatureBits = NOTHING;

  /** @param policy what the port may be at most */
  constructor(policy: Policy) {
    this.offer = offered(policy);
    this.#largestMtu = policy.mtu || LARGEST_MTU;
  }

  /** Messages with NEED_REPLY are acknowledged. */
  get acknowledges(): boolean {
    return has(this.#protocol, ProtocolBit.REPLY_ACK);
  }

  take(bits: FeatureBits): string {
    const extra = beyond(bits, this.offer);
    if (extra.length > 0) return `it took features that were not offered: ${extra.join(", ")}`;
    this.features = acked(bits);
    return "";
  }

  takeProtocol(bits: FeatureBits): string {
    const extra = beyond(bits, this.protocolOffer);
    if (extra.length > 0) {
      return `it took protocol features that were not offered: ${extra.join(", ")}`;
    }
    this.#protocol = bits;
    return "";
  }

  takeMtu(mtu: number): string {
    if (mtu < LEAST_MTU || mtu > this.#largestMtu) {
      return `its guest's MTU is ${mtu}, which is not within ${LEAST_MTU} to ${this.#largestMtu}`;
    }
    this.mtu = mtu;
    return "";
  }

  /** The driver has to take features anew. The protocol is the connection's, and stays. */
  reset(): void {
    this.features = acked(NOTHING);
  }
}
