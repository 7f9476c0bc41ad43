/**
 * A million random vnet headers in front of all kinds of frames: nothing throws, nothing that is refused was
 * touched, and what is let in is in canonical form and fits its frame.
 *
 * Frames lie at the very end of memory, behind canaries. FUZZ_SEED repeats a run.
 *
 * @module
 */
import { Headers } from "../../src/frame/headers.ts";
import { acceptVnet, isUndeclared, Verdict, VERDICT_TEXTS } from "../../src/offload/accept.ts";
import { Feature, FEATURE_NAMES } from "../../src/offload/features.ts";
import { NO_OFFLOAD, splitVnet, type VnetHeader, withVnet } from "../support/vnet_header.ts";
import { onesSum } from "./naive_checksum.ts";
import { Dice, randomHeader, stock, type StockFrame } from "./vnet_cases.ts";

const CASES = 1_000_000, CANARIES = 5;
const SETS = 1 << FEATURE_NAMES.length;
const headers = new Headers();

/** One frame of the stock, with room for a header in front of it. */
class Stand {
  readonly #u8: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  readonly #before: Uint8Array;

  constructor(readonly stock: StockFrame) {
    const wire = withVnet(NO_OFFLOAD, stock.frame);
    this.#u8 = new Uint8Array(CANARIES + wire.length).fill(0xaa);
    this.#u8.set(wire, CANARIES);
    this.#view = new DataView(this.#u8.buffer);
    this.#before = this.#u8.slice();
  }

  /** Accept the frame behind a header; throws when anything about the result is wrong. */
  try(header: VnetHeader, sends: number): number {
    const u8 = this.#u8, { length } = this.stock.frame;
    const lead = withVnet(header, NO_FRAME);
    u8.set(lead, CANARIES);
    const verdict = acceptVnet(this.#view, CANARIES, 12, CANARIES + 12, length, sends, headers);
    const after = splitVnet(u8.subarray(CANARIES)).header;
    if (verdict === Verdict.OK) this.#checkAccepted(header, after, sends);
    else if (lead.some((byte, i) => u8[CANARIES + i] !== byte)) {
      throw new Error("header was touched");
    }
    const seeded = verdict === Verdict.OK && after.gsoType !== 0 && (header.flags & 1) === 0;
    this.#checkBytes(seeded ? CANARIES + 12 + after.checksumStart + after.checksumOffset : -2);
    if (isUndeclared(verdict) && !this.#fits(header)) throw new Error("undeclared, and malformed");
    return verdict;
  }

  /** All bytes but the header, and the two at `field`, are what they were. Puts these back. */
  #checkBytes(field: number): void {
    const u8 = this.#u8, before = this.#before;
    for (let i = 0; i < u8.length; i++) {
      if (u8[i] === before[i] || (i >= CANARIES && i < CANARIES + 12)) continue;
      if (i !== field && i !== field + 1) throw new Error(`byte ${i} was changed`);
      u8[i] = before[i];
    }
  }

  #checkAccepted(came: VnetHeader, now: VnetHeader, sends: number): void {
    const { length } = this.stock.frame, partial = (came.flags & 1) !== 0;
    const must = (right: boolean, what: string) => {
      if (!right) throw new Error(`${what}: ${JSON.stringify(now)}`);
    };
    must(length >= 14 && this.#u8[CANARIES + 10] === 1 && this.#u8[CANARIES + 11] === 0, "buffers");
    if (now.gsoType !== 0) this.#checkLarge(came, now, sends, must);
    else {
      must(now.flags === (partial ? 1 : 0), "flags");
      must(now.gsoSize === 0 && now.headerLength === 0, "no GSO");
    }
    if (now.flags === 0) must(now.checksumStart === 0 && now.checksumOffset === 0, "no checksum");
    else {
      must(now.checksumStart >= 20, "checksum in the Ethernet header");
      must(now.checksumStart + now.checksumOffset + 2 <= length, "checksum in the frame");
    }
    if (partial) {
      must((sends & Feature.CSUM) !== 0, "csum is declared");
      must(now.checksumStart === came.checksumStart, "checksum start");
      must(now.checksumOffset === came.checksumOffset, "checksum offset");
    }
  }

  #checkLarge(
    came: VnetHeader,
    now: VnetHeader,
    sends: number,
    must: (right: boolean, what: string) => void,
  ): void {
    const { damage, tcp, version, l4, payload, frame } = this.stock;
    const type = now.gsoType & 0x7f;
    must(damage === "" || damage === "short", "a damaged frame is not cut");
    must(this.#fits(came), "type and packet");
    must(now.gsoType === (tcp ? came.gsoType : type), "type and ECN");
    must(now.flags === 1 && now.headerLength === payload, "headers");
    must(now.checksumStart === l4 && now.checksumOffset === (tcp ? 16 : 6), "its own checksum");
    const feature = [0, Feature.TSO4, 0, Feature.UFO, Feature.TSO6, Feature.USO][type];
    must((sends & feature) !== 0, "declared");
    const cut = frame.length - (type === 3 ? l4 : payload);
    const size = type === 3 ? now.gsoSize & ~7 : now.gsoSize;
    must(now.gsoSize === came.gsoSize && cut > now.gsoSize, "size");
    must(Math.ceil(cut / size) <= (type === 5 ? 128 : 256), "segments");
    if ((came.flags & 1) !== 0) return;
    const field = CANARIES + 12 + l4 + (tcp ? 16 : 6);
    must(this.#view.getUint16(field) === this.#seed(version, frame, l4), "seed");
  }

  /** True when the type of a header is one for this frame. */
  #fits({ gsoType }: VnetHeader): boolean {
    const { tcp, version } = this.stock, type = gsoType & 0x7f;
    if (type === 0) return gsoType === 0;
    return tcp ? type === (version === 4 ? 1 : 4) : type === 3 || gsoType === 5;
  }

  #seed(version: number, frame: Uint8Array, l4: number): number {
    const l3 = 14 +
      4 * [frame[12], frame[16]].filter((byte) => byte === 0x81 || byte === 0x88).length;
    const addresses = version === 4 ? frame.slice(l3 + 12, l3 + 20) : frame.slice(l3 + 8, l3 + 40);
    const length = frame.length - l4;
    return onesSum(addresses, [0, this.stock.tcp ? 6 : 17, length >> 8, length & 255]);
  }
}

const NO_FRAME = new Uint8Array(0);

Deno.test("a million random headers are refused, or canonical", () => {
  const seed = Number(Deno.env.get("FUZZ_SEED") ?? Date.now() % 0x7fff_ffff);
  const dice = new Dice(seed), stands = stock().map((frame) => new Stand(frame));
  const seen = new Array(VERDICT_TEXTS.length).fill(0);
  for (let i = 0; i < CASES; i++) {
    const stand = dice.pick(stands), header = randomHeader(dice, stand.stock);
    const sends = dice.roll(2) === 0 ? SETS - 1 : dice.roll(SETS);
    try {
      seen[stand.try(header, sends)]++;
    } catch (error) {
      const { damage, frame } = stand.stock;
      const what = { seed, i, sends, header, damage, frame: frame.toHex() };
      throw new Error(`FUZZ_SEED=${seed}: ${JSON.stringify(what)}`, { cause: error });
    }
  }
  seen.forEach((count, verdict) => {
    if (count === 0 && verdict !== Verdict.SHORT) {
      throw new Error(`FUZZ_SEED=${seed}: never "${VERDICT_TEXTS[verdict]}"`);
    }
  });
});
