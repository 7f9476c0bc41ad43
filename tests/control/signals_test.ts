/**
 * What the process as a whole does with signals is in tests/process/.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { Signals } from "../../src/control/signals.ts";

/** Run while something keeps the event loop alive: a signal listener alone does not. */
async function awake(use: () => Promise<void>): Promise<void> {
  const timer = setInterval(() => {}, 1000);
  await use().finally(() => clearInterval(timer));
}

Deno.test("Signals.stop resolves with the first signal, and more of them change nothing", async () => {
  await awake(async () => {
    using signals = new Signals();
    Deno.kill(Deno.pid, "SIGTERM"); // SIGINT would end the test runner
    assertEquals(await signals.stop, "SIGTERM");
    Deno.kill(Deno.pid, "SIGTERM");
    await new Promise((resolve) => setTimeout(resolve, 50));
    assertEquals(await signals.stop, "SIGTERM");
  });
});

Deno.test("Signals asks for a report on SIGUSR2 and survives SIGHUP and SIGPIPE", async () => {
  await awake(async () => {
    using signals = new Signals();
    const reported = new Promise<string>((resolve) => signals.onReport = () => resolve("report"));
    Deno.kill(Deno.pid, "SIGHUP");
    Deno.kill(Deno.pid, "SIGPIPE");
    Deno.kill(Deno.pid, "SIGUSR2"); // SIGUSR1 would open the debugger of this process
    assertEquals(await Promise.race([reported, signals.stop]), "report");
  });
});
