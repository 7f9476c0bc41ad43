/**
 * The help text: examples first and true, no line too long, colours only when asked for.
 *
 * @module
 */
import { assert, assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import { helpText } from "../../src/cli/help.ts";
import { COMMANDS } from "../../src/cli/options.ts";
import { parseCommand } from "../../src/cli/parse.ts";
import { WORLD } from "./world.ts";

const TOPICS = ["run", "demo", "self-test"] as const;
const text = (topic: typeof TOPICS[number]) => helpText(topic, WORLD.kinds, false);

Deno.test("helpText() starts with examples, and each of them is a valid command", () => {
  assertEquals([...TOPICS], Object.keys(COMMANDS));
  for (const topic of TOPICS) {
    assertEquals(text(topic).split("\n")[2], "Examples");
    const examples = [...text(topic).matchAll(/^ {2}vswitch(.*)$/gm)].map(([, words]) => words)
      .filter((words) => !/PORT|\[/.test(words));
    assertLess(1, examples.length);
    for (const words of examples) {
      const { kind } = parseCommand(words.split(" ").filter((word) => word !== ""), WORLD);
      const [first] = words.trim().split(" ");
      assertEquals(kind, first === "demo" || first === "self-test" ? first : "run");
    }
  }
  for (const word of ["lan=stream:lan.sock", "vm1=fd:3", "--port a.sock --port b.sock"]) {
    assertStringIncludes(text("run"), word);
  }
});

Deno.test("helpText() keeps to 100 columns of plain text", () => {
  for (const topic of TOPICS) {
    for (const line of text(topic).split("\n")) {
      assert(line.length <= 100, `${line.length} columns: ${line}`);
      assert(/^[\x20-\x7e]*$/.test(line) && !line.endsWith(" "), JSON.stringify(line));
    }
    assert(text(topic).endsWith("\n") && !text(topic).includes("\n\n\n"));
  }
});

Deno.test("helpText() in colour differs by the escapes of its headings only", () => {
  for (const topic of TOPICS) {
    const bold = helpText(topic, WORLD.kinds, true);
    assertStringIncludes(bold, "\x1b[1mExamples\x1b[22m\n");
    // deno-lint-ignore no-control-regex -- the escapes are what is taken out
    assertEquals(bold.replace(/\x1b\[\d+m/g, ""), text(topic));
  }
});

Deno.test("helpText() tells the headings, the kinds, the defaults and the exit codes", () => {
  const order = [
    "Examples",
    "Usage",
    "Ports",
    "Port options: clients",
    "Port options: offload",
    "Port options: frames",
    "Output",
    "Other",
    "Exit codes",
  ];
  const places = order.map((heading) => text("run").indexOf(`\n${heading}\n`));
  assert(places.every((place, i) => place > (places[i - 1] ?? 0)), places.join(" "));
  for (const kind of Object.keys(WORLD.kinds)) {
    assertStringIncludes(text("run"), `\n  ${kind}:`);
    assertStringIncludes(text("run"), WORLD.kinds[kind as keyof typeof WORLD.kinds].help);
  }
  for (const usual of ["1M", "0600", "65550", "8192", "100", "drop", "info"]) {
    assertStringIncludes(text("run"), `(default: ${usual})`);
  }
  for (const topic of TOPICS) {
    for (const code of ["0 ", "1 ", "2 ", "70"]) assertStringIncludes(text(topic), `\n  ${code}  `);
  }
});
