/**
 * What the switch makes of frames: the part of it that the kernel is the judge of.
 *
 * A frame with a 12-byte vnet header comes in by a port that may leave everything to others, is checked,
 * and planned for a port that takes nothing unfinished, or everything.
 *
 * @module
 */
import { Headers } from "../../src/frame/headers.ts";
import { acceptVnet } from "../../src/offload/accept.ts";
import { Feature, FEATURE_NAMES } from "../../src/offload/features.ts";
import { PlanLab, policyOf } from "../offload/plan_lab.ts";

const EVERYTHING = (1 << FEATURE_NAMES.length) - 1;
/** More than the longest frame, which is an IP packet of 65,535 bytes in two tags. */
const MAX_FRAME = 65_600;
const VNET_BYTES = 12;

/** Sends whatever it likes. */
const SENDER = policyOf({ sends: EVERYTHING, vnetHdr: VNET_BYTES, maxFrame: MAX_FRAME });
/** Takes finished frames only, without a header. */
const PLAIN = policyOf({ maxFrame: MAX_FRAME });
/** Sends segments, perhaps with an unfinished checksum. */
const SEGMENTS = policyOf({ sends: Feature.CSUM, vnetHdr: VNET_BYTES, maxFrame: MAX_FRAME });
/** Takes large TCP frames. */
const WHOLE = policyOf({
  accepts: Feature.CSUM | Feature.TSO4 | Feature.TSO6 | Feature.ECN,
  vnetHdr: VNET_BYTES,
  maxFrame: MAX_FRAME,
});

/** See the head of this file. */
export class Ours {
  readonly #lab = new PlanLab();
  readonly #headers = new Headers();

  /** What is thought of a vnet header and the frame behind it: a Verdict. */
  verdict(wire: Uint8Array): number {
    const copy = wire.slice(), length = copy.length - VNET_BYTES;
    const view = new DataView(copy.buffer);
    return acceptVnet(view, 0, VNET_BYTES, VNET_BYTES, length, EVERYTHING, this.#headers);
  }

  /** The frames a VM gets that takes nothing unfinished; they have no vnet header. */
  cut(wire: Uint8Array): Uint8Array[] {
    this.#lab.load([wire], SENDER);
    return this.#lab.send(SENDER, PLAIN);
  }

  /** The frames, each with its vnet header, a VM gets that takes large frames, of those of one batch. */
  merge(wires: readonly Uint8Array[]): Uint8Array[] {
    this.#lab.load(wires, SEGMENTS);
    return this.#lab.send(SEGMENTS, WHOLE);
  }
}
