/**
 * `vswitch demo`: the switch at work, and a check of an installation, with no VM.
 *
 * A real switch (its engine in its own thread, its sockets in a temporary folder) and two small hosts in this
 * thread, which reach it as VMs do: one as krunkit, which leaves checksums and segmentation to its network, one
 * as QEMU, which cannot. They find each other, ping, and measure.
 * Every step has a deadline, so the demo ends whatever happens.
 *
 * @module
 */
import { connectHints } from "../control/connect_hint.ts";
import { Exit, Failure } from "../control/failure.ts";
import { type Entry, formatText } from "../control/log.ts";
import type { Program } from "../control/run.ts";
import { DemoError } from "./demo_error.ts";
import { temporaryFolder } from "./folder.ts";
import { Screen, writeStdout } from "./screen.ts";
import { policyOf, Tour } from "./tour.ts";

const INTRODUCTION = `vswitch demo: two built-in hosts talk through a real switch; no VM is needed.
Host a leaves checksums and segmentation to its network, as krunkit with offloading does;
host b does neither, as QEMU. The switch makes every frame right for the host it goes to.
`;

/**
 * Run the demo and print what it shows.
 *
 * @param seconds length of the four throughput runs together
 * @returns 0, or 1 when a step failed (70: by a fault of ours)
 * @throws Failure when there is no place for its sockets
 */
export async function demo(
  program: Program,
  seconds: number,
  write: (text: string) => void = writeStdout,
): Promise<Exit> {
  const screen = new Screen(write, Deno.stdout.isTerminal() && !Deno.noColor);
  const records: Entry[] = [];
  const folder = await temporaryFolder("vswitch-demo-");
  screen.say(INTRODUCTION);
  try {
    await new Tour(program.url, seconds, screen, folder).run((entry) => records.push(entry));
    screen.say(nextStep(Deno.cwd()));
    return Exit.OK;
  } catch (error) {
    if (!(error instanceof DemoError || error instanceof Failure)) throw error;
    screen.say(`\nStep ${screen.current} failed: ${error.message}`);
    for (const record of records) {
      if (record.level !== "debug") screen.say(`  log: ${formatText(record, false)}`);
    }
    return error instanceof Failure && error.exitCode === Exit.BUG ? Exit.BUG : Exit.FAILED;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function nextStep(folder: string): string {
  const hint = (socket: "dgram" | "stream", file: string, client: string) => {
    const path = `${folder}/${file}`, policy = policyOf(client);
    return connectHints({ socket, path, pathLimit: Infinity, client, policy });
  };
  return [
    "",
    "It works. Now attach VMs: run",
    "  vswitch --port a.sock,client=krunkit-offload --port lan=stream:lan.sock,client=qemu",
    "and start each with the arguments its ready line shows, here for example",
    `  krunkit  ${hint("dgram", "a.sock", "krunkit-offload").krunkit ?? ""}`,
    `  QEMU     ${hint("stream", "lan.sock", "qemu")["qemu-7.2"]}`,
  ].join("\n");
}
