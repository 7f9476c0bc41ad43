/**
 * The arguments that point a VM monitor at a port, ready to paste into a shell.
 *
 * They differ by monitor and even by its version, and a wrong one fails silently, so the switch prints
 * them. What cannot work is left out: vfkit and krunkit split their arguments at commas and know no way to
 * quote one, a path that exceeds a socket address reaches nobody, and a client that leaves unfinished what
 * the port does not declare, or is given unfinished what it does not take, has a broken network.
 *
 * @module
 */

import { clients, type SocketKind } from "../offload/clients.ts";
import { accepted, NO_OFFLOAD, type Policy } from "../offload/policy.ts";
import { qemuPath, shellWord } from "./quote_argument.ts";
import { vhostUserHints } from "./vhost_user_hint.ts";

/** What a hint depends on. */
export interface Endpoint {
  readonly socket: SocketKind;
  /** Absolute path of the socket. */
  readonly path: string;
  /** Longest socket path in bytes. */
  readonly pathLimit: number;
  /** Preset the port was given, or empty, and its policy. */
  readonly client: string;
  readonly policy: Policy;
  /** vhost-user: the VM makes the socket, and we connect to it. */
  readonly connects?: boolean;
}

/**
 * Arguments by monitor. A number behind a name is the version they start with: `qemu` is 9.2 and later for stream
 * and vhost-user ports and 7.2 for datagram ports, `qemu-8.0` is for 8.0 to 9.1, `qemu-7.2` for 7.2 (whose streams do
 * not reconnect) or, of a vhost-user port, for 7.2 to 9.1.
 */
export type ConnectHints = { readonly [monitor: string]: string };

/** Ending of the path a QEMU binds for its own side of a datagram port. */
const VM_SUFFIX = "-vm";

/** Clients that have a hint, and what it is called: whether krunkit offloads is a matter of its arguments. */
const PROGRAMS: Readonly<Record<string, string>> = {
  qemu: "qemu",
  vfkit: "vfkit",
  krunkit: "krunkit",
  "krunkit-offload": "krunkit",
  lima: "lima",
};

/**
 * Hints for a port with a path; a second VM on the same port needs another `mac` (and another own path). A port with
 * a `client` has hints for that one only.
 */
export function connectHints(endpoint: Endpoint): ConnectHints {
  if (byteLength(endpoint.path) > endpoint.pathLimit) return {};
  const mac = suggestMac(endpoint.path);
  if (endpoint.socket === "vhost-user") {
    const { path, policy: { mtu }, connects = false } = endpoint;
    return vhostUserHints({ path, mac, mtu, connects });
  }
  return Object.keys(PROGRAMS).filter((client) => isRight(client, endpoint)).reduce(
    (hints, client) => ({ ...hints, ...clientHints(client, endpoint, mac) }),
    {},
  );
}

/** True when the client is the one the port is for, and the two do to each other's frames what each expects. */
function isRight(name: string, { socket, client, policy }: Endpoint): boolean {
  const { sockets, sends, accepts, finish } = clients[name];
  if (client !== "" && PROGRAMS[client] !== PROGRAMS[name]) return false;
  const takes = accepted({ ...NO_OFFLOAD, accepts, finish });
  return sockets.includes(socket) && policy.vnetHdr === 0 &&
    (sends & ~policy.sends) === 0 && (accepted(policy) & ~takes) === 0;
}

function clientHints(
  client: string,
  { socket, path, pathLimit }: Endpoint,
  mac: string,
): ConnectHints {
  switch (PROGRAMS[client]) {
    case "qemu":
      return socket === "dgram" ? qemuDgram(path, pathLimit, mac) : qemuStream(path, mac);
    case "vfkit":
      return device("vfkit", path, `virtio-net,unixSocketPath=${path},mac=${mac}`);
    case "krunkit": {
      const type = socket === "dgram" ? "unixgram" : "unixstream";
      const offloading = clients[client].sends === 0 ? "" : ",offloading=on";
      return device(
        "krunkit",
        path,
        `virtio-net,type=${type},path=${path},mac=${mac}${offloading}`,
      );
    }
    default:
      // A JSON string is a YAML string.
      return { lima: `networks: [{socket: ${JSON.stringify(path)}}]` };
  }
}

/**
 * A stable, locally administered MAC address for the VM on a path. QEMU gives every VM the same one unless
 * told, and two VMs with one address cannot talk; krunkit wants to be told in any case.
 */
export function suggestMac(path: string): string {
  let hash = 0x811c_9dc5; // FNV-1a, 32 bits
  for (const byte of new TextEncoder().encode(path)) hash = Math.imul(hash ^ byte, 0x0100_0193);
  const octets = [0x52, 0x54, 0x00, hash >>> 16, hash >>> 8, hash];
  return octets.map((octet) => (octet & 0xff).toString(16).padStart(2, "0")).join(":");
}

function qemuDgram(path: string, pathLimit: number, mac: string): ConnectHints {
  const own = path + VM_SUFFIX;
  if (byteLength(own) > pathLimit) return {};
  const netdev = `dgram,id=net0,local.type=unix,local.path=${qemuPath(own)},` +
    `remote.type=unix,remote.path=${qemuPath(path)}`;
  return { qemu: qemuArguments(netdev, mac) };
}

function qemuStream(path: string, mac: string): ConnectHints {
  const netdev = `stream,id=net0,server=off,addr.type=unix,addr.path=${qemuPath(path)}`;
  return {
    qemu: qemuArguments(`${netdev},reconnect-ms=500`, mac),
    "qemu-8.0": qemuArguments(`${netdev},reconnect=1`, mac),
    "qemu-7.2": qemuArguments(netdev, mac),
  };
}

/** A device of vfkit or krunkit, unless its path has a comma. */
function device(program: string, path: string, text: string): ConnectHints {
  return path.includes(",") ? {} : { [program]: `--device ${shellWord(text)}` };
}

function qemuArguments(netdev: string, mac: string): string {
  return `-netdev ${shellWord(netdev)} -device virtio-net-pci,netdev=net0,mac=${mac}`;
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).byteLength;
}
