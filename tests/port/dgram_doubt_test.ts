/**
 * Datagram ports that cannot be sure whether their VM still lives.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { Errno } from "../../src/platform/errno.ts";
import { FakeSwitch } from "../support/fake_switch.ts";
import { BROADCAST, frame, tagsOf } from "../switch/frames.ts";
import { A, start } from "./dgram_lab.ts";

Deno.test("DgramPort finds out that a silent VM has closed its socket, soon or when its process lives later", () => {
  for (const [watched, ms] of [[true, 7000], [false, 2001]] as const) {
    const lab = new FakeSwitch().open({ name: "a", target: A });
    if (!watched) lab.kernel.faults.on("watchExit", { error: Errno.ENOSYS });
    const a = lab.kernel.peerDgram(A, { bind: "/run/vm-a" });
    a.send(frame(1, BROADCAST));
    lab.settle();
    a.close();
    lab.until(() => lab.states.at(-1) === "a waiting", ms);
    assertMatch(lab.text("a"), /is gone: nobody is behind its socket/);
    lab.stop();
  }
});

Deno.test("DgramPort leaves a silent VM alone while its socket is there", () => {
  for (const connect of [true, false]) {
    const { lab, kernel } = start();
    const path = "/run/c.sock";
    lab.open({ name: "c", target: path });
    const c = kernel.peerDgram(path, { bind: "/run/vm-c", connect });
    c.send(frame(4, BROADCAST));
    lab.run(30_000);
    assertEquals(lab.states.filter((state) => state.endsWith("waiting")).length, 3, lab.text());
    assertEquals(c.receive(), [], "looking does not send anything");
    lab.stop();
  }
});

Deno.test("DgramPort notices that the VM's path was bound anew although the old socket lives", () => {
  const { lab, kernel } = start();
  kernel.files.unlink("/run/vm-a");
  const next = kernel.peerDgram(A, { bind: "/run/vm-a", connect: false });
  lab.run(7500);
  assertMatch(lab.text("a"), /is gone: its socket file was replaced/);
  assertEquals(next.send(frame(1, BROADCAST)), 60);
  lab.stop();
});

Deno.test("DgramPort keeps its VM when only its socket file was removed and its process is watched", () => {
  for (const clients of ["replace", "refuse"] as const) {
    const { lab, kernel, a, b } = start({ clients });
    kernel.files.unlink("/run/vm-a");
    lab.run(20_000);
    b.send(frame(2, 1, 3));
    lab.settle();
    assertEquals(tagsOf(a.receive()).at(-1), 3, `${clients}: ${lab.text()}`);
    lab.stop();
  }
});

Deno.test("DgramPort with an unwatched VM without a file: replace gives it up, refuse keeps it", () => {
  for (const clients of ["replace", "refuse"] as const) {
    const lab = new FakeSwitch().open({ name: "a", target: A, clients });
    lab.kernel.faults.on("watchExit", { error: Errno.ENOSYS });
    lab.kernel.peerDgram(A, { bind: "/run/vm-a" }).send(frame(1, BROADCAST));
    lab.settle();
    lab.kernel.files.unlink("/run/vm-a");
    lab.run(3000);
    const expected = clients === "replace" ? "a waiting" : "a up";
    assertEquals(lab.states.at(-1), expected);
    lab.stop();
  }
});

// fault list 23
Deno.test("DgramPort keeps a silent VM while there are no descriptors to look after it", () => {
  const { lab, kernel } = start();
  const path = "/run/c.sock";
  lab.open({ name: "c", target: path });
  kernel.faults.on("watchExit", { error: Errno.EMFILE });
  kernel.peerDgram(path, { bind: "/run/vm-c" }).send(frame(4, BROADCAST));
  lab.settle();
  kernel.faults.on("socket", { error: Errno.EMFILE });
  lab.run(10_000);
  assertEquals(lab.states.at(-1), "c up", lab.text("c"));
  kernel.faults.clear();
  lab.stop();
});
