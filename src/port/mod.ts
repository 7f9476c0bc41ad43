/**
 * The kinds of ports. A new one is a file beside this and a line here.
 *
 * @module
 */
import type { Clients, PortConfig } from "./config.ts";
import { openDgram } from "./dgram_hub.ts";
import { openFd } from "./fd.ts";
import { StreamListener } from "./listener.ts";
import type { Opened, Switch } from "./port.ts";

/** What the command line and the engine know of a kind. */
export interface Kind {
  /** What the target of `--port NAME=KIND:TARGET` is. */
  readonly target: "path" | "descriptor";
  /** `clients=` when it is not given. */
  readonly clients: Clients;
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
    help: "datagram socket: vfkit, krunkit, libkrun unixgram, QEMU -netdev dgram",
    open: openDgram,
  },
  stream: {
    target: "path",
    clients: "many",
    help: "stream socket with 32-bit lengths: QEMU -netdev stream, Lima, libkrun unixstream",
    open: (host, config) => StreamListener.open(host, config),
  },
  fd: {
    target: "descriptor",
    clients: "refuse",
    help:
      "descriptor inherited from a launcher, or a socket that launchd or systemd passes by this name; " +
      "its type decides between the two above",
    open: openFd,
  },
};
