/**
 * The guest image: Debian's cloud kernel (its .deb unpacked, never installed) and an initramfs of busybox,
 * iperf3, ethtool, tcpdump and socat, taken from the host with their libraries.
 *
 * @module
 */
import { output, PackageLists } from "./debian.ts";

const INIT = new URL("guest_init.sh", import.meta.url);
const TOOLS = ["iperf3", "ethtool", "tcpdump", "socat"];
const MODULES = ["virtio_pci", "virtio_net", "virtio_console", "8021q"];

/** What guests boot from: paths. */
export interface GuestImage {
  readonly kernel: string;
  readonly initrd: string;
}

/** Build the image in `cache` unless one of the same inputs is there. */
export async function buildImage(cache: string): Promise<GuestImage> {
  const image = { kernel: `${cache}/vmlinuz`, initrd: `${cache}/initrd.img` };
  const stamp = await inputs();
  if (await Deno.readTextFile(`${cache}/stamp`).catch(() => "") === stamp) return image;
  await Deno.remove(`${cache}/stamp`).catch(() => {});
  const kernel = await unpackedKernel(cache);
  const [version] = [...Deno.readDirSync(`${kernel}/lib/modules`)].map((entry) => entry.name);
  const root = await Deno.makeTempDir({ dir: cache, prefix: "root." });
  try {
    await fillRoot(root, await modules(kernel, version));
    const pack =
      'cd "$0" && find . >"$1.list" && cpio -o -H newc -R 0:0 --quiet <"$1.list" >"$1.cpio" && ' +
      'gzip -1 <"$1.cpio" >"$1" && rm "$1.list" "$1.cpio"';
    await output("sh", ["-c", pack, root, image.initrd]);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
  await Deno.copyFile(`${kernel}/boot/vmlinuz-${version}`, image.kernel);
  await Deno.writeTextFile(`${cache}/stamp`, stamp);
  return image;
}

/** Hash of all that decides what the image is: this recipe, the init and the versions of the tools. */
async function inputs(): Promise<string> {
  const format = ["-W", "-f", "${Package} ${Version}\n"];
  const versions = await output("dpkg-query", [...format, "busybox-static", ...TOOLS]);
  const recipe = await Deno.readTextFile(new URL(import.meta.url)) + await Deno.readTextFile(INIT);
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(versions + recipe));
  return new Uint8Array(hash).toHex();
}

async function unpackedKernel(cache: string): Promise<string> {
  const kernel = `${cache}/kernel`;
  if (await Deno.stat(`${kernel}/boot`).catch(() => undefined)) return kernel;
  await PackageLists.using(cache, async (lists) => {
    const name = await lists.dependency("linux-image-cloud-amd64", "linux-image-");
    await lists.unpack([name], kernel);
  });
  return kernel;
}

/** Modules the guest loads, as files and in loading order. */
async function modules(kernel: string, version: string): Promise<string[]> {
  await output("/sbin/depmod", ["-b", kernel, version]);
  const paths = new Set<string>();
  for (const name of MODULES) {
    const which = ["-d", kernel, "-S", version, "--show-depends", name];
    const steps = await output("/sbin/modprobe", which);
    for (const [, path] of steps.matchAll(/^insmod (\S+)/gm)) paths.add(path);
  }
  return [...paths];
}

async function fillRoot(root: string, moduleFiles: readonly string[]): Promise<void> {
  const folders = ["bin", "usr/bin", "proc", "sys", "dev", "tmp", "etc", "lib/modules"];
  for (const name of folders) await Deno.mkdir(`${root}/${name}`, { recursive: true });
  await Deno.copyFile("/bin/busybox", `${root}/bin/busybox`);
  for (const tool of TOOLS) {
    const search = `PATH=$PATH:/usr/sbin:/sbin command -v ${tool}`;
    const program = (await output("sh", ["-c", search])).trim();
    await Deno.copyFile(program, `${root}/usr/bin/${tool}`);
    for (const [library] of (await output("ldd", [program])).matchAll(/\/\S+/g)) {
      await Deno.mkdir(root + library.slice(0, library.lastIndexOf("/")), { recursive: true });
      await Deno.copyFile(library, root + library); // follows links: the name is what the loader asks for
    }
  }
  const names = moduleFiles.map((path) => `/lib/modules/${path.slice(path.lastIndexOf("/") + 1)}`);
  for (const [i, path] of moduleFiles.entries()) await Deno.copyFile(path, root + names[i]);
  await Deno.writeTextFile(`${root}/modules.list`, names.join("\n") + "\n");
  // tcpdump gives up its privileges to this user; ping and iperf3 look names up
  const users = ["root", "tcpdump"].map((name) => `${name}:x:0:0::/:/bin/sh\n`);
  await Deno.writeTextFile(`${root}/etc/passwd`, users.join(""));
  await Deno.writeTextFile(`${root}/etc/group`, "root:x:0:\ntcpdump:x:0:\n");
  await Deno.copyFile(INIT, `${root}/init`);
  await Deno.chmod(`${root}/init`, 0o755);
}
