/**
 * A world for the command line: the kinds of the switch, and two groups.
 *
 * @module
 */
import type { Environment } from "../../src/cli/environment.ts";

export const WORLD = {
  kinds: {
    dgram: {
      clients: "replace",
      target: "path",
      help: "Datagram socket: vfkit, krunkit",
      shares: false,
    },
    stream: { clients: "many", target: "path", help: "Stream socket: QEMU, Lima", shares: false },
    fd: {
      clients: "refuse",
      target: "descriptor",
      help: "Socket passed by a launcher",
      shares: false,
    },
    "vhost-user": {
      clients: "refuse",
      target: "path",
      help: "Shared memory: QEMU -netdev vhost-user",
      shares: true,
    },
    "vhost-user-client": {
      clients: "replace",
      target: "path",
      help: "The same, to a VM that listens",
      shares: true,
      connects: true,
    },
  },
  pathLimit: 107,
  groupId: (name) => ({ kvm: 108, root: 0 })[name],
} as const satisfies Environment;
