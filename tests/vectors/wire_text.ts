/**
 * Frames as short text, so that recorded ones can be read, compared and kept.
 *
 * A frame is hexadecimal bytes and slices of what is known already, which are `length` bytes from byte `from` on:
 *
 * ```
 *  [seed:from:length]  of made-up payload, of what `contents` makes of the seed
 *  <from:length>       of the frame that came first
 * ```
 * Recorded text means what it meant when it was recorded only as long as `contents` makes the same of a seed.
 *
 * @module
 */
import { filler } from "../offload/frames.ts";

/** Shortest slices that are named, and so many bytes are looked up to find one. */
const SHORTEST = 6;

/** Payload of a frame. */
export interface Payload {
  readonly seed: number;
  readonly length: number;
}

/** `length` bytes: all 0x00 for seed 0, all 0xff for seed 1, and such that look random for any other. */
export function contents({ seed, length }: Payload): Uint8Array {
  return seed > 1 ? filler(length, seed) : new Uint8Array(length).fill(-seed);
}

/** The bytes of a text. */
export function expand(text: string, first: Uint8Array = new Uint8Array()): Uint8Array {
  const parts = Array.from(
    text.matchAll(/\[(\d+):(\d+):(\d+)\]|<(\d+):(\d+)>|[0-9a-f]+/g),
    ([hex, seed, from, length, firstFrom, firstLength]) => {
      if (firstFrom !== undefined) return first.subarray(+firstFrom, +firstFrom + +firstLength);
      if (seed === undefined) return Uint8Array.fromHex(hex);
      return contents({ seed: +seed, length: +from + +length }).subarray(+from);
    },
  );
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Bytes that slices are taken of. */
interface Source {
  readonly bytes: Uint8Array;
  /** What is in front of `from`, and the brackets. */
  readonly name: string;
  readonly brackets: string;
}

/** Where a slice is. */
interface Place {
  readonly source: Source;
  readonly from: number;
}

/** Writes frames as text; all of them are made of the same few payloads. */
export class Condenser {
  #first: Source | undefined;
  /** Where the bytes a slice begins with are found. */
  readonly #places = new Map<string, Place>();

  constructor(payloads: readonly Payload[]) {
    for (const payload of payloads) {
      this.#add({ bytes: contents(payload), name: `${payload.seed}:`, brackets: "[]" });
    }
  }

  /** A text that {@linkcode expand}s to these bytes; the first frame is the one that the others are compared with. */
  condense(frame: Uint8Array): string {
    let text = "";
    for (let at = 0; at < frame.length;) {
      const [place, length] = this.#longest(frame, at);
      if (place === undefined) text += frame.subarray(at, ++at).toHex();
      else {
        const { brackets, name } = place.source;
        text += `${brackets[0]}${name}${place.from}:${length}${brackets[1]}`;
        at += length;
      }
    }
    if (this.#first === undefined) {
      this.#add(this.#first = { bytes: frame, name: "", brackets: "<>" });
    }
    return text;
  }

  /** The longest slice that is like the frame from `at` on, of those we look at. */
  #longest(frame: Uint8Array, at: number): [Place | undefined, number] {
    const candidates = [this.#places.get(frame.subarray(at, at + SHORTEST).toHex())];
    // the same place, in a frame with or without its vnet header
    if (this.#first) {
      candidates.push(...[at, at + 12].map((from) => ({ source: this.#first!, from })));
    }
    let best: Place | undefined, longest = SHORTEST - 1;
    for (const place of candidates) {
      if (place === undefined) continue;
      const { source: { bytes }, from } = place;
      let length = 0;
      while (from + length < bytes.length && bytes[from + length] === frame[at + length]) length++;
      if (length > longest) [best, longest] = [place, length];
    }
    return [best, longest];
  }

  #add(source: Source): void {
    const { bytes } = source;
    for (let from = 0; from + SHORTEST <= bytes.length; from++) {
      const key = bytes.subarray(from, from + SHORTEST).toHex();
      if (!this.#places.has(key)) this.#places.set(key, { source, from });
    }
  }
}
