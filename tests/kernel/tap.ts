/**
 * A tap: a network interface whose other end is a descriptor (Linux Documentation/networking/tuntap.rst).
 *
 * What is written to it arrives in the kernel as received, what the kernel sends on it is read. Each frame
 * has a 12-byte vnet header in front, by which either side leaves checksums and segmentation to the other.
 *
 * @module
 */

/** What a tap's reader takes unfinished (include/uapi/linux/if_tun.h). */
export const Takes = { CSUM: 1, TSO4: 2, TSO6: 4, TSO_ECN: 8 } as const;

const TUNSETIFF = 0x4004_54can, TUNSETOFFLOAD = 0x4004_54d0n, TUNSETVNETHDRSZ = 0x4004_54d8n;
const IFF_TAP = 0x0002, IFF_NAPI = 0x0010, IFF_NO_PI = 0x1000, IFF_VNET_HDR = 0x4000;
const O_RDWR = 2, O_NONBLOCK = 0o4000, O_CLOEXEC = 0o2000000;
const EAGAIN = 11, CLOCK_MONOTONIC_COARSE = 6;
/** `struct ifreq`: 16 bytes of name, the flags, and a union that is longer than they are. */
const IFREQ_BYTES = 40, NAME_BYTES = 16;
const VNET_BYTES = 12, FRAME_BYTES = 70_000;

const libc = Deno.dlopen("libc.so.6", {
  __errno_location: { parameters: [], result: "pointer" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  ioctl: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  // the same function, with an argument that is no pointer
  ioctlNumber: { name: "ioctl", parameters: ["i32", "usize", "usize"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
}).symbols;

/** How to make a {@linkcode Tap}. */
export interface TapOptions {
  /** Bits of {@linkcode Takes}. */
  readonly takes: number;
  /** Frames that are written go through NAPI, and so through GRO. */
  readonly napi?: boolean;
}

/** A tap that lives as long as the process. */
export class Tap {
  readonly name: string;
  /** To be watched. */
  readonly fd: number;
  readonly #frame = new Uint8Array(FRAME_BYTES);

  constructor(name: string, { takes, napi = false }: TapOptions) {
    this.name = name;
    this.fd = libc.open(cString("/dev/net/tun"), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    check(this.fd, "open /dev/net/tun");
    const request = new Uint8Array(IFREQ_BYTES);
    request.set(cString(name));
    const flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (napi ? IFF_NAPI : 0);
    new DataView(request.buffer).setUint16(NAME_BYTES, flags, true);
    check(libc.ioctl(this.fd, TUNSETIFF, request), `make the tap ${name}`);
    check(libc.ioctl(this.fd, TUNSETVNETHDRSZ, Int32Array.of(VNET_BYTES)), "TUNSETVNETHDRSZ");
    check(libc.ioctlNumber(this.fd, TUNSETOFFLOAD, BigInt(takes)), "TUNSETOFFLOAD");
  }

  /** Hand a vnet header and a frame to the kernel. Returns 0 or the error number it refuses them with. */
  write(frame: Uint8Array): number {
    const bytes = frame as Uint8Array<ArrayBuffer>;
    return libc.write(this.fd, bytes, BigInt(bytes.length)) < 0 ? errno() : 0;
  }

  /** The next vnet header and frame the kernel has sent; undefined when there is none. */
  read(): Uint8Array | undefined {
    const length = libc.read(this.fd, this.#frame, BigInt(FRAME_BYTES));
    if (length >= 0) return this.#frame.slice(0, length);
    const error = errno();
    if (error !== EAGAIN) throw new Error(`Cannot read from the tap ${this.name}: errno ${error}`);
    return undefined;
  }
}

/** How often the kernel's clock has ticked, as far as anybody can tell: a number that changes with a tick. */
export function tick(): bigint {
  const time = new BigInt64Array(2);
  check(libc.clock_gettime(CLOCK_MONOTONIC_COARSE, time), "clock_gettime");
  return time[0] * 1_000_000_000n + time[1];
}

function errno(): number {
  return new Deno.UnsafePointerView(libc.__errno_location()!).getInt32();
}

function check(result: number, what: string): void {
  if (result < 0) throw new Error(`Cannot ${what}: errno ${errno()}`);
}

function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}
