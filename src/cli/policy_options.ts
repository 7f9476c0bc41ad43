/**
 * The options of a port that say what its frames may look like: a part of the table in options.ts.
 *
 * They are apart because the port's policy is read from them together, and told with them as they were
 * written.
 *
 * @module
 */
import { CLIENT_NAMES } from "../offload/clients.ts";
import { MAX_FRAME, PORT_DEFAULTS } from "../port/config.ts";
import type { OptionTable } from "./options.ts";

const onOff = { kind: "choice", values: ["on", "off"] } as const;

/** Options behind the commas of `--port` from which its policy is made. */
export const POLICY_OPTIONS = {
  client: {
    metavar: "NAME",
    value: { kind: "choice", values: CLIENT_NAMES },
    group: "Offload",
    help:
      "Begin with what this client is known to do (sends, accepts, finish, max-frame); not for " +
      "vhost-user, whose guests say it themselves",
  },
  offload: {
    metavar: "SWITCH",
    value: onOff,
    group: "Offload",
    help: "Short for sends= and accepts=: both csum+tso4+tso6, or both none",
  },
  sends: {
    metavar: "FEATURES",
    value: { kind: "features" },
    group: "Offload",
    help:
      "What the VM may leave unfinished: none, or any of csum tso4 tso6 ufo uso ecn with + between " +
      "them (default: as client, or none; a vhost-user guest is offered all but ufo)",
  },
  accepts: {
    metavar: "FEATURES",
    value: { kind: "features" },
    group: "Offload",
    help:
      "What may be left unfinished for the VM; the rest is done here: checksums are completed, large " +
      "frames are cut (default: as client, or none; a vhost-user guest is offered all but ufo)",
  },
  "vnet-hdr": {
    metavar: "BYTES",
    value: { kind: "choice", values: ["0", "10", "12"] },
    default: `${PORT_DEFAULTS.vnetHdr}`,
    group: "Offload",
    help:
      "Length of the virtio-net header in front of each frame on the socket; not for vhost-user",
  },
  finish: {
    metavar: "SWITCH",
    value: onOff,
    group: "Offload",
    help:
      "Complete every checksum for the VM, also of large frames that it takes (default: as client, " +
      "or off); not for vhost-user",
  },
  "forward-safe": {
    metavar: "SWITCH",
    value: onOff,
    default: "off",
    group: "Offload",
    help:
      "Give the VM no frame above its MTU whatever it accepts: it forwards to containers or pods",
  },
  "clamp-mss": {
    metavar: "SWITCH",
    value: onOff,
    default: "off",
    group: "Offload",
    help:
      "Lower the MSS of TCP connections from and to the VM to what fits its MTU, 1500 if not given",
  },
  mtu: {
    metavar: "BYTES",
    value: { kind: "integer", min: 68, max: 65_535, unit: "bytes" },
    group: "Frames",
    help:
      "Largest IP packet of the VM; sets max-frame to 22 more, an Ethernet header and two tags, " +
      "unless it has large frames",
  },
  "max-frame": {
    metavar: "BYTES",
    value: { kind: "integer", min: 60, max: MAX_FRAME, unit: "bytes" },
    default: PORT_DEFAULTS.maxFrame,
    group: "Frames",
    help: "Longest frame taken from or given to the VM; longer ones are dropped",
  },
} as const satisfies OptionTable;

/** True for the name of one of the {@linkcode POLICY_OPTIONS}. */
export function isPolicyOption(name: string): boolean {
  return Object.hasOwn(POLICY_OPTIONS, name);
}
