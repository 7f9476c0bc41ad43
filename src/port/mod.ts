/**
 * The kinds of ports. A new one is a file beside this and a line here.
 *
 * @module
 */
import type { Clients, PortConfig } from "./config.ts";
import { openDgram } from "./dgram_hub.ts";
import { openFd } from "./fd.ts";
import { Listener } from "./listener.ts";
import type { Opened, Switch } from "./port.ts";
import { streamPort } from "./stream.ts";
import { dialVhostUser, listenVhostUser } from "./vhost_user/open.ts";

/** What the command line and the engine know of a kind. */
export interface Kind {
  /** What the target of `--port NAME=KIND:TARGET` is. */
  readonly target: "path" | "descriptor";
  /** `clients=` when it is not given. */
  readonly clients: Clients;
  /** Its VMs share their memory with us. */
  readonly shares: boolean;
  /** We connect to the VM's monitor, which listens at the path. */
  readonly connects?: boolean;
  /** One line for --help. */
  readonly help: string;
  /** @throws PortError */
  readonly open: (host: Switch, config: PortConfig) => Opened;
}

/** Kinds by the name they have on the command line. The first is the default. */
export const kinds: Readonly<Record<string, Kind>> = {
  dgram: {
    target: "path",
    clients: "replace",
    shares: false,
    help: "datagram socket: vfkit, krunkit, libkrun unixgram, QEMU -netdev dgram",
    open: openDgram,
  },
  stream: {
    target: "path",
    clients: "many",
    shares: false,
    help: "stream socket with 32-bit lengths: QEMU -netdev stream, Lima, libkrun unixstream",
    open: (host, config) => Listener.open(host, config, "stream", streamPort),
  },
  fd: {
    target: "descriptor",
    clients: "refuse",
    shares: false,
    help:
      "descriptor inherited from a launcher, or a socket that launchd or systemd passes by this name; " +
      "its type decides between the two above",
    open: openFd,
  },
  "vhost-user": {
    target: "path",
    clients: "refuse",
    shares: true,
    help: "memory shared with the VM (Linux): QEMU -netdev vhost-user, Cloud Hypervisor",
    open: listenVhostUser,
  },
  "vhost-user-client": {
    target: "path",
    clients: "replace",
    shares: true,
    connects: true,
    help: "the same, with a VM monitor that listens at the path",
    open: dialVhostUser,
  },
};
