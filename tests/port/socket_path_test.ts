/**
 * Taking and leaving socket paths.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../src/platform/errno.ts";
import { SocketType } from "../../src/platform/kernel.ts";
import { FakeSwitch } from "../support/fake_switch.ts";
import { A, KINDS, refusal } from "./path_lab.ts";

// fault list 32, 44
Deno.test("claim() removes a stale socket of either kind", () => {
  for (const port of KINDS) {
    for (const type of [SocketType.DGRAM, SocketType.STREAM]) {
      const lab = new FakeSwitch();
      const fd = lab.kernel.socket(type);
      lab.kernel.bind(fd, A, 0o600);
      const stale = lab.kernel.stat(A)?.identity;
      lab.kernel.close(fd);
      lab.open({ name: "a", target: A, ...port });
      assert(lab.kernel.stat(A)?.identity !== stale);
      lab.stop();
      assertEquals(lab.kernel.stat(A), undefined);
    }
  }
});

// fault list 36
Deno.test("claim() gives the file its mode and group from its first moment, and takes it back when it cannot", () => {
  for (const port of KINDS) {
    const lab = new FakeSwitch().open({ name: "a", target: A, mode: 0o660, gid: 104, ...port });
    assertEquals([lab.kernel.stat(A)?.mode, lab.kernel.files.group(A)], [0o660, 104]);
    lab.stop();
  }
  const lab = new FakeSwitch();
  lab.kernel.faults.on("chgrp", { error: Errno.EPERM });
  assertEquals(
    refusal(lab, { gid: 7 }).message,
    'Cannot open port "a": cannot give /run/a.sock to group 7 (EPERM); use a group you are in',
  );
  assertEquals(lab.kernel.stat(A), undefined);
  assertEquals(new FakeSwitch().open({ name: "a", target: A }).kernel.stat(A)?.mode, 0o600);
});

// fault list 36
Deno.test("claim() keeps mode and group when a path with many VMs changes its socket", () => {
  const lab = new FakeSwitch()
    .open({ name: "a", target: A, clients: "many", mode: 0o660, gid: 104 });
  lab.kernel.peerDgram(A, { bind: "/run/vm" }).send(new Uint8Array(60));
  const first = lab.kernel.stat(A)?.identity;
  lab.settle();
  assert(lab.kernel.stat(A)?.identity !== first);
  assertEquals([lab.kernel.stat(A)?.mode, lab.kernel.files.group(A)], [0o660, 104]);
  lab.stop();
});

// fault list 37
Deno.test("release() removes only the file that is still ours", () => {
  for (const port of KINDS) {
    const lab = new FakeSwitch().open({ name: "a", target: A, ...port });
    lab.kernel.files.unlink(A);
    const fd = lab.kernel.socket(SocketType.DGRAM);
    lab.kernel.bind(fd, A, 0o600);
    const theirs = lab.kernel.stat(A);
    lab.kernel.close(fd);
    lab.stop();
    assertEquals(lab.kernel.stat(A), theirs);
  }
});

// fault list 37
Deno.test("claim() warns of a folder where everybody may replace the socket", () => {
  const warned = (mode: number) => {
    const lab = new FakeSwitch();
    const stat = lab.kernel.stat.bind(lab.kernel);
    lab.kernel.stat = (path) => path === "/run/." ? { ...stat("/run")!, mode } : stat(path);
    lab.open({ name: "a", target: A });
    lab.stop();
    return lab.text("a").includes(
      "/run is writable by everybody, who can replace the socket; use a private folder",
    );
  };
  assertEquals([0o755, 0o777, 0o1777, 0o700].map(warned), [false, true, false, false]);
});

// fault list 33
Deno.test("claim() waits for another switch that is starting in the folder, but not for ever", () => {
  const lab = new FakeSwitch();
  const lock = lab.kernel.lockFolder("/run");
  lab.kernel.at(30, () => lab.kernel.close(lock));
  lab.open({ name: "a", target: A });
  assert(lab.kernel.now() >= 30 && lab.kernel.now() < 33, `${lab.kernel.now()} ms`);
  const held = lab.kernel.lockFolder("/tmp");
  const before = lab.kernel.now();
  assertEquals(
    refusal(lab, { name: "a", target: "/tmp/b.sock" }).message,
    'Cannot open port "a": another process keeps /tmp locked; stop it or use another folder',
  );
  assert(lab.kernel.now() - before < 510);
  lab.kernel.close(held);
  lab.stop();
});

Deno.test("House opens all ports or none, and leaves no file of those it gave up", () => {
  const lab = new FakeSwitch();
  lab.kernel.files.plant("/run/c.sock", "file");
  const event = lab.tryOpen(
    { name: "a", target: A },
    { name: "b", kind: "stream", target: "/run/b.sock" },
    { name: "c", target: "/run/c.sock" },
  );
  assertEquals(event.kind, "failed");
  assertEquals([lab.kernel.stat(A), lab.kernel.stat("/run/b.sock")], [undefined, undefined]);
  assertEquals(lab.kernel.openDescriptors(), []);
});
