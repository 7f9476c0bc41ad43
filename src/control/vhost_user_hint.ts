/**
 * The arguments that give a VM a vhost-user port.
 *
 * The VM's memory must be shared with us, which is an argument of the whole VM and not of its network card:
 * so its size stands here as an example, {@linkcode MEMORY}, to be made that of the VM. Nothing goes wrong
 * silently when that is forgotten: QEMU takes the size from here when it is given no `-m`, and does not start
 * when its `-m` says another (machine_run_board_init, hw/core/machine.c); Cloud Hypervisor takes one
 * `--memory` only.
 *
 * The MTU is an argument as well: the guest reads it from its card, which is the monitor's (`host_mtu`,
 * hw/net/virtio-net.c; `mtu`, virtio-devices/src/vhost_user/net.rs).
 *
 * QEMU's memfd is sealed (`seal`, backends/hostmem-memfd.c). Cloud Hypervisor's is since September 2026 (its
 * pull request 8841); with an older one the port says that it needs `unsealed=on`.
 *
 * @module
 */
import { qemuPath, shellWord } from "./quote_argument.ts";

/** Size of the memory of a VM in the hints. */
export const MEMORY = "1G";

/** MIN_MTU of Cloud Hypervisor (virtio-devices/src/net.rs). */
const CLOUD_LEAST_MTU = 1280;

/** What a hint for a vhost-user port depends on. */
export interface VhostUserEndpoint {
  /** Absolute path of the socket. */
  readonly path: string;
  readonly mac: string;
  /** MTU the guest is to be told; 0 for none. */
  readonly mtu: number;
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

function qemuArguments({ path, mac, mtu }: VhostUserEndpoint, how: string): string {
  const device = `virtio-net-pci,netdev=net0,mac=${mac}${mtu === 0 ? "" : `,host_mtu=${mtu}`}`;
  return [
    `-object memory-backend-memfd,id=mem0,size=${MEMORY},share=on -machine memory-backend=mem0`,
    `-chardev ${shellWord(`socket,id=chr0,path=${qemuPath(path)},${how}`)}`,
    `-netdev vhost-user,id=net0,chardev=chr0 -device ${device}`,
  ].join(" ");
}

/**
 * Its options know quotes and brackets (option_parser/src/lib.rs): a path with one of them has no hint. Nor has a
 * port with an MTU that it refuses (NetConfig::validate, vmm/src/config.rs).
 */
function cloudHypervisor({ path, mac, mtu, connects }: VhostUserEndpoint): Record<string, string> {
  if (/[,="[\]]/.test(path) || (mtu !== 0 && mtu < CLOUD_LEAST_MTU)) return {};
  const mode = (mtu === 0 ? "" : `,mtu=${mtu}`) + (connects ? ",vhost_mode=server" : "");
  const net = shellWord(`vhost_user=true,socket=${path},mac=${mac}${mode}`);
  return { "cloud-hypervisor": `--memory size=${MEMORY},shared=on --net ${net}` };
}
