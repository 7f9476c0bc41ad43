/**
 * vswitch: a userspace Ethernet switch for virtual machines.
 *
 * A table of contents: read the command line, run what it asks for, end with its exit code. The same
 * module is the engine's thread when it finds itself in a Worker, which keeps the program one file. There
 * it must not wait for anything before it listens (messages that come earlier are lost), so the engine
 * is imported statically and the main thread's rooms are not. The self-test's threads go by their names.
 *
 * @module
 */
import { groupId } from "./src/cli/group.ts";
import { helpText } from "./src/cli/help.ts";
import { parseCommand } from "./src/cli/parse.ts";
import { UsageError } from "./src/cli/usage_error.ts";
import { VERSION, versionText } from "./src/cli/version.ts";
import { Exit, Failure } from "./src/control/failure.ts";
import { runEngine, type WorkerScope } from "./src/engine/worker.ts";
import { LINUX } from "./src/platform/abi.ts";
import { kinds } from "./src/port/mod.ts";
import { THREAD } from "./src/selftest/thread_name.ts";

async function main(args: readonly string[]): Promise<number> {
  const program = { url: import.meta.url, version: VERSION };
  const command = parseCommand(args, { kinds, groupId, pathLimit: LINUX.socketAddress.pathLimit });
  switch (command.kind) {
    case "run":
      return await (await import("./src/control/run.ts")).run(program, command.config);
    case "demo":
      return await (await import("./src/demo/demo.ts")).demo(program, command.seconds);
    case "self-test":
      return await (await import("./src/selftest/selftest.ts")).selfTest(program, command);
    case "version":
      return print(versionText(command.json) + "\n");
    case "help":
      return print(helpText(command.topic, kinds, Deno.stdout.isTerminal() && !Deno.noColor));
  }
}

function print(text: string): number {
  const bytes = new TextEncoder().encode(text);
  for (let done = 0; done < bytes.byteLength;) done += Deno.stdout.writeSync(bytes.subarray(done));
  return Exit.OK;
}

/** Tell what went wrong, and whose turn it is. */
function complain(error: unknown): number {
  const [text, code] = error instanceof UsageError
    ? [error.message, Exit.USAGE]
    : error instanceof Failure
    ? [error.message, error.exitCode]
    : [error instanceof Error ? error.stack : String(error), Exit.BUG];
  try {
    Deno.stderr.writeSync(new TextEncoder().encode(`vswitch: ${text}\n`));
  } catch {
    // Nobody reads stderr; the exit code says it too.
  }
  return code;
}

/** Be the thread that we were started as. */
async function work(scope: { readonly name: string }): Promise<void> {
  if (!scope.name.startsWith(THREAD)) return await runEngine(scope as unknown as WorkerScope);
  const { runThread } = await import("./src/selftest/thread.ts");
  runThread(scope as Parameters<typeof runThread>[0], import.meta.url);
}

if ("WorkerGlobalScope" in globalThis) work(globalThis as unknown as { readonly name: string });
else Deno.exit(await main(Deno.args).catch(complain));
