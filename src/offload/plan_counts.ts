/**
 * What the planner counts, until the egress it worked for takes it over.
 *
 * @module
 */

/** How many frames were dealt with in which way since they were last taken. */
export class PlanCounts {
  /** Frames as they came in; of them those that needed nothing but a vnet header, and those whose checksum was completed. */
  frames = 0;
  passed = 0;
  filled = 0;
  /** Frames that were cut, and the frames they became. */
  segmented = 0;
  segments = 0;
  /** Frames that were put together, and the frames they became. */
  merged = 0;
  merges = 0;
  /** Dropped: too long for the VM and not to be cut; to be cut and malformed; to be cut and corrupt. */
  oversize = 0;
  unsegmentable = 0;
  badChecksum = 0;

  /** Begin again. */
  clear(): void {
    this.frames = this.passed = this.filled = 0;
    this.segmented =
      this.segments =
      this.merged =
      this.merges =
        0;
    this.oversize = this.unsegmentable = this.badChecksum = 0;
  }
}
