import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { parsePort } from "../../src/cli/port_spec.ts";
import { Failure } from "../../src/control/failure.ts";
import { absolutePath, readyLine, writeReady } from "../../src/control/ready.ts";
import type { OpenedPort } from "../../src/engine/protocol.ts";
import { NO_OFFLOAD } from "../../src/offload/policy.ts";
import type { Kernel } from "../../src/platform/kernel.ts";
import { openKernel } from "../../src/platform/mod.ts";
import { WORLD } from "../cli/world.ts";

const PROCESS = { version: "9.8.7", pid: 42, folder: "/home/u", pathLimit: 107, bulk: "calls" };

const PLAIN = { client: "", asked: "", policy: NO_OFFLOAD };
/** What the line says of it. */
const NOTHING = {
  asked: "",
  sends: [],
  accepts: [],
  vnet_hdr: 0,
  mtu: 0,
  max_frame: 65_550,
  finish: false,
  forward_safe: false,
  clamp_mss: false,
};

Deno.test("readyLine() tells every port with its path or descriptor", () => {
  const line = readyLine([
    {
      name: "a",
      kind: "dgram",
      socket: "dgram",
      target: "a.sock",
      clients: "replace",
      buffers: 4_194_304,
      ...PLAIN,
    },
    {
      name: "vm1",
      kind: "fd",
      socket: "stream",
      target: "3",
      clients: "refuse",
      buffers: 0,
      ...PLAIN,
    },
    {
      name: "lan",
      kind: "fd",
      socket: "stream",
      target: "lan",
      clients: "many",
      buffers: 0,
      ...PLAIN,
    },
  ], PROCESS);
  assertEquals({ ...line, ports: line.ports.map((port) => ({ ...port, connect: undefined })) }, {
    event: "ready",
    version: "9.8.7",
    pid: 42,
    bulk: "calls",
    ports: [
      {
        name: "a",
        kind: "dgram",
        socket: "dgram",
        path: "/home/u/a.sock",
        clients: "replace",
        buffers: 4_194_304,
        offload: NOTHING,
        connect: undefined,
      },
      {
        name: "vm1",
        kind: "fd",
        socket: "stream",
        fd: 3,
        clients: "refuse",
        buffers: 0,
        offload: NOTHING,
        connect: undefined,
      },
      {
        name: "lan",
        kind: "fd",
        socket: "stream",
        fdName: "lan",
        clients: "many",
        buffers: 0,
        offload: NOTHING,
        connect: undefined,
      },
    ],
  });
  assertMatch(line.ports[0].connect.vfkit, /unixSocketPath=\/home\/u\/a\.sock,/);
  assertEquals(line.ports[1].connect, {});
  assert(!JSON.stringify(line).includes("\n"));
});

Deno.test("readyLine() tells the policy that was asked and the one in effect", () => {
  const facts = (options: string) => {
    const { client, asked, ...config } = parsePort(`a.sock,${options}`, WORLD);
    const port = {
      name: "a",
      kind: "dgram",
      socket: "dgram",
      target: "a.sock",
      clients: "replace",
    };
    const opened = { ...port, buffers: 0, client, asked, policy: config } as OpenedPort;
    return readyLine([opened], PROCESS).ports[0];
  };
  assertEquals(facts("client=krunkit-offload,mtu=1500").offload, {
    ...NOTHING,
    asked: "client=krunkit-offload,mtu=1500",
    sends: ["csum", "tso4", "ufo"],
    accepts: ["tso4", "ufo"],
    mtu: 1500,
    finish: true,
  });
  assertEquals(
    facts("offload=on,vnet-hdr=12,max-frame=9018,forward-safe=on,clamp-mss=on").offload,
    {
      ...NOTHING,
      asked: "offload=on,vnet-hdr=12,max-frame=9018,forward-safe=on,clamp-mss=on",
      sends: ["csum", "tso4", "tso6"],
      accepts: ["csum"],
      vnet_hdr: 12,
      max_frame: 9018,
      forward_safe: true,
      clamp_mss: true,
    },
  );
  assertEquals(Object.keys(facts("client=krunkit-offload").connect), ["krunkit"]);
  assertMatch(facts("client=krunkit-offload").connect.krunkit, /,offloading=on$/);
});

