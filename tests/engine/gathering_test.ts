/**
 * How long a switch that has started waits for its VMs.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { EngineLab } from "./engine_lab.ts";
import { ScriptedPort } from "./scripted_port.ts";

Deno.test("Engine.isGathering is true while a VM is missing", () => {
  const { kernel, engine } = new EngineLab();
  assertEquals(engine.isGathering, false, "there is nobody to wait for");
  const ports = ["a", "b"].map((name) =>
    new ScriptedPort(engine.enroll(name), kernel.arena, engine.tally, { name })
  );
  const seen = [engine.isGathering];
  for (const port of ports) {
    engine.join(port);
    seen.push(engine.isGathering);
  }
  engine.leave(ports[0]);
  seen.push(engine.isGathering);
  assertEquals(seen, [true, true, false, true]);
});

Deno.test("Engine.isGathering is false 1.5 s after the start, whoever is missing", () => {
  const lab = new EngineLab(), { engine } = lab;
  engine.enroll("a");
  lab.pass(1490);
  assertEquals(engine.isGathering, true);
  lab.pass(20);
  assertEquals(engine.isGathering, false);
});
