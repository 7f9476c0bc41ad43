/**
 * Ways QEMU reaches a network, as its `-netdev` texts (qemu(1), "Network options").
 *
 * @module
 */

/** What stands after `-netdev`, without the id. */
export interface Netdev {
  readonly text: string;
  /** Descriptor QEMU must inherit. */
  readonly descriptor?: number;
  /** Needs QEMU >= 9.2, which has `reconnect-ms`. */
  readonly reconnects?: boolean;
  /** The VM's memory is a sealed file that others may map. */
  readonly sharesMemory?: boolean;
  /** The VM's memory is this file, which anybody may cut short. */
  readonly memoryFile?: string;
  /** Other arguments the netdev refers to. */
  readonly args?: readonly string[];
  /** Properties of the network device, each with a comma in front. */
  readonly device?: string;
}

/** A unix stream with 4-byte length framing; with `reconnectMs` the client comes back by itself. */
export function stream(
  path: string,
  options: { server?: boolean; reconnectMs?: number } = {},
): Netdev {
  const text = `stream,server=${options.server ? "on" : "off"},addr.type=unix,addr.path=${path}`;
  return options.reconnectMs === undefined
    ? { text }
    : { text: `${text},reconnect-ms=${options.reconnectMs}`, reconnects: true };
}

/** One frame a datagram; QEMU binds `local` and sends to `remote`. */
export function dgram(local: string, remote: string): Netdev {
  return {
    text: `dgram,local.type=unix,local.path=${local},remote.type=unix,remote.path=${remote}`,
  };
}

/** An inherited, connected stream socket. */
export function streamDescriptor(descriptor: number): Netdev {
  return { text: `stream,addr.type=fd,addr.str=${descriptor}`, descriptor };
}

/** An inherited, connected datagram socket. */
export function dgramDescriptor(descriptor: number): Netdev {
  return { text: `dgram,local.type=fd,local.str=${descriptor}`, descriptor };
}

/** A port of a vde_switch. */
export function vde(folder: string): Netdev {
  return { text: `vde,sock=${folder}` };
}

/** How a vhost-user netdev reaches the switch, and what its device offers the guest. */
export interface VhostUserOptions {
  /** QEMU listens. */
  readonly server?: boolean;
  /** Seconds between two tries to connect. */
  readonly reconnect?: number;
  /** Properties of virtio-net-pci: `csum=off`, `mrg_rxbuf=off`, `event_idx=off` ... */
  readonly features?: readonly string[];
}

/**
 * The guest's queues in memory that the switch maps.
 *
 * `vectors=0`: QEMU 7.2 without KVM crashes in vhost_net_start when the guest uses MSI-X.
 */
export function vhostUser(path: string, options: VhostUserOptions = {}): Netdev {
  const role = options.server ? ",server=on,wait=off" : "";
  const again = options.reconnect === undefined ? "" : `,reconnect=${options.reconnect}`;
  return {
    text: "vhost-user,chardev=vhost",
    args: ["-chardev", `socket,id=vhost,path=${path}${role}${again}`],
    device: ["", "vectors=0", ...options.features ?? []].join(","),
    sharesMemory: true,
  };
}
