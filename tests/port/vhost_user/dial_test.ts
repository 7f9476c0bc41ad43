/**
 * A front-end that should listen and does not: what is told, and that it is told once.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { TrafficLab } from "./traffic_lab.ts";

Deno.test("VhostUserDialer tells once why it cannot connect, and what to do about it", () => {
  const lab = new TrafficLab().open("a", "vhost-user-client");
  const path = lab.path("a");
  for (let i = 0; i < 5; i++) lab.skip(1000);
  Deno.writeTextFileSync(path, ""); // there, and nobody listens, as when a monitor was killed
  for (let i = 0; i < 5; i++) lab.skip(1000);
  assertEquals(lab.logs.filter((line) => line.includes("cannot connect")), [
    `a: cannot connect to ${path} (ENOENT); start the VM monitor with server=on,wait=off, ` +
    "or check the folder; trying again every 500 ms",
    `a: cannot connect to ${path} (ECONNREFUSED); start the VM monitor with server=on,wait=off; ` +
    "trying again every 500 ms",
  ]);
  lab.close();
});
