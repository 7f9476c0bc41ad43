/**
 * How a thread of the self-test is told from the engine's: on its own, since the engine must start without
 * loading the self-test.
 *
 * @module
 */

/** Start of the name of every thread of the self-test. */
export const THREAD = "self-test ";
