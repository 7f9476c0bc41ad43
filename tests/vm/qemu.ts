/**
 * The QEMUs that judge: the system's, which is what people have, and one that can reconnect.
 *
 * `reconnect-ms` of `-netdev stream` came with QEMU 9.2. When the system's is older, one from backports is
 * unpacked beside the image and run from there; the system's stays as it is.
 *
 * @module
 */
import { output, PackageLists, Unavailable } from "./debian.ts";

/** A QEMU to run guests with. */
export interface Qemu {
  readonly program: string;
  /** Arguments before all others. */
  readonly args: readonly string[];
  readonly env: Record<string, string>;
  readonly version: string;
}

/** The QEMU of the system's package. */
export async function systemQemu(): Promise<Qemu> {
  return await identified({ program: "/usr/bin/qemu-system-x86_64", args: [], env: {} });
}

/** A newer QEMU from backports in `cache`, or why there is none. */
export async function backportedQemu(cache: string): Promise<Qemu | Unavailable> {
  const root = `${cache}/qemu`;
  try {
    if (!await Deno.stat(root).catch(() => undefined)) {
      await PackageLists.using(cache, async (lists) => {
        const suite = `${lists.release}-backports`;
        const parts = ["qemu-system-x86", "qemu-system-common", "qemu-system-data"];
        await lists.unpack(parts.map((part) => `${part}/${suite}`), root);
      });
    }
    const folders = ["/usr/share/qemu", "/usr/share/seabios"];
    const qemu = await identified({
      program: `${root}/usr/bin/qemu-system-x86_64`,
      // its own data first, the BIOS of the system's seabios package
      args: [`${root}/usr/share/qemu`, ...folders].flatMap((folder) => ["-L", folder]),
      env: { QEMU_MODULE_DIR: `${root}/usr/lib/x86_64-linux-gnu/qemu` },
    });
    if (reconnects(qemu)) return qemu;
    return new Unavailable(`QEMU ${qemu.version} has no reconnect-ms; install QEMU >= 9.2`);
  } catch (error) {
    if (error instanceof Unavailable) return error;
    throw error;
  }
}

async function identified(qemu: Omit<Qemu, "version">): Promise<Qemu> {
  try {
    const text = await output(qemu.program, ["--version"], { env: qemu.env });
    return { ...qemu, version: text.match(/version (\d+\.\d+)/)?.[1] ?? "0.0" };
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new Unavailable(`Cannot run ${qemu.program}; ${said}`, { cause });
  }
}

/** Whether it knows `reconnect-ms`. */
export function reconnects(qemu: Qemu): boolean {
  const [major, minor] = qemu.version.split(".").map(Number);
  return major > 9 || (major === 9 && minor >= 2);
}
