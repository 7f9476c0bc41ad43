import { assertEquals, assertRejects } from "@std/assert";
import { Screen } from "../../src/demo/screen.ts";

Deno.test("Screen.step() numbers steps and shows how each ended", async () => {
  let text = "";
  const screen = new Screen((part) => text += part, false);
  assertEquals(await screen.step("first", () => Promise.resolve([7, "seven"])), 7);
  await screen.step("second", () => Promise.resolve([0, ""]));
  await assertRejects(
    () => screen.step("third", () => Promise.reject(new Error("no"))),
    Error,
    "no",
  );
  assertEquals(screen.current, 3);
  assertEquals(text, " 1  first ... ok, seven\n 2  second ... ok\n 3  third ... FAILED\n");
});

Deno.test("Screen colours the result only for a terminal that wants it", async () => {
  let text = "";
  const screen = new Screen((part) => text += part, true);
  await screen.step("one", () => Promise.resolve([0, ""]));
  assertEquals(text, " 1  one ... \x1b[32mok\x1b[0m\n");
});
