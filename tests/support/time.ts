/**
 * Waiting in tests of real processes: for a while, or until something is so.
 *
 * @module
 */

/** Sleep. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/**
 * Look every 2 ms until `condition` holds; returns how many milliseconds it took.
 *
 * @throws Error naming `what` when it does not hold within `milliseconds`
 */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  milliseconds = 5000,
): Promise<number> {
  const started = performance.now();
  while (!await condition()) {
    if (performance.now() - started > milliseconds) {
      throw new Error(`Waited ${milliseconds} ms in vain: ${what}`);
    }
    await pause(2);
  }
  return performance.now() - started;
}

/** Print a measured figure beside the test's own output. */
export function figure(text: string): void {
  say(`    measured: ${text}`);
}

/** Print a line beside the test's own output. */
export function say(text: string): void {
  // deno-lint-ignore no-console -- the runner shows it beside the test it belongs to
  console.log(text);
}
