/**
 * How header and frame lie in memory: cut into pieces, listed in the ring or in a table beside it.
 *
 * @module
 */

/** Everything in one descriptor of the ring, if nothing else is said. */
export interface Layout {
  /**
   * Where a new descriptor begins, counted from the first byte of the frame, ascending: 0 sets the header
   * apart, a negative number cuts the header, the same number twice makes an empty descriptor. Cuts outside of
   * header and frame are ignored.
   */
  readonly cuts?: readonly number[];
  /** How many descriptors are in the ring; the others are in an indirect table. All if not given; 0: none. */
  readonly direct?: number;
}

/** Header and frame in one descriptor (VIRTIO_F_ANY_LAYOUT). */
export const WHOLE: Layout = {};
/** A descriptor for the header, as drivers without ANY_LAYOUT do. */
export const APART: Layout = { cuts: [0] };
/** Header apart, all in a table: what Linux does when it can. */
export const INDIRECT: Layout = { cuts: [0], direct: 0 };

/** Lengths of the descriptors of a chain of `header` and `length` bytes. */
export function pieceLengths(header: number, length: number, layout: Layout): number[] {
  const lengths: number[] = [];
  let from = -header;
  for (const cut of layout.cuts ?? []) {
    if (cut < from || cut <= -header || cut >= length) continue;
    lengths.push(cut - from);
    from = cut;
  }
  lengths.push(length - from);
  return lengths;
}
