/**
 * The 802.1Q tag: four bytes after the source address.
 *
 * @module
 */

/** Ethertype of a customer VLAN tag (IEEE 802.1Q 9.4). */
export const TAG_TYPE = 0x8100;
/** Header bytes of a tagged frame. */
export const TAGGED_HEADER_BYTES = 18;

/**
 * VLAN identifier of a frame, 0 when untagged or only priority-tagged. Addresses are learned per VLAN
 * (independent learning): a VM that routes between VLANs shows the same address in several.
 *
 * @param ethertype bytes 12-13 of the frame
 * @param at offset of the frame
 * @param length its bytes
 */
export function vidOf(view: DataView, ethertype: number, at: number, length: number): number {
  if (ethertype !== TAG_TYPE || length < TAGGED_HEADER_BYTES) return 0;
  return view.getUint16(at + 14) & 0x0fff;
}
