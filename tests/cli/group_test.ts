/**
 * Groups of the machine.
 *
 * @module
 */
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { findGroup, groupId } from "../../src/cli/group.ts";
import { UsageError } from "../../src/cli/usage_error.ts";

Deno.test("findGroup() finds the whole name in a group file and survives odd lines", () => {
  const file =
    "# comment\nroot:x:0:\nkvm:x:108:alice,bob\n\nhalf\nbad:x:nine:\n+::\nnobody:*:-2:\n";
  assertEquals(findGroup("root", file), 0);
  assertEquals(findGroup("kvm", file), 108);
  for (const name of ["kv", "KVM", "alice", "half", "bad", "nobody", "+", "", "x"]) {
    assertEquals(findGroup(name, file), undefined, name);
  }
});

Deno.test("groupId() agrees with the machine's own tool", async () => {
  const id = async (option: string) => {
    const { stdout } = await new Deno.Command("id", { args: [option] }).output();
    return new TextDecoder().decode(stdout).trim();
  };
  const [name, number] = [await id("-gn"), await id("-g")];
  // id prints the number again for a group without a name.
  assertEquals(groupId(name), name === number ? undefined : Number(number));
  assertEquals(groupId("no such group"), undefined);
});

Deno.test("groupId() has no groups without a file, and tells of one it cannot read", () => {
  assertEquals(groupId("kvm", "/nonexistent/group"), undefined);
  const { message } = assertThrows(() => groupId("kvm", "/"), UsageError);
  assertMatch(message, /^Cannot look up group "kvm": .*directory.*; give its number$/i);
});
