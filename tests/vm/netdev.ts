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
