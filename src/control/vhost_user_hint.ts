/**
 * The arguments that give a VM a vhost-user port.
 *
 * The VM's memory must be shared with us, which is an argument of the whole VM and not of its network card:
 * so its size stands here as an example, {@linkcode MEMORY}, to be made that of the VM. Nothing goes wrong
 * silently when that is forgotten: QEMU takes the size from here when it is given no `-m`, and does not start
 * when its `-m` says another (machine_run_board_init, hw/core/machine.c); Cloud Hypervisor takes one
 * `--memory` only.
 *
 * QEMU's memfd is sealed (`seal`, backends/hostmem-memfd.c). Cloud Hypervisor's is since September 2026 (its
 * pull request 8841); with an older one the port says that it needs `unsealed=on`.
 *
 * @module
 */
import { qemuPath, shellWord } from "./quote_argument.ts";

/** Size of the memory of a VM in the hints. */
export const MEMORY = "1G";

/** What a hint for a vhost-user port depends on. */
export interface VhostUserEndpoint {
  /** Absolute path of the socket. */
  readonly path: string;
  readonly mac: string;
  /** The VM makes the socket, and we connect to it. */
  readonly connects: boolean;
}

/** Arguments by monitor: `qemu` is 9.2 and later, `qemu-7.2` is for 7.2 to 9.1 where the two differ. */
export function vhostUserHints(endpoint: VhostUserEndpoint): Record<string, string> {
  const qemu = endpoint.connects
    // No reconnect: QEMU listens on, and we come back.
    ? { qemu: qemuArguments(endpoint, "server=on,wait=off") }
    : {
      qemu: qemuArguments(endpoint, "reconnect-ms=500"),
      "qemu-7.2": qemuArguments(endpoint, "reconnect=1"),
    };
  return { ...qemu, ...cloudHypervisor(endpoint) };
}

function qemuArguments({ path, mac }: VhostUserEndpoint, how: string): string {
  return [
    `-object memory-backend-memfd,id=mem0,size=${MEMORY},share=on -machine memory-backend=mem0`,
    `-chardev ${shellWord(`socket,id=chr0,path=${qemuPath(path)},${how}`)}`,
    `-netdev vhost-user,id=net0,chardev=chr0 -device virtio-net-pci,netdev=net0,mac=${mac}`,
  ].join(" ");
}

/** Its options know quotes and brackets (option_parser/src/lib.rs): a path with one of them has no hint. */
function cloudHypervisor({ path, mac, connects }: VhostUserEndpoint): Record<string, string> {
  if (/[,="[\]]/.test(path)) return {};
  const mode = connects ? ",vhost_mode=server" : "";
  const net = shellWord(`vhost_user=true,socket=${path},mac=${mac}${mode}`);
  return { "cloud-hypervisor": `--memory size=${MEMORY},shared=on --net ${net}` };
}
