/**
 * The one error of the demo: what went wrong in the step that is running, in plain words.
 *
 * @module
 */

/** Ends the demo; the step it happened in is named beside it. */
export class DemoError extends Error {
  override readonly name = "DemoError";
}
