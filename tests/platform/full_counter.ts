/**
 * A process that signals a counter which its other holder has filled and made blocking: see signals_test.ts.
 *
 * @module
 */
import { openKernel } from "../../src/platform/mod.ts";

const SET_FLAGS = 4;
const FULL = 0xffff_ffff_ffff_fffen;

const libc = Deno.dlopen("libc.so.6", {
  fcntl: { parameters: ["i32", "i32", "i64"], result: "i32" },
  eventfd_write: { parameters: ["i32", "u64"], result: "i32" },
  eventfd_read: { parameters: ["i32", "buffer"], result: "i32" },
});

function read(fd: number): string {
  const value = new BigUint64Array(1);
  libc.symbols.eventfd_read(fd, new Uint8Array(value.buffer));
  return `${value[0]}`;
}

const kernel = openKernel(1 << 20);
const sharing = kernel.sharing!;
const full = kernel.openWake(), other = kernel.openWake();
sharing.adoptWake(full);
libc.symbols.eventfd_write(full, FULL);
const noRoom = libc.symbols.eventfd_write(full, 1n) < 0;
libc.symbols.fcntl(full, SET_FLAGS, 0n);
const flags = Deno.readTextFileSync(`/proc/self/fdinfo/${full}`);
const blocks = noRoom && /^flags:\s+0*2000002$/m.test(flags); // O_CLOEXEC, O_RDWR
const signals = Array.from({ length: 200 }, () => sharing.signal(full));
const others = [sharing.signal(other), read(other)];
const facts = { blocks, signals, count: read(full), others };
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(facts)));
kernel.dispose();
