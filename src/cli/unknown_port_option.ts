/**
 * What to say about a word behind a comma of `--port` that is no option of ours.
 *
 * Many of them are right, in another place: a VM monitor's arguments for the same socket look much like a
 * port, and are often copied from one to the other.
 *
 * @module
 */
import { featureOf } from "../offload/features.ts";
import type { Kind } from "./environment.ts";
import { optionsOf } from "./kind_options.ts";
import { didYouMean } from "./suggest.ts";
import { quote } from "./usage_error.ts";

/** Words of QEMU's and Cloud Hypervisor's arguments that reach a port. */
const MONITOR_OPTIONS: ReadonlySet<string> = new Set([
  "addr.path",
  "addr.type",
  "chardev",
  "host_mtu",
  "id",
  "mac",
  "memory-backend",
  "netdev",
  "path",
  "reconnect",
  "reconnect-ms",
  "server",
  "share",
  "shared",
  "size",
  "socket",
  "vectors",
  "vhost_mode",
  "vhost_user",
  "wait",
]);

/** Why `piece`, whose name is `name`, cannot be an option of a port of this kind. */
export function unknownPortOption(name: string, piece: string, kind: Kind): string {
  if (piece === "") return "there is nothing after a comma; remove the comma";
  const unknown = `${quote(name)} is not an option of a port`;
  if (name === "queues" || name === "num_queues") {
    return `${unknown}: there is one queue pair a VM; leave it out`;
  }
  if (MONITOR_OPTIONS.has(name)) {
    return `${unknown}: it belongs to the VM monitor's arguments; leave it out here`;
  }
  if (name === piece && /[/.]/.test(piece)) {
    return `a comma starts an option and ${quote(piece)} is none; a path cannot contain a comma`;
  }
  if (featureOf(name) !== 0) {
    return `${unknown}; features have + between them, as in sends=csum+tso4`;
  }
  const names = optionsOf(kind);
  return unknown + (didYouMean(name, names) || `; there are ${names.join(", ")}`);
}
