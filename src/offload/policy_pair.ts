/**
 * What the policies of two ports mean for one frame: of the port it came by, and of the port it leaves by.
 *
 * @module
 */
import { Gso } from "../frame/vnet.ts";
import { clampMss } from "./clamp.ts";
import { Feature, type Features } from "./features.ts";
import { fillIpv4 } from "./fill.ts";
import { FRAGMENT_BYTES } from "./fragment_udp.ts";
import { accepted, frameLimit, mtuOf, NO_OFFLOAD, type Policy } from "./policy.ts";
import type { Unfinished } from "./unfinished.ts";

/** Questions about the frame that its {@linkcode Unfinished} describes. */
export class PolicyPair {
  ingress: Policy = NO_OFFLOAD;
  egress: Policy = NO_OFFLOAD;
  /** What the VM really gets unfinished. */
  takes: Features = 0;
  readonly #view: DataView;
  readonly #state: Unfinished;
  /** MTUs of both VMs, and the longest frame for this one that is not to be cut. */
  #ownMtu = 0;
  #mtu = 0;
  #limit = 0;
  /** IPv4 header checksums may be unfinished, too, and must not be when they leave. */
  #fillsIpv4 = false;
  /** MTU that the MSS of new connections is clamped to. */
  #clampTo = 0;

  constructor(view: DataView, state: Unfinished) {
    this.#view = view;
    this.#state = state;
  }

  /** The frames to come are from a port with policy `ingress`, for one with `egress`. */
  begin(ingress: Policy, egress: Policy): void {
    this.ingress = ingress;
    this.egress = egress;
    this.takes = accepted(egress);
    this.#ownMtu = mtuOf(ingress);
    this.#mtu = mtuOf(egress);
    this.#limit = frameLimit(egress);
    const leaves = egress.vnetHdr === 0 && (this.takes & Feature.CSUM) !== 0;
    this.#fillsIpv4 = ingress.vnetHdr === 0 && (ingress.sends & Feature.CSUM) !== 0 && !leaves;
    this.#clampTo = Math.min(
      ingress.clampMss ? this.#ownMtu : Infinity,
      egress.clampMss ? this.#mtu : Infinity,
    );
  }

  /** Find out what the frame leaves unfinished. */
  describe(at: number, length: number): void {
    const { vnetHdr, sends } = this.ingress;
    if (vnetHdr !== 0) this.#state.readHeader(this.#view, at - vnetHdr);
    else {
      this.#state.look(this.#view, at, length, sends, this.#ownMtu, this.#mtu);
      this.#state.writeSeed(this.#view);
    }
    if (this.#fillsIpv4) fillIpv4(this.#view, this.#state.headers);
  }

  /** Lower the MSS of a new connection, in place. */
  clamp(at: number, length: number): void {
    const state = this.#state;
    state.walk(this.#view, at, length);
    clampMss(this.#view, state.headers, this.#clampTo, state.partial);
  }

  /** True when the VM takes this large frame as it is. */
  takesWhole(length: number): boolean {
    const state = this.#state;
    if ((this.takes & state.needed) === 0 || length > this.egress.maxFrame) return false;
    return !state.ecn || this.egress.vnetHdr === 0 || (this.takes & Feature.ECN) !== 0;
  }

  /** True when the frame, which is not to be cut, is too long for the VM. */
  isTooLong(at: number, length: number): boolean {
    if (length > this.#limit) return true;
    if (!this.egress.forwardSafe || length <= this.#mtu) return false;
    const { headers } = this.#state;
    this.#state.walk(this.#view, at, length);
    const end = headers.whole ? headers.end : headers.frameEnd;
    return headers.version !== 0 && end - headers.l3 > this.#mtu;
  }

  /** True when the unfinished checksum must not leave by this port. */
  mustFill(at: number, length: number): boolean {
    if ((this.takes & Feature.CSUM) === 0) return true;
    if (this.egress.vnetHdr !== 0) return false;
    // Without a header only the checksum everybody expects can be left for the receiver.
    this.#state.walk(this.#view, at, length);
    return !this.#state.isOrdinary(at);
  }

  /** Payload of each segment: what the frame says, and no more than this VM takes. */
  segmentSize(at: number): number {
    const { gso, size, headers } = this.#state, egress = this.egress;
    const body = gso === Gso.UDP ? headers.l4 + fragmentBytes(headers.version) : headers.payload;
    const isBound = egress.mtu !== 0 || egress.forwardSafe || this.ingress.vnetHdr === 0;
    const room = Math.min(
      egress.maxFrame - (body - at),
      isBound ? this.#mtu - (body - headers.l3) : egress.maxFrame,
    );
    // The size of a UDP datagram cannot be changed on the way.
    if (gso === Gso.UDP_L4) return size <= room ? size : 0;
    return Math.min(size, room);
  }
}

/** What an IP fragment has on top of what was cut: IPv4 has room for it in its header. */
function fragmentBytes(version: number): number {
  return version === 6 ? FRAGMENT_BYTES : 0;
}
