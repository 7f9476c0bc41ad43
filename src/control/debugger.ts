/**
 * Closes the debugger that Deno opens.
 *
 * From half a second after its start on, Deno answers the first SIGUSR1 by opening its inspector on
 * 127.0.0.1:9229, beside any listener of ours and without a way to decline (since 2.9.2). Whoever reaches that port
 * can run code as us, and a guest may reach it by its user network. So after each SIGUSR1 the inspector is closed as
 * soon as it is up, which takes some milliseconds. SIGUSR2 asks for a report too and opens nothing.
 *
 * @module
 */

/** How long, and how often, to look for an inspector that is about to open. */
const WATCH_MS = 1000, LOOK_MS = 2;

/** When to stop looking; many signals make one watch longer, not many watches. */
const watch = { until: 0, running: false };

/** Close the inspector once it has opened; gives up when it has not a second after the last call. */
export async function closeDebugger(): Promise<void> {
  watch.until = performance.now() + WATCH_MS;
  if (watch.running) return;
  watch.running = true;
  try {
    const { default: inspector } = await import("node:inspector");
    while (performance.now() < watch.until) {
      if (inspector.url() !== undefined) inspector.close();
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  } catch {
    // Started without --allow-sys: a network must not end for that.
  } finally {
    watch.running = false;
  }
}
