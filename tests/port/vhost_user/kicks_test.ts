/**
 * Kicks for a ring in which nothing has ever been: the VM monitor does not share the guest's memory.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { boot } from "../../support/vhost_frontend/qemu.ts";
import { TrafficLab } from "./traffic_lab.ts";

const KIND = "vhost-user";
const EMPTY = /its rings stay empty: .* use share=on/g;

function warnings(lab: TrafficLab): number {
  return [...lab.text.matchAll(EMPTY)].length;
}

Deno.test("a vhost-user port warns of kicks for an empty ring, once, and not of the first two", () => {
  const lab = new TrafficLab().open("a", KIND, { pollUs: 0 });
  const front = lab.front("a");
  boot(front); // kicks for the first time
  const told = Array.from({ length: 6 }, () => {
    lab.settle();
    const count = warnings(lab);
    front.guest.transmit.ring.forceKick();
    return count;
  });
  assertEquals(told, [0, 0, 1, 1, 1, 1]);
  front.close();
  lab.close();
});

Deno.test("a vhost-user port does not warn of kicks for a ring that was used", () => {
  const lab = new TrafficLab().open("a", KIND, { pollUs: 0 });
  const { ring } = lab.guest("a").front!.guest.transmit;
  for (let i = 0; i < 6; i++) {
    ring.forceKick();
    lab.settle();
  }
  assert(warnings(lab) === 0, lab.text);
  lab.close();
});
