/**
 * Tests with the running kernel as their judge, which is a process of its own (judge_process.ts).
 *
 * What we follow are the rules of Linux 6.18; older kernels differ in some, and are no judges. Beside a kernel
 * it takes root, /dev/net/tun, unshare and ip. Without them the tests are ignored, with the reason on a SKIP line;
 * where `CI` is set, which promises a complete machine, but not its kernel, that is a failure.
 *
 * @module
 */
import { say } from "../support/time.ts";
import { decode, encode, Mode } from "./message.ts";

/** The first kernel with the rules we follow, as far as we have looked. */
const OLDEST = [6, 18];
/** Bytes of the vnet header in front of each frame. */
export const VNET_BYTES = 12;

/** What the kernel made of frames; all have their vnet header in front. */
export interface Answer {
  /** For each frame 0, or the error number the kernel refused it with. */
  readonly errors: readonly number[];
  /** What came out. */
  readonly frames: readonly Uint8Array[];
}

/** A running judge. */
export class Judge implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #questions: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #answers: ReadableStreamBYOBReader;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#questions = child.stdin.getWriter();
    this.#answers = child.stdout.getReader({ mode: "byob" });
  }

  /** Start one and wait until it is ready. */
  static async start(): Promise<Judge> {
    const judge = new Judge(command("piped").spawn());
    await judge.#hear();
    return judge;
  }

  /** What the kernel makes of a frame for a VM that takes nothing unfinished. */
  cut(frame: Uint8Array): Promise<Answer> {
    return this.#ask(Mode.CUT, [frame]);
  }

  /** What the kernel makes of a burst of frames for a VM that takes everything unfinished. */
  merge(frames: readonly Uint8Array[]): Promise<Answer> {
    return this.#ask(Mode.MERGE, frames);
  }

  async #ask(mode: number, frames: readonly Uint8Array[]): Promise<Answer> {
    const [answer] = await Promise.all([
      this.#hear(),
      this.#questions.write(encode([Uint8Array.of(mode), ...frames])),
    ]);
    const [errors, ...out] = answer;
    const view = new DataView(errors.buffer, errors.byteOffset, errors.byteLength);
    return { errors: frames.map((_, i) => view.getInt32(i * 4, true)), frames: out };
  }

  async #hear(): Promise<Uint8Array[]> {
    const head = await this.#read(4);
    return decode(await this.#read(new DataView(head.buffer).getUint32(0, true)));
  }

  async #read(length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (length === 0) return new Uint8Array();
    const { value } = await this.#answers.read(new Uint8Array(length), { min: length });
    if (value?.length !== length) throw new Error("The judge is gone");
    return value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#questions.close().catch(() => {});
    await this.#answers.cancel();
    await this.#child.status;
  }
}

/** Register a test that asks the judge. */
export function kernelTest(name: string, fn: (judge: Judge) => Promise<void>): void {
  const promised = (Deno.env.get("CI") ?? "") !== "";
  const reason = incompetent ?? missing;
  if (reason !== undefined) say(`SKIP ${name}: ${reason}`);
  Deno.test({
    name,
    ignore: incompetent !== undefined || (missing !== undefined && !promised),
    async fn() {
      if (missing !== undefined) throw new Error(missing);
      await using judge = await Judge.start();
      await fn(judge);
    },
  });
}

/** The judge's process; without anything to read it ends when it has built its network. */
function command(stdin: "piped" | "null"): Deno.Command {
  const program = import.meta.dirname + "/judge_process.ts";
  // without the project's configuration: the judge uses nothing of it, and there is no network in there
  const deno = [Deno.execPath(), "run", "--quiet", "--allow-all", "--no-config", program];
  return new Deno.Command("unshare", {
    args: ["--net", "--mount", ...deno],
    stdin,
    stdout: "piped",
    stderr: stdin === "null" ? "piped" : "inherit",
  });
}

/** Why this kernel is no judge. */
function whyIncompetent(): string | undefined {
  if (Deno.build.os !== "linux") return "the judge is the Linux kernel, and this is another system";
  const [major, minor] = Deno.osRelease().split(".").map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return undefined;
  return `the judge is Linux ${OLDEST.join(".")} or later, and this is ${Deno.osRelease()}`;
}

/** Why its network cannot be made. */
async function whyNot(): Promise<string | undefined> {
  // user namespaces are not enough: they may not set the time that GRO holds segments
  if (Deno.uid() !== 0) return "only root can make the judge's network";
  try {
    const { success, stderr } = await command("null").output();
    if (success) return undefined;
    const [reason] = new TextDecoder().decode(stderr).trim().split("\n");
    return `the judge's network cannot be made here: ${reason}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "unshare is not installed (util-linux)";
    throw error;
  }
}

const incompetent = whyIncompetent();
const missing = incompetent === undefined ? await whyNot() : undefined;
