/**
 * Runs a file of tests that was written for the fake Linux once more, over the Darwin kernel and its fake libSystem.
 *
 * Call it first, then import the file: what it registers bears the system in its name and finds a Mac under its
 * switches. What cannot hold there is left out by name, with the reason; a name that no test has is an error.
 *
 * @module
 */
import { asCountingKernel, FakeDarwin } from "./fake_darwin.ts";
import { FakeSwitch } from "./fake_switch.ts";

type Body = (context: Deno.TestContext) => void | Promise<void>;

/**
 * @param files imports the tests
 * @param except names of tests that cannot hold, and why
 */
export async function onDarwin(
  files: () => Promise<unknown>,
  except: Readonly<Record<string, string>> = {},
): Promise<void> {
  const register = Deno.test;
  const unused = new Set(Object.keys(except));
  const instead = (first: string | Deno.TestDefinition, body?: Body) => {
    const definition = typeof first === "string" ? { name: first, fn: body! } : first;
    const reason = except[definition.name];
    unused.delete(definition.name);
    register({
      ...definition,
      name: `Darwin: ${definition.name}${reason === undefined ? "" : ` [SKIPPED: ${reason}]`}`,
      ignore: definition.ignore === true || reason !== undefined,
    });
  };
  FakeSwitch.machine = (options) => asCountingKernel(new FakeDarwin(options));
  Object.defineProperty(Deno, "test", { configurable: true, value: instead });
  try {
    await files();
  } finally {
    Object.defineProperty(Deno, "test", { configurable: true, value: register });
  }
  if (unused.size > 0) throw new Error(`No such tests: ${[...unused].join("; ")}`);
}
