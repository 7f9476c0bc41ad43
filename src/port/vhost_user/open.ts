/**
 * Opening vhost-user ports: listening for front-ends, or connecting to one.
 *
 * @module
 */
import type { PortConfig } from "../config.ts";
import { Listener } from "../listener.ts";
import { type Opened, PortError, type Switch } from "../port.ts";
import { VhostUserDialer } from "./dial.ts";
import { vhostUserPort } from "./vhost_port.ts";

/** Listen at the path. */
export function listenVhostUser(host: Switch, config: PortConfig): Opened {
  requireSharing(host, config);
  return Listener.open(host, config, "vhost-user", vhostUserPort);
}

/** Connect to the path. */
export function dialVhostUser(host: Switch, config: PortConfig): Opened {
  requireSharing(host, config);
  return VhostUserDialer.open(host, config);
}

/** @throws PortError where the system cannot share memory with a VM */
function requireSharing(host: Switch, { name, kind }: PortConfig): void {
  const { sharing } = host.kernel;
  if (sharing === undefined) {
    const text = `Cannot open port "${name}": ${kind} needs Linux; use dgram or stream`;
    throw new PortError(text, true);
  }
  if (!sharing.signalsMayWait) return;
  const text = "calls to guests go by eventfd_write, since Linux AIO is not to be had " +
    "(fs.aio-max-nr, seccomp): a hostile VM monitor could make the switch wait";
  host.log("warning", name, text);
}
