/**
 * A world for the command line: the three kinds of the switch, and two groups.
 *
 * @module
 */
import type { Environment } from "../../src/cli/environment.ts";

export const WORLD = {
  kinds: {
    dgram: { clients: "replace", target: "path", help: "Datagram socket: vfkit, krunkit" },
    stream: { clients: "many", target: "path", help: "Stream socket: QEMU, Lima" },
    fd: { clients: "refuse", target: "descriptor", help: "Socket passed by a launcher" },
  },
  groupId: (name) => ({ kvm: 108, root: 0 })[name],
} as const satisfies Environment;
