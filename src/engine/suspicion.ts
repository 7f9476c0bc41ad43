/**
 * Does a VM send what its port declares?
 *
 * A VM that leaves checksums unfinished on a port that was not told so has a network that almost works:
 * ARP and ping do, TCP does not, and nobody says why. So now and then a few frames of every port are looked
 * at, and what contradicts the port's policy is named in one line, with the option that mends it. The frames
 * themselves are forwarded as they are; this only talks.
 *
 * @module
 */
import { fold, pseudoSum, sum } from "../frame/checksum.ts";
import {
  Headers,
  IPV4_TYPE,
  IPV6_TYPE,
  Kind,
  PROVIDER_TAG_TYPE,
  TCP_CHECKSUM,
  UDP_CHECKSUM,
} from "../frame/headers.ts";
import { Vnet } from "../frame/vnet.ts";
import { TAG_TYPE } from "../frame/dot1q.ts";
import { ETHERTYPE } from "../frame/ethernet.ts";
import { Feature, type Features, formatFeatures } from "../offload/features.ts";
import { isUnfinished } from "../offload/fill.ts";
import { mtuOf } from "../offload/policy.ts";
import type { Batch } from "../port/batch.ts";
import type { PortConfig } from "../port/config.ts";
import { ROWS } from "./counters.ts";

/** Time between two looks at a port, and frames of one look: some millionths of a core. */
const LOOK_MS = 100, LOOKS = 4;
const ARP_TYPE = 0x0806;

/** See the head of this file. */
export class Suspicion {
  readonly #view: DataView;
  readonly #headers = new Headers();
  readonly #next = new Float64Array(ROWS);

  constructor(view: DataView) {
    this.#view = view;
  }

  /** True when it is time to look at frames of the port in `row` again; asked with every batch. */
  isDue(row: number, now: number): boolean {
    if (now < this.#next[row]) return false;
    this.#next[row] = now + LOOK_MS;
    return true;
  }

  /** Look at a batch of a port; what is wrong with it, in words, or nothing. */
  look(batch: Batch, config: PortConfig): string | undefined {
    // A vnet header says what is unfinished; it was judged when the frame came in.
    if (config.vnetHdr !== 0) return undefined;
    for (let i = 0; i < Math.min(batch.count, LOOKS); i++) {
      const found = this.#judge(batch.at[i], batch.length[i], config);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** A hint when `length` bytes at `at`, refused for their vnet header, look as if they had none. */
  hintWithout(at: number, length: number): string {
    return length >= 14 && isKnownType(this.#view.getUint16(at + ETHERTYPE))
      ? "; it looks like a frame without one: use vnet-hdr=0"
      : "";
  }

  #judge(at: number, length: number, config: PortConfig): string | undefined {
    const view = this.#view, headers = this.#headers;
    const bytes = this.#leadOf(at, length);
    if (bytes !== 0) {
      return `its frames begin with a virtio-net header of ${bytes} bytes, which was not declared; ` +
        `use vnet-hdr=${bytes}`;
    }
    headers.walk(view, at, length);
    if (headers.kind === Kind.OTHER || headers.end > headers.frameEnd) return undefined;
    const large = headers.end - headers.l3 > mtuOf(config);
    if (!isUnfinished(view, headers, large) || this.#isRight()) return undefined;
    const what = `${size(length)} frame`, port = `a port declared ${declared(config)}`;
    if ((config.sends & Feature.CSUM) === 0) {
      return `${what} with an unfinished checksum from ${port}; ` +
        "use client=krunkit-offload, or sends= with what this VM offloads";
    }
    const { kind, version } = headers;
    const missing = kind === Kind.UDP ? Feature.UFO : version === 4 ? Feature.TSO4 : Feature.TSO6;
    if (!large || (config.sends & missing) !== 0) return undefined;
    return `${what} to be cut from ${port}; use ${sendsWith(config, missing)}`;
  }

  /** True when the checksum, which looks like a seed, is right as it is: one in 65,536 does. */
  #isRight(): boolean {
    const view = this.#view, { l4, end } = this.#headers;
    return fold(sum(view, l4, end - l4) + pseudoSum(view, this.#headers, end - l4)) === 0xffff;
  }

  /** Bytes of the vnet header in front of what looks like a frame; 0 when it is one as it should be. */
  #leadOf(at: number, length: number): 0 | 10 | 12 {
    const view = this.#view;
    if (length < 12 + 14 || isKnownType(view.getUint16(at + ETHERTYPE))) return 0;
    if (view.getUint8(at) > 7 || (view.getUint8(at + 1) & 0x7f) > 5) return 0;
    // There are frames of other types with addresses and contents that look like this; hardly with a checksum, too.
    const start = view.getUint16(at + Vnet.CSUM_START, true);
    const offset = view.getUint16(at + Vnet.CSUM_OFFSET, true);
    if ((view.getUint8(at) & Vnet.NEEDS_CSUM) === 0) {
      if (start !== 0 || offset !== 0) return 0;
    } else if (offset !== TCP_CHECKSUM && offset !== UDP_CHECKSUM) return 0;
    if (isKnownType(view.getUint16(at + 12 + ETHERTYPE))) return 12;
    return isKnownType(view.getUint16(at + 10 + ETHERTYPE)) ? 10 : 0;
  }
}

function isKnownType(type: number): boolean {
  return type === IPV4_TYPE || type === IPV6_TYPE || type === ARP_TYPE || type === TAG_TYPE ||
    type === PROVIDER_TAG_TYPE;
}

/** The option that declares `missing` beside what is declared already. */
export function sendsWith({ asked, sends }: PortConfig, missing: Features): string {
  const option = `sends=${formatFeatures(sends | missing | Feature.CSUM)}`;
  return /\boffload=/.test(asked) ? `${option} and accepts= in place of offload=` : option;
}

/** What was said about the VM's offloads, as it was said if it was. */
function declared({ asked, sends }: PortConfig): string {
  if (/\b(client|sends|offload)=/.test(asked)) return asked;
  return sends === 0 ? "offload=off" : `sends=${formatFeatures(sends)}`;
}

/** `60-byte`, `64 KiB`. */
function size(bytes: number): string {
  return bytes < 10_240 ? `${bytes}-byte` : `${Math.round(bytes / 1024)} KiB`;
}
