/**
 * A test with real guests: what it boots is ended with it, whatever happens, and within its time.
 *
 * Every command in a guest has its own limit; the limit of the whole test is kept by killing all it
 * started, so that whatever it waits for fails and says so. Without QEMU the tests are ignored, with the
 * reason on a SKIP line; where `CI` is set that is a failure.
 *
 * @module
 */
import { Unavailable } from "./debian.ts";
import { DescriptorPair } from "../support/descriptors.ts";
import { Guest } from "./guest.ts";
import type { Netdev } from "./netdev.ts";
import { type Equipment, prepare } from "./prepare.ts";
import { Process } from "./process.ts";
import { SwitchProcess } from "./switch_process.ts";

const equipment: Equipment | Unavailable = await prepare().catch((error: unknown) => {
  if (error instanceof Unavailable) return error;
  throw error;
});

/** Print a line beside the test's own output. */
export function say(text: string): void {
  // deno-lint-ignore no-console -- the test runner shows it beside the test it belongs to
  console.log(text);
}

/** Everything one test uses. */
export class Lab implements AsyncDisposable {
  /** A fresh folder with a short path (socket paths end at 107 bytes). */
  readonly folder: string = Deno.makeTempDirSync({ prefix: "vm." });
  readonly #equipment: Equipment;
  readonly #owned: AsyncDisposableStack = new AsyncDisposableStack();
  #folders = 0;
  #ending: Promise<void> | undefined;

  constructor(equipment: Equipment) {
    this.#equipment = equipment;
    this.#owned.defer(() => Deno.remove(this.folder, { recursive: true }));
  }

  /** Boot guest `number` on a netdev; returns at once, so that several boot side by side. */
  boot(
    number: number,
    netdev: Netdev,
    options: { mtu?: number; reboots?: boolean } = {},
  ): Guest {
    const { image, qemu, reconnecting } = this.#equipment;
    const chosen = netdev.reconnects ? reconnecting : qemu;
    if (chosen instanceof Unavailable) throw chosen;
    if (this.#ending) throw new Error(`no guest ${number} boots: the test is over`);
    const folder = this.path(`guest${number}.${++this.#folders}`);
    Deno.mkdirSync(folder);
    return this.#owned.use(new Guest({ number, netdev, image, qemu: chosen, folder, ...options }));
  }

  /** Start the switch with these `--port` texts. */
  async startSwitch(
    ports: readonly string[],
    descriptors: readonly number[] = [],
  ): Promise<SwitchProcess> {
    const log = this.path("switch.log");
    const vswitch = this.#owned.use(new SwitchProcess({ ports, descriptors, log }));
    await vswitch.start();
    return vswitch;
  }

  /** Start another program, e.g. a peer to compare with. */
  start(
    argv: readonly string[],
    options: { holdStdin?: boolean; pipeStdout?: boolean } = {},
  ): Process {
    return this.#owned.use(Process.start(argv, { log: this.path("peer.log"), ...options }));
  }

  /** A socket pair; close it once the children that use it are started. */
  pair(type: "stream" | "dgram"): DescriptorPair {
    return this.#owned.use(new DescriptorPair(type));
  }

  /** A path in the folder. */
  path(name: string): string {
    return `${this.folder}/${name}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (this.#ending ??= this.#owned.disposeAsync());
  }
}

/** Sleep. */
export function seconds(count: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, count * 1000));
}

/** Wait until a path exists, at most 10 s. */
export async function appears(path: string): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (await Deno.stat(path).catch(() => undefined)) return;
    await seconds(0.02);
  }
  throw new Error(`${path} did not appear in 10 s`);
}

/** What a test needs beyond guests. */
export interface Needs {
  /** QEMU >= 9.2. */
  readonly reconnect?: boolean;
  /** Something else, and why it cannot be had here. */
  readonly other?: Unavailable | undefined;
}

/** Register a test that may use guests for at most `limit` seconds. */
export function vmTest(
  name: string,
  limit: number,
  body: (lab: Lab, t: Deno.TestContext) => Promise<void>,
  needs: Needs = {},
): void {
  const reason = missing(needs);
  const ignore = reason !== undefined && Deno.env.get("CI") !== "true";
  if (ignore) say(`SKIP ${name}: ${reason.message}`);
  Deno.test({
    name,
    ignore,
    async fn(t) {
      if (reason) throw reason;
      await within(limit, equipment as Equipment, (lab) => body(lab, t));
    },
  });
}

function missing(needs: Needs): Unavailable | undefined {
  if (equipment instanceof Unavailable) return equipment;
  if (needs.other !== undefined) return needs.other;
  return needs.reconnect && equipment.reconnecting instanceof Unavailable
    ? equipment.reconnecting
    : undefined;
}

async function within(
  limit: number,
  equipment: Equipment,
  body: (lab: Lab) => Promise<void>,
): Promise<void> {
  await using lab = new Lab(equipment);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    void lab[Symbol.asyncDispose]();
  }, limit * 1000);
  try {
    await body(lab);
  } catch (error) {
    throw late
      ? new Error(`not done in ${limit} s, everything was killed`, { cause: error })
      : error;
  } finally {
    clearTimeout(timer);
  }
}
