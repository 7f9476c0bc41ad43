/**
 * What the lab needs on a machine, made from Debian packages into `.vm-cache/`.
 *
 * Missing host packages are installed when we are root. The first run takes some ten seconds and downloads
 * 60 MB, every other one takes milliseconds. `deno run -A tests/vm/prepare.ts` does it ahead of the tests
 * and says what is there.
 *
 * @module
 */
import { ensureInstalled, Unavailable } from "./debian.ts";
import { buildImage, type GuestImage } from "./image.ts";
import { backportedQemu, type Qemu, reconnects, systemQemu } from "./qemu.ts";

const CACHE = `${Deno.realPathSync(`${import.meta.dirname}/../..`)}/.vm-cache`;
const HOST_PACKAGES =
  "qemu-system-x86 seabios busybox-static iperf3 ethtool tcpdump socat cpio kmod vde2".split(" ");

/** Everything the lab boots guests with. */
export interface Equipment {
  readonly image: GuestImage;
  /** The system's QEMU. */
  readonly qemu: Qemu;
  /** A QEMU >= 9.2, or why there is none. */
  readonly reconnecting: Qemu | Unavailable;
}

/** Build what is missing. Throws {@linkcode Unavailable} when this machine cannot have it. */
export async function prepare(): Promise<Equipment> {
  await ensureInstalled(HOST_PACKAGES);
  await Deno.mkdir(CACHE, { recursive: true });
  // two runs at once would build over each other; the folder itself is the lock, so that reading it is enough
  using folder = await Deno.open(CACHE);
  await folder.lock(true);
  try {
    const image = await buildImage(CACHE);
    const qemu = await systemQemu();
    return { image, qemu, reconnecting: reconnects(qemu) ? qemu : await backportedQemu(CACHE) };
  } catch (cause) {
    if (!(cause instanceof Deno.errors.PermissionDenied)) throw cause;
    const fix = "remove it, or prepare it as its owner";
    throw new Unavailable(`Cannot write ${CACHE}: it belongs to another user; ${fix}`, { cause });
  }
}

if (import.meta.main) {
  const { image, qemu, reconnecting } = await prepare();
  const newer = reconnecting instanceof Unavailable ? reconnecting.message : reconnecting.version;
  const text =
    `guest image: ${image.initrd}\nQEMU: ${qemu.version}\nQEMU with reconnect-ms: ${newer}\n`;
  await Deno.stdout.write(new TextEncoder().encode(text));
}
