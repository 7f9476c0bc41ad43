/**
 * Kinds of ports with a path, and what is said when one cannot be opened.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { FakeSwitch, type Spec } from "../support/fake_switch.ts";

export const A = "/run/a.sock";
export const KINDS = [
  { kind: "dgram", clients: "replace" },
  { kind: "dgram", clients: "many" },
  { kind: "stream", clients: "many" },
] as const;

/** The message of a port that cannot be opened; nothing may be left of it. */
export function refusal(
  lab: FakeSwitch,
  spec: Partial<Spec> = {},
): { message: string; usage: boolean } {
  const before = lab.kernel.openDescriptors();
  const event = lab.tryOpen({ name: "a", target: A, ...spec });
  assert(event.kind === "failed", JSON.stringify(event));
  assertEquals(lab.kernel.openDescriptors(), before);
  return { message: event.message, usage: event.usage };
}
