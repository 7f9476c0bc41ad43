/**
 * Frames as short text, so that recorded ones can be read, compared and kept.
 *
 * A frame is hexadecimal bytes, with `[seed:from:length]` where a slice of made-up payload stands: `length`
 * bytes from byte `from` on of what {@linkcode contents} makes of the seed. Recorded text means what it meant when
 * it was recorded only as long as `contents` makes the same of it.
 *
 * @module
 */
import { filler } from "../offload/frames.ts";

/** Shortest slice that is named, and so many bytes are looked up to find one. */
const SHORTEST = 12;

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
export function expand(text: string): Uint8Array {
  const parts = Array.from(
    text.matchAll(/\[(\d+):(\d+):(\d+)\]|[0-9a-f]+/g),
    ([hex, seed, from, length]) =>
      seed === undefined
        ? Uint8Array.fromHex(hex)
        : contents({ seed: +seed, length: +from + +length }).subarray(+from),
  );
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Writes frames as text; all of them are made of the same few payloads. */
export class Condenser {
  readonly #payloads: ReadonlyArray<{ readonly seed: number; readonly bytes: Uint8Array }>;
  /** Where the bytes a slice begins with are found: in which payload, and from which byte on. */
  readonly #places = new Map<string, { readonly payload: number; readonly from: number }>();

  constructor(payloads: readonly Payload[]) {
    this.#payloads = payloads.map((payload) => ({ seed: payload.seed, bytes: contents(payload) }));
    this.#payloads.forEach(({ bytes }, payload) => {
      for (let from = 0; from + SHORTEST <= bytes.length; from++) {
        const key = bytes.subarray(from, from + SHORTEST).toHex();
        if (!this.#places.has(key)) this.#places.set(key, { payload, from });
      }
    });
  }

  /** The shortest text that {@linkcode expand}s to these bytes, more or less. */
  condense(frame: Uint8Array): string {
    let text = "";
    for (let at = 0; at < frame.length;) {
      const place = this.#places.get(frame.subarray(at, at + SHORTEST).toHex());
      if (place === undefined) {
        text += frame.subarray(at, ++at).toHex();
        continue;
      }
      const { seed, bytes } = this.#payloads[place.payload], { from } = place;
      let length = SHORTEST;
      while (from + length < bytes.length && bytes[from + length] === frame[at + length]) length++;
      text += `[${seed}:${from}:${length}]`;
      at += length;
    }
    return text;
  }
}
