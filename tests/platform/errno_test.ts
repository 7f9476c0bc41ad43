/**
 * The one judgement of errors: each number has exactly one meaning, written down here once more.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { constants } from "node:os";
import { Errno, errnoName, Fault, judge } from "../../src/platform/errno.ts";

type Name = keyof typeof Errno;

const CLASSES: Record<keyof typeof Fault, readonly Name[]> = {
  // EMFILE and ENFILE are accept()'s: as RETRY, a waiting connection would make the loop spin.
  AGAIN: ["EAGAIN", "ENOBUFS", "ENOMEM", "EMFILE", "ENFILE"],
  RETRY: [
    "EINTR",
    // Taken for a number that is not the call's own.
    "ESRCH",
    "EEXIST",
    "ENAMETOOLONG",
    "ENOSYS",
    "ENOPROTOOPT",
    "EADDRINUSE",
    "EISCONN",
  ],
  FRAME: ["EMSGSIZE"],
  PEER: [
    "EPERM",
    "ENOENT",
    "ENOTDIR",
    "ELOOP",
    "EPROTO",
    "EPROTOTYPE",
    "EIO",
    "EACCES",
    "EPIPE",
    "EDESTADDRREQ",
    "ENETDOWN",
    "ECONNABORTED",
    "ECONNRESET",
    "ENOTCONN",
    "ESHUTDOWN",
    "ETIMEDOUT",
    "ECONNREFUSED",
  ],
  BROKEN: ["EBADF", "EFAULT", "EINVAL", "ENOTSOCK", "EOPNOTSUPP"],
};

Deno.test("judge() puts every error number into exactly one class", () => {
  const listed = Object.values(CLASSES).flat();
  assertEquals(listed.toSorted(), Object.keys(Errno).toSorted() as Name[]);
  for (const [fault, names] of Object.entries(CLASSES)) {
    for (const name of names) {
      assertEquals(judge(-Errno[name]), Fault[fault as keyof typeof Fault], name);
    }
  }
});

Deno.test("judge() asks for another try when the number is impossible", () => {
  for (const impossible of [-999, -133, -4095]) assertEquals(judge(impossible), Fault.RETRY);
});

Deno.test("Fault orders what is over: from PEER on, the port cannot go on", () => {
  const over = Object.values(Fault).filter((fault) => fault >= Fault.PEER);
  assertEquals(over, [Fault.PEER, Fault.BROKEN]);
});

Deno.test("Errno has no number twice", () => {
  const numbers = Object.values(Errno);
  assertEquals(new Set(numbers).size, numbers.length);
});

const linux = Deno.build.os === "linux";
Deno.test({
  name: "Errno has Linux's numbers" + (linux ? "" : ` [SKIPPED: ${Deno.build.os} has others]`),
  ignore: !linux,
  fn: () => {
    const system: Record<string, number> = constants.errno;
    const told = Object.entries(Errno).filter(([name]) => system[name] !== undefined);
    assert(told.length > 25, `the runtime tells only ${told.length} of the numbers`);
    for (const [name, number] of told) assertEquals(number, system[name], name);
  },
});

Deno.test("errnoName() names a result and an error number", () => {
  assertEquals([errnoName(-11), errnoName(11)], ["EAGAIN", "EAGAIN"]);
  assertEquals(errnoName(-Errno.ECONNREFUSED), "ECONNREFUSED");
  assertEquals(errnoName(-999), "errno 999");
});
