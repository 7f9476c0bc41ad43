/**
 * A real guest: QEMU without KVM (TCG), Debian's kernel, and an agent that runs commands.
 *
 * Guest N has MAC 52:54:00:00:00:NN, 10.0.0.N/24 and fd00::N/64 on eth0. Nothing of the host's network is
 * used, no privilege is needed. A pair boots in about 3 s on two idle cores, a guest takes 280 MB.
 *
 * @module
 */
import type { GuestImage } from "./image.ts";
import { LineSocket } from "./line_socket.ts";
import { Monitor } from "./monitor.ts";
import type { Netdev } from "./netdev.ts";
import { Process } from "./process.ts";
import type { Qemu } from "./qemu.ts";

/** Memory of a guest. */
const MEMORY_MIB = 160;

/** What to boot. */
export interface GuestOptions {
  /** 1 .. 99, the last part of every address. */
  readonly number: number;
  readonly netdev: Netdev;
  readonly image: GuestImage;
  readonly qemu: Qemu;
  /** Folder of this guest's sockets and logs; must exist. */
  readonly folder: string;
  readonly mtu?: number;
  /** It may be reset; otherwise QEMU ends then, as after a panic. */
  readonly reboots?: boolean;
}

/** How a command in a guest ended: 137 is "killed after its time". */
export interface Answer {
  readonly code: number;
  /** stdout and stderr. */
  readonly output: string;
}

/** A booted guest. */
export class Guest implements AsyncDisposable {
  readonly number: number;
  readonly ip: string;
  readonly ip6: string;
  readonly process: Process;
  readonly #folder: string;
  readonly #waiting: Map<string, PromiseWithResolvers<Answer>> = new Map();
  #channel: Promise<LineSocket> | undefined;
  #monitor: Promise<Monitor> | undefined;
  #nextId = 1;

  /** Start QEMU; returns at once, see {@linkcode Guest.up}. */
  constructor(options: GuestOptions) {
    this.number = options.number;
    this.ip = `10.0.0.${this.number}`;
    this.ip6 = `fd00::${this.number}`;
    this.#folder = options.folder;
    this.process = Process.start(commandLine(options), {
      log: `${this.#folder}/qemu.log`,
      env: options.qemu.env,
      descriptors: options.netdev.descriptor === undefined ? [] : [options.netdev.descriptor],
    });
  }

  /** Wait until the guest runs commands and its link is up (Linux looks at a new link once a second). */
  async up(): Promise<this> {
    await this.sh(
      'until [ "$(cat /sys/class/net/eth0/operstate)" = up ]; do usleep 20000; done',
      60,
    );
    return this;
  }

  /**
   * Run a shell command; several may run at once. After `seconds` the guest kills it. A caller that does
   * not await at once need not fear an unhandled rejection: it is told when it awaits.
   */
  run(command: string, seconds = 30): Promise<Answer> {
    const answer = this.#request(command, seconds);
    answer.catch(() => {});
    return answer;
  }

  /** As {@linkcode Guest.run}, but throws when the exit code is not 0. */
  async sh(command: string, seconds = 30): Promise<string> {
    const { code, output } = await this.run(command, seconds);
    if (code !== 0) {
      throw new Error(
        `guest ${this.number}: \`${command}\` ended with ${code}: ${output.slice(-800)}`,
      );
    }
    return output;
  }

  /** QEMU's monitor. */
  monitor(): Promise<Monitor> {
    return this.#monitor ??= Monitor.connect(`${this.#folder}/monitor`, () => this.process.alive);
  }

  /** SIGKILL, as a host that runs out of memory would do. Returns when it is gone. */
  async kill(): Promise<void> {
    await this.process.end();
    await (await this.#channel?.catch(() => undefined))?.[Symbol.asyncDispose]();
    await (await this.#monitor?.catch(() => undefined))?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #request(command: string, seconds: number): Promise<Answer> {
    const id = String(this.#nextId++);
    const answer = Promise.withResolvers<Answer>();
    answer.promise.catch(() => {}); // a test that failed may never wait for it
    this.#waiting.set(id, answer);
    // the guest keeps the time; this clock is for a guest that cannot (stopped, crashed)
    const late = setTimeout(
      () => answer.reject(this.#failure("does not answer")),
      (seconds + 10) * 1000,
    );
    try {
      const channel = await (this.#channel ??= this.#open());
      const bytes = new TextEncoder().encode(command);
      await channel.send(`${id} ${seconds} ${bytes.toBase64()}`);
      return await answer.promise;
    } catch (error) {
      throw this.process.alive ? error : this.#failure("ended");
    } finally {
      clearTimeout(late);
      this.#waiting.delete(id);
    }
  }

  #open(): Promise<LineSocket> {
    return LineSocket.connect(`${this.#folder}/commands`, () => this.process.alive, (line) => {
      const [id, code, output] = line.split(" ");
      const bytes = Uint8Array.fromBase64(output ?? "");
      this.#waiting.get(id)?.resolve({
        code: Number(code),
        output: new TextDecoder().decode(bytes),
      });
    }, () => {
      for (const answer of this.#waiting.values()) answer.reject(this.#failure("ended"));
    });
  }

  #failure(what: string): Error {
    let console = "";
    try {
      console = Deno.readTextFileSync(`${this.#folder}/console.log`).slice(-600);
    } catch { /* QEMU never came so far */ }
    return new Error(
      `guest ${this.number} ${what}; QEMU: ${this.process.logTail(600)}; console: ${console}`,
    );
  }
}

function commandLine(
  { number, netdev, image, qemu, folder, mtu, reboots }: GuestOptions,
): string[] {
  const mac = `52:54:00:00:00:${String(number).padStart(2, "0")}`;
  // the timer options keep a slow, unevenly scheduled TCG guest from judging its clocks broken
  const kernel =
    "console=ttyS0 quiet panic=-1 mitigations=off no_timer_check nowatchdog tsc=nowatchdog " +
    "rcupdate.rcu_cpu_stall_suppress=1 net.ifnames=0 " + `GUEST=${number} MTU=${mtu ?? ""}`;
  return [
    ...[qemu.program, ...qemu.args, "-nodefaults", "-no-user-config"],
    ...(reboots ? [] : ["-no-reboot"]),
    ...["-display", "none", ...machine(netdev)],
    ...["-cpu", "max"],
    ...["-accel", "tcg,thread=multi,tb-size=64", "-m", `${MEMORY_MIB}`, "-name", `guest${number}`],
    ...["-kernel", image.kernel, "-initrd", image.initrd, "-append", kernel],
    ...["-serial", `file:${folder}/console.log`],
    ...["-qmp", `unix:${folder}/monitor,server=on,wait=off`],
    ...["-device", "virtio-serial-pci"],
    ...["-chardev", `socket,id=commands,path=${folder}/commands,server=on,wait=off`],
    ...["-device", "virtserialport,chardev=commands,name=commands"],
    ...netdev.args ?? [],
    ...["-netdev", `${netdev.text},id=net`],
    ...["-device", `virtio-net-pci,netdev=net,romfile=,mac=${mac}${netdev.device ?? ""}`],
  ];
}

/** The machine, with memory that others may map if they have to. */
function machine({ sharesMemory, memoryFile }: Netdev): string[] {
  if (!sharesMemory && memoryFile === undefined) return ["-M", "pc"];
  const backend = sharesMemory ? "memfd" : "file";
  const path = sharesMemory ? "" : `,mem-path=${memoryFile}`;
  const memory = `memory-backend-${backend},id=mem,size=${MEMORY_MIB}M,share=on${path}`;
  return ["-M", "pc,memory-backend=mem", "-object", memory];
}
