/** Calls in a row that may be interrupted or fail for no reason before the frames wait for the retry timer. */
export const RETRIES = 3;
