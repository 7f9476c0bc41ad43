/**
 * The arguments that point a VM monitor at a port, ready to paste into a shell.
 *
 * They differ by monitor and even by its version, and a wrong one fails silently, so the switch prints
 * them. What cannot work is left out: vfkit and krunkit split their arguments at commas and know no way to
 * quote one, and a path that exceeds a socket address reaches nobody.
 *
 * @module
 */

/** What a hint depends on. */
export interface Endpoint {
  readonly socket: "dgram" | "stream";
  /** Absolute path of the socket. */
  readonly path: string;
  /** Longest socket path in bytes. */
  readonly pathLimit: number;
}

/**
 * Arguments by monitor. A number behind a name is the version they start with: `qemu` is 9.2 and later for stream
 * ports and 7.2 for datagram ports, `qemu-8.0` is for 8.0 to 9.1, `qemu-7.2` for 7.2 (which does not reconnect).
 */
export type ConnectHints = { readonly [monitor: string]: string };

/** Ending of the path a QEMU binds for its own side of a datagram port. */
const VM_SUFFIX = "-vm";

/** Hints for a port with a path; a second VM on the same port needs another `mac` (and another own path). */
export function connectHints(endpoint: Endpoint): ConnectHints {
  if (byteLength(endpoint.path) > endpoint.pathLimit) return {};
  const mac = suggestMac(endpoint.path);
  return endpoint.socket === "dgram" ? dgramHints(endpoint, mac) : streamHints(endpoint.path, mac);
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

function dgramHints({ path, pathLimit }: Endpoint, mac: string): ConnectHints {
  const own = path + VM_SUFFIX;
  const netdev = `dgram,id=net0,local.type=unix,local.path=${qemuPath(own)},` +
    `remote.type=unix,remote.path=${qemuPath(path)}`;
  const qemu = byteLength(own) > pathLimit ? {} : { qemu: qemuArguments(netdev, mac) };
  if (path.includes(",")) return qemu;
  return {
    ...qemu,
    vfkit: `--device ${shellWord(`virtio-net,unixSocketPath=${path},mac=${mac}`)}`,
    krunkit: `--device ${shellWord(`virtio-net,type=unixgram,path=${path},mac=${mac}`)}`,
  };
}

function streamHints(path: string, mac: string): ConnectHints {
  const netdev = `stream,id=net0,server=off,addr.type=unix,addr.path=${qemuPath(path)}`;
  const krunkit = `--device ${shellWord(`virtio-net,type=unixstream,path=${path},mac=${mac}`)}`;
  return {
    qemu: qemuArguments(`${netdev},reconnect-ms=500`, mac),
    "qemu-8.0": qemuArguments(`${netdev},reconnect=1`, mac),
    "qemu-7.2": qemuArguments(netdev, mac),
    ...(path.includes(",") ? {} : { krunkit }),
    // A JSON string is a YAML string.
    lima: `networks: [{socket: ${JSON.stringify(path)}}]`,
  };
}

function qemuArguments(netdev: string, mac: string): string {
  return `-netdev ${shellWord(netdev)} -device virtio-net-pci,netdev=net0,mac=${mac}`;
}

/** QEMU takes two commas for one. */
function qemuPath(path: string): string {
  return path.replaceAll(",", ",,");
}

/** Quoted for a POSIX shell where it must be. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).byteLength;
}
