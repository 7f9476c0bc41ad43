/**
 * Paths that are not taken, and what is said about them.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { Errno } from "../../src/platform/errno.ts";
import { SocketType } from "../../src/platform/kernel.ts";
import { FakeSwitch } from "../support/fake_switch.ts";
import { A, KINDS, refusal } from "./path_lab.ts";

// fault list 35
Deno.test("claim() takes paths up to the limit and refuses longer ones before any system call", () => {
  for (const { kind, clients } of KINDS) {
    const limit = clients === "many" && kind === "dgram" ? 103 : 107;
    for (let length = 100; length <= 110; length++) {
      const lab = new FakeSwitch();
      const target = "/run/".padEnd(length, "x");
      if (length <= limit) {
        lab.open({ name: "a", kind, clients, target });
        lab.stop();
        continue;
      }
      const calls = lab.kernel.callsOf("socket");
      const many = limit === 103 ? " with clients=many" : "";
      assertEquals(refusal(lab, { kind, clients, target }), {
        message:
          `Cannot open port "a": path is ${length} bytes, the limit is ${limit}${many}; use a shorter or a relative path`,
        usage: true,
      });
      assertEquals(lab.kernel.callsOf("socket"), calls);
    }
  }
});

Deno.test("claim() counts bytes, not letters", () => {
  const lab = new FakeSwitch();
  const target = "/run/" + "ü".repeat(52); // 57 letters
  assertMatch(refusal(lab, { target }).message, /path is 109 bytes, the limit is 107/);
});

// fault list 34
Deno.test("claim() refuses what is not a socket and leaves it alone", () => {
  for (const kind of ["file", "directory", "symlink", "other"] as const) {
    for (const port of KINDS) {
      const lab = new FakeSwitch();
      lab.kernel.files.plant(A, kind, kind === "symlink" ? "/run/nowhere" : undefined);
      const before = lab.kernel.stat(A);
      const what = kind === "other" ? "an? other" : `an? ${kind}`;
      assertMatch(
        refusal(lab, port).message,
        new RegExp(`^Cannot open port "a": /run/a.sock is ${what}.*; use another path$`),
      );
      assertEquals(lab.kernel.stat(A), before);
    }
  }
});

// fault list 34
Deno.test("claim() refuses a symlink to a stale socket and leaves both", () => {
  const lab = new FakeSwitch();
  const fd = lab.kernel.socket(SocketType.DGRAM);
  lab.kernel.bind(fd, "/run/real", 0o600);
  lab.kernel.close(fd);
  lab.kernel.files.plant(A, "symlink", "/run/real");
  refusal(lab);
  assertEquals([lab.kernel.stat(A)?.kind, lab.kernel.stat("/run/real")?.kind], [
    "symlink",
    "socket",
  ]);
});

// fault list 33
Deno.test("claim() refuses a path somebody is listening on, whatever kind either is", () => {
  for (const port of KINDS) {
    for (const type of [SocketType.DGRAM, SocketType.STREAM]) {
      for (const connected of [false, true]) {
        const lab = new FakeSwitch();
        const fd = lab.kernel.socket(type);
        lab.kernel.bind(fd, A, 0o600);
        if (type === SocketType.STREAM) lab.kernel.listen(fd, connected ? 0 : 8);
        if (connected && type === SocketType.STREAM) lab.kernel.peerStream(A); // its queue is full
        if (connected && type === SocketType.DGRAM) {
          lab.kernel.peerDgram(A, { bind: "/run/x" });
          lab.kernel.connect(fd, new TextEncoder().encode("/run/x"));
        }
        const before = lab.kernel.stat(A);
        assertEquals(
          refusal(lab, port).message,
          'Cannot open port "a": somebody is listening on /run/a.sock; stop that process or use another path',
        );
        assertEquals(lab.kernel.stat(A), before);
      }
    }
  }
});

// fault list 33
Deno.test("claim() never removes a socket it cannot look behind", () => {
  for (const error of [Errno.EACCES, Errno.EAGAIN, Errno.EPERM, Errno.EMFILE, Errno.EINTR]) {
    const lab = new FakeSwitch();
    const fd = lab.kernel.socket(SocketType.DGRAM);
    lab.kernel.bind(fd, A, 0o600);
    lab.kernel.close(fd);
    lab.kernel.faults.on(error === Errno.EMFILE ? "socket" : "connect", { error });
    refusal(lab);
    assertEquals(lab.kernel.stat(A)?.kind, "socket", `errno ${error}`);
  }
});

Deno.test("claim() says what stops it from binding", () => {
  const because = (error: number) => {
    const lab = new FakeSwitch();
    lab.kernel.faults.on("bind", { error });
    return refusal(lab).message.replace('Cannot open port "a": cannot bind /run/a.sock: ', "");
  };
  assertEquals(because(Errno.EACCES), "permission denied; use a folder you may write to");
  assertEquals(because(Errno.EPERM), "permission denied; use a folder you may write to");
  assertEquals(because(Errno.ENOTDIR), "a part of the path is not a folder; use another path");
  assertEquals(because(Errno.EIO), "EIO");
  assertEquals(
    because(Errno.EADDRINUSE),
    "another process took the path at the same moment; use another path",
  );
  assertEquals(
    refusal(new FakeSwitch(), { target: "/run/none/a.sock" }).message,
    'Cannot open port "a": cannot bind /run/none/a.sock: the folder does not exist; create /run/none',
  );
  const full = new FakeSwitch();
  full.kernel.faults.on("socket", { error: Errno.EMFILE });
  assertEquals(
    refusal(full).message,
    'Cannot open port "a": no socket (EMFILE); raise "ulimit -n"',
  );
});
