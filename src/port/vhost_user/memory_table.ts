/**
 * SET_MEM_TABLE on the wire: the number of regions, a word of padding, and each region as four
 * numbers of 64 bits.
 *
 * @module
 */
import { MAX_REGIONS, type Region } from "./guest_memory.ts";
import type { MessageReader } from "./message.ts";

/** Bytes of the head of the table and of each of its regions. */
const HEAD = 8, REGION = 32;

/** True when the payload is as long as the regions it says it has. */
export function tableFits(message: MessageReader): boolean {
  return message.size >= HEAD && message.size === HEAD + message.word(0) * REGION;
}

/** The regions of a payload that fits; undefined when there are more than anybody may have. */
export function regionsOf(message: MessageReader): Region[] | undefined {
  if (message.word(0) > MAX_REGIONS) return undefined;
  return Array.from({ length: message.word(0) }, (_, i) => {
    const word = (HEAD + i * REGION) / 4;
    return {
      guest: message.long(word),
      size: message.long(word + 2),
      user: message.long(word + 4),
      offset: message.long(word + 6),
    };
  });
}
