/**
 * Who is let in at the path of a vhost-user port that has its VM.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { Request } from "../../../src/port/vhost_user/requests.ts";
import { LAN, start } from "../listener_lab.ts";
import { message, VERSION } from "./session_lab.ts";

const KIND = "vhost-user";
/** What a front-end says first. */
const HELLO = message(Request.GET_FEATURES, new Uint8Array(), VERSION);

Deno.test("Listener keeps the VM of a vhost-user port when somebody only looks whether it listens", () => {
  const { lab, kernel, vm } = start({ kind: KIND, clients: "replace" });
  const old = vm();
  const before = kernel.openDescriptors().length;
  for (let i = 0; i < 3; i++) {
    const probe = vm();
    assertEquals(old.ended, false);
    probe.close();
    lab.settle();
  }
  const silent = vm(), other = vm();
  assertEquals([old.ended, silent.ended, other.ended], [false, true, false], "one may wait");
  other.close();
  lab.settle();
  old.send(HELLO);
  lab.settle();
  assertEquals(old.receive().length, 20, "it is still heard");
  assertEquals(lab.text("lan").includes("disconnected"), false);
  assertEquals(kernel.openDescriptors().length, before);
  lab.stop();
});

Deno.test("Listener with clients=replace gives a vhost-user port to the newcomer when he speaks", () => {
  const { lab, vm } = start({ kind: KIND, clients: "replace" });
  const old = vm(), next = vm();
  assertEquals([old.ended, next.ended], [false, false]);
  next.send(HELLO);
  lab.settle();
  assertEquals([old.ended, next.ended], [true, false]);
  assertMatch(lab.text("lan"), /VM disconnected: pid \d+ took its place/);
  lab.settle();
  assertEquals(next.receive().length, 20, "it is answered");
  lab.stop();
});

Deno.test("Listener with clients=refuse lets a VM in whose former life has just ended", () => {
  const { lab, kernel, vm } = start({ kind: KIND, clients: "refuse" });
  const old = vm();
  const refused = vm();
  assertEquals([old.ended, refused.ended], [false, true]);
  old.send(HELLO);
  lab.settle();
  // Both events come in one turn, that of the port last: it was the last to have one.
  old.close();
  const next = kernel.peerStream(LAN);
  lab.settle();
  assertEquals(next.ended, false, lab.text("lan"));
  next.send(HELLO);
  lab.settle();
  assertEquals(next.receive().length, 20);
  lab.stop();
});