Deno.test("readyLine() tells how to reach vhost-user ports, and what their guests are offered", () => {
  const ports = ["vhost-user", "vhost-user-client"].map((kind): OpenedPort => {
    const { name, target, clients, client, asked, ...policy } = parsePort(`vm=${kind}:a`, WORLD);
    const opened = { name, kind, socket: "vhost-user", target, clients, buffers: 0 } as const;
    return { ...opened, client, asked, policy };
  });
  const [listens, connects] = readyLine(ports, PROCESS).ports;
  assertEquals([listens.socket, listens.path], ["vhost-user", "/home/u/a"]);
  assertEquals(listens.offload, {
    ...NOTHING,
    sends: ["csum", "tso4", "tso6", "uso", "ecn"],
    accepts: ["csum", "tso4", "tso6", "uso", "ecn"],
    vnet_hdr: 12,
  });
  assertMatch(listens.connect.qemu, /path=\/home\/u\/a,reconnect-ms=500 /);
  assertMatch(connects.connect.qemu, /path=\/home\/u\/a,server=on,wait=off /);
});

Deno.test("absolutePath() keeps what may follow a symlink", () => {
  assertEquals(absolutePath("/run/a.sock", "/x"), "/run/a.sock");
  assertEquals(absolutePath("./sub//a.sock", "/home/u"), "/home/u/sub/a.sock");
  assertEquals(absolutePath("../a.sock", "/home/u"), "/home/u/../a.sock");
  assertEquals(absolutePath("a.sock", "/"), "/a.sock");
});

const forever = new AbortController().signal;

/** The system call behind fcntl(3), which is variadic: on Apple's arm64 that would pass the flag elsewhere. */
const [LIBRARY, FCNTL] = Deno.build.os === "darwin"
  ? ["/usr/lib/libSystem.B.dylib", "__fcntl"]
  : ["libc.so.6", "fcntl"];

/** A socketpair whose first end looks like one a launcher left open. */
function inheritedPair(kernel: Kernel): [near: number, far: number] {
  kernel.socketPair(1);
  const [near, far] = kernel.pair;
  const libc = Deno.dlopen(LIBRARY, {
    fcntl: { name: FCNTL, parameters: ["i32", "i32", "i64"], result: "i32" },
  });
  libc.symbols.fcntl(near, 2, 0n); // F_SETFD: as inherited, it survives an exec
  libc.close();
  return [near, far];
}

Deno.test("writeReady() refuses a descriptor that is the runtime's own", () => {
  const kernel = openKernel(1 << 20);
  try {
    kernel.socketPair(1);
    const [near, far] = kernel.pair;
    assertThrows(() => writeReady(kernel, near, "x", forever), Failure, "is not open");
    kernel.close(near);
    kernel.close(far);
  } finally {
    kernel.dispose();
  }
});

Deno.test("writeReady() writes the line and closes the descriptor", async () => {
  const kernel = openKernel(1 << 20);
  try {
    const [near, far] = inheritedPair(kernel);
    assertEquals(await writeReady(kernel, near, '{"event":"ready"}', forever), undefined);
    const at = kernel.arena.take(64);
    const count = kernel.read(far, at, 64);
    const text = new TextDecoder().decode(kernel.arena.u8.slice(at, at + count));
    assertEquals(text, '{"event":"ready"}\n');
    assertEquals(kernel.read(far, at, 64), 0); // the end: a launcher that waits for it goes on
    kernel.close(far);
  } finally {
    kernel.dispose();
  }
});

Deno.test("writeReady() warns when the launcher is gone, and fails when there is no such descriptor", async () => {
  const kernel = openKernel(1 << 20);
  try {
    const [near, far] = inheritedPair(kernel);
    kernel.close(far);
    assertEquals(
      await writeReady(kernel, near, "x", forever),
      `Cannot write the ready line to descriptor ${near}: EPIPE`,
    );
    const error = assertThrows(() => writeReady(kernel, 999, "x", forever), Failure);
    assertEquals(
      error.message,
      "Cannot write the ready line to descriptor 999: it is not open; start vswitch with it open, as in --ready-fd 3 3>FILE",
    );
    assert(error.usage);
  } finally {
    kernel.dispose();
  }
});

Deno.test("writeReady() neither waits for a launcher that does not read nor outlives the end", async () => {
  const kernel = openKernel(1 << 20);
  try {
    const [near, far] = inheritedPair(kernel);
    while (kernel.writeBytes(near, new Uint8Array(4096)) > 0);
    const end = new AbortController();
    const written = writeReady(kernel, near, "x".repeat(10_000), end.signal);
    setTimeout(() => end.abort(), 30);
    assertEquals(
      await written,
      `Cannot write the ready line to descriptor ${near}: it was not read in time`,
    );
    kernel.close(far);
  } finally {
    kernel.dispose();
  }
});
