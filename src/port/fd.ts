/**
 * A port over a descriptor that a launcher has opened for us: one end of a socketpair (vmnet-helper's
 * habit), a connected socket, or a bound or listening one (socket activation). What the socket is decides
 * what the port is; what it cannot be told by (SO_TYPE) is refused at start. The descriptor is given by its
 * number, or by the name under which launchd or systemd passes it.
 *
 * @module
 */
import { Unpassed } from "../platform/activation.ts";
import { errnoName } from "../platform/errno.ts";
import { type Kernel, SocketType } from "../platform/kernel.ts";
import { isNumbered, type PortConfig } from "./config.ts";
import { DgramPort } from "./dgram.ts";
import { Listener } from "./listener.ts";
import type { Opened, Switch } from "./port.ts";
import { cannotOpen } from "./socket_path.ts";
import { StreamPort, streamPort } from "./stream.ts";

/** Open a port over the descriptor with the number or name `config.target`. */
export function openFd(host: Switch, config: PortConfig): Opened {
  const { kernel } = host;
  const fd = isNumbered(config.target) ? byNumber(kernel, config) : byName(kernel, config);
  const type = kernel.socketType(fd);
  if (type < 0) {
    throw cannotOpen(config, `fd ${fd} is not a socket; pass one end of a socketpair`, true);
  }
  if (config.clients !== "refuse" && kernel.isListening(fd) !== 1) {
    const why = `clients=${config.clients} needs a listening socket, and fd ${fd} is not one`;
    throw cannotOpen(config, `${why}; leave clients out`, true);
  }
  const adopted = kernel.adopt(fd);
  if (adopted < 0) throw cannotOpen(config, `fd ${fd}: ${errnoName(adopted)}`);
  kernel.refuseDescriptors(fd);
  if (type === SocketType.DGRAM) {
    return Object.assign(new DgramPort(host, config, fd, undefined), pathOf(kernel, fd));
  }
  if (type !== SocketType.STREAM) {
    throw cannotOpen(
      config,
      `fd ${fd} is a socket of type ${type}; use a stream or datagram socket`,
      true,
    );
  }
  if (kernel.isListening(fd) === 1) {
    const listener = new Listener(host, config, fd, undefined, "stream", streamPort);
    return Object.assign(listener, pathOf(kernel, fd));
  }
  if (kernel.isConnected(fd) !== 1) {
    throw cannotOpen(config, `fd ${fd} is neither connected nor listening; connect it first`, true);
  }
  return new StreamFd(host, config, fd);
}

/** Where VMs find a socket that somebody else made, if it has a place that all of them find, and is no end of a pair. */
function pathOf(kernel: Kernel, fd: number): { path?: string } {
  if (kernel.peerAddress(fd)?.length === 0) return {};
  const path = new TextDecoder().decode(kernel.ownAddress(fd));
  return path.startsWith("/") ? { path } : {};
}

function byNumber(kernel: Kernel, config: PortConfig): number {
  const fd = Number(config.target);
  if (kernel.isInherited(fd) === 1) return fd;
  const how = 'start vswitch with it inherited, as in "vswitch --port vm=fd:3 3<&..."';
  throw cannotOpen(config, `fd ${fd} is not open; ${how}`, true);
}

function byName(kernel: Kernel, config: PortConfig): number {
  const fd = kernel.inheritedByName?.(config.target) ?? Unpassed.NOBODY;
  if (fd >= 0) return fd;
  throw cannotOpen(config, notPassed(config.target, fd), true);
}

function notPassed(name: string, reason: number): string {
  switch (reason) {
    case Unpassed.NOBODY:
      return `nobody passed a socket named "${name}"; start vswitch by launchd or systemd with it, or ` +
        "give a descriptor's number, e.g. fd:3";
    case Unpassed.UNKNOWN:
      return `no socket named "${name}" was passed; write the name of launchd's Sockets entry, or of ` +
        "systemd's FileDescriptorName=";
    case Unpassed.SEVERAL:
      return `several sockets named "${name}" were passed; give each a name of its own`;
    case Unpassed.TAKEN:
      return `the socket named "${name}" serves another port already; keep one of them`;
    default:
      return `the socket named "${name}" cannot be had (${errnoName(reason)})`;
  }
}

/** One connected stream, for as long as it lasts. */
class StreamFd implements Opened {
  readonly socket = "stream";
  readonly buffers: number;
  readonly #port: StreamPort;

  constructor(host: Switch, config: PortConfig, fd: number) {
    const row = host.enroll(config.name);
    this.#port = new StreamPort(host, config, config.name, row, fd, (_, reason) => {
      host.log("warning", config.name, `VM disconnected: ${reason}; this port is over`);
    });
    this.buffers = this.#port.buffers;
  }

  tick(): void {}

  quiesce(): void {}

  close(): void {
    this.#port.close("the switch stops");
  }
}
