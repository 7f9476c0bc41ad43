/**
 * Every error number of Darwin's: it becomes Linux's number of the same name, or one that says which it was.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { constants } from "node:os";
import { fromDarwin } from "../../src/platform/darwin_errno.ts";
import { Unpassed } from "../../src/platform/activation.ts";
import { launchdSocket } from "../../src/platform/launchd.ts";
import { Errno, errnoName, Fault, judge } from "../../src/platform/errno.ts";
import { FakeDarwin } from "../support/fake_darwin.ts";
import { fakeLibSystem } from "../support/fake_libsystem.ts";
import { XNU_ERRORS } from "../support/xnu_errno.ts";

const { os } = Deno.build;
/** The running system's own numbers. */
const system: Readonly<Record<string, number>> = constants.errno;
/** Of the first 34 the one that is another error on Linux: EAGAIN. */
const EDEADLK = 11;

Deno.test("fromDarwin() gives what the switch knows Linux's number, and others one above 1000", () => {
  assertEquals(XNU_ERRORS.length, 106);
  const known = new Map<string, number>(Object.entries(Errno));
  for (const [i, name] of XNU_ERRORS.entries()) {
    const number = i + 1, found = fromDarwin(number);
    const same = number <= 34 && number !== EDEADLK;
    const other = name === "ENOTSUP" ? Errno.EOPNOTSUPP : 1000 + number;
    assertEquals(found, known.get(name) ?? (same ? number : other), name);
  }
  for (const name of known.keys()) assert(XNU_ERRORS.includes(name), `Darwin has no ${name}`);
});

Deno.test("fromDarwin() takes what is no error number for one that was overwritten", () => {
  for (const number of [0, -1, -35, 128, 999, 2 ** 31 - 1]) assertEquals(fromDarwin(number), 999);
  assertEquals(fromDarwin(107), 1107, "a later macOS may have more");
});

Deno.test({
  name: "fromDarwin() never gives another error's number of Linux" + skipped("linux"),
  ignore: os !== "linux",
  fn: () => {
    let compared = 0;
    for (const [i, name] of XNU_ERRORS.entries()) {
      const found = fromDarwin(i + 1);
      if (found > 1000 || system[name] === undefined) continue;
      assertEquals(found, system[name], name);
      compared++;
    }
    assert(compared > 50, `the runtime tells only ${compared} of the numbers`);
  },
});

Deno.test({
  name: "the tests' copy of xnu's errors agrees with a Mac" + skipped("darwin"),
  ignore: os !== "darwin",
  fn: () => {
    for (const [i, name] of XNU_ERRORS.entries()) {
      if (system[name] !== undefined) assertEquals(i + 1, system[name], name);
    }
  },
});

Deno.test("an error that only macOS has is tried again, and named to a person as macOS counts", () => {
  const kernel = new FakeDarwin({}, "auto", (machine) => {
    const made = fakeLibSystem(machine);
    const fail = (number: number) => () => {
      made.errno[0] = number;
      return -1;
    };
    return { ...made, libc: { ...made.libc, unlink: fail(93), rename: fail(30), listen: fail(0) } };
  });
  const results = [kernel.unlink("/a"), kernel.rename("/a", "/b"), kernel.listen(3, 1)];
  assertEquals(results, [-1093, -30, -999]);
  assertEquals(results.map(errnoName), ["errno 93 of macOS", "errno 30", "errno 999"]);
  for (const result of results) assertEquals(judge(result), Fault.RETRY);
  kernel.dispose();
});

Deno.test("launchdSocket() translates what launchd answers, as every call does", () => {
  const answer = (error: number) =>
    launchdSocket("lan", {
      launch_activate_socket: () => error,
      free: () => {},
      close: () => 0,
    });
  assertEquals([3, 37, 2].map(answer), [Unpassed.NOBODY, Unpassed.TAKEN, Unpassed.UNKNOWN]);
  assertEquals([35, 12, 80].map(answer), [-Errno.EAGAIN, -Errno.ENOMEM, -1080]);
});

function skipped(needed: string): string {
  return os === needed ? "" : ` [SKIPPED: ${os} is not ${needed}]`;
}
