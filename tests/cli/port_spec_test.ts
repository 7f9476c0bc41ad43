/**
 * One `--port` value: what each spelling means, and that every port can be written and read back.
 *
 * @module
 */
import { assertEquals, assertObjectMatch } from "@std/assert";
import * as fc from "fast-check";
import type { Kind } from "../../src/cli/environment.ts";
import { PORT_OPTIONS } from "../../src/cli/options.ts";
import { parsePort } from "../../src/cli/port_spec.ts";
import { VHOST_USER } from "../../src/offload/clients.ts";
import { Feature, formatFeatures, LARGE, TSO } from "../../src/offload/features.ts";
import type { VnetBytes } from "../../src/offload/policy.ts";
import { PORT_DEFAULTS, type PortConfig } from "../../src/port/config.ts";
import { WORLD } from "./world.ts";

const parse = (text: string): PortConfig => parsePort(text, WORLD);

Deno.test("parsePort() fills in every default", () => {
  assertEquals(parse("a.sock"), {
    name: "a",
    kind: "dgram",
    target: "a.sock",
    clients: "replace",
    full: "drop",
    pauseMs: 100,
    queue: 1 << 20,
    mtu: 0,
    maxFrame: 65_550,
    mode: 0o600,
    gid: -1,
    maxMacs: 8192,
    client: "",
    asked: "",
    pollUs: 10,
    unsealed: false,
    sends: 0,
    accepts: 0,
    vnetHdr: 0,
    finish: false,
    forwardSafe: false,
    clampMss: false,
  });
  assertObjectMatch(parse("a.sock"), PORT_DEFAULTS);
  assertEquals(parse("stream:a.sock").clients, "many");
  assertEquals(parse("fd:3").clients, "refuse");
});

Deno.test("parsePort() tells name, kind and target apart", () => {
  for (
    const [text, name, kind, target] of [
      ["a.sock", "a", "dgram", "a.sock"],
      ["a", "a", "dgram", "a"],
      ["/tmp/vm.1.sock", "vm.1", "dgram", "/tmp/vm.1.sock"],
      ["../x/_b-c.sock", "_b-c", "dgram", "../x/_b-c.sock"],
      ["vm1=a.sock", "vm1", "dgram", "a.sock"],
      ["vm1=stream:/tmp/a", "vm1", "stream", "/tmp/a"],
      ["dgram:a.sock", "a", "dgram", "a.sock"],
      ["vm=dgram:dgram:a", "vm", "dgram", "dgram:a"],
      ["vm=./stream:a", "vm", "dgram", "./stream:a"],
      ["./foo:/x", "x", "dgram", "./foo:/x"],
      ["stream:/a=b/c:d/e", "e", "stream", "/a=b/c:d/e"],
      ["vm=./a=b:c", "vm", "dgram", "./a=b:c"],
      ["vm=a=b", "vm", "dgram", "a=b"],
      ["stream=stream:stream", "stream", "stream", "stream"],
      ["fd:3", "fd3", "fd", "3"],
      ["fd:0", "fd0", "fd", "0"],
      ["vm1=fd:12", "vm1", "fd", "12"],
      ["vm=/tmp/with space", "vm", "dgram", "/tmp/with space"],
      ["vm=/tmp/ü.sock", "vm", "dgram", "/tmp/ü.sock"],
    ]
  ) {
    const read = parse(text);
    assertEquals([read.name, read.kind, read.target], [name, kind, target], text);
  }
});

Deno.test("parsePort() reads the value of every option", () => {
  const read = parse(
    "a,clients=refuse,full=pause,pause-ms=1,queue=128K,mtu=1500,mode=0660,group=kvm,max-macs=1",
  );
  assertObjectMatch(read, {
    clients: "refuse",
    full: "pause",
    pauseMs: 1,
    queue: 131_072,
    mtu: 1500,
    maxFrame: 1522,
    mode: 0o660,
    gid: 108,
    maxMacs: 1,
  });
});

Deno.test("parsePort() takes each range to its ends", () => {
  for (
    const [option, field, least, most] of [
      ["queue", "queue", ["131072", 131_072], ["64M", 64 << 20]],
      ["queue", "queue", ["128k", 131_072], ["65536K", 64 << 20]],
      ["mtu", "mtu", ["68", 68], ["65535", 65_535]],
      ["max-frame", "maxFrame", ["60", 60], ["69632", 69_632]],
      ["pause-ms", "pauseMs", ["1", 1], ["60000", 60_000]],
      ["max-macs", "maxMacs", ["1", 1], ["8192", 8192]],
      ["mode", "mode", ["0", 0], ["777", 0o777]],
      ["group", "gid", ["0", 0], ["4294967294", 4_294_967_294]],
      ["group", "gid", ["root", 0], ["kvm", 108]],
    ] as const
  ) {
    for (const [text, value] of [least, most]) {
      assertEquals(parse(`a,${option}=${text}`)[field], value, `${option}=${text}`);
    }
  }
});

Deno.test("parsePort() lets max-frame follow mtu unless it is given", () => {
  assertEquals(parse("a,mtu=65535").maxFrame, 65_550);
  assertEquals(parse("a,mtu=68").maxFrame, 90);
  assertEquals(parse("a,max-frame=9014,mtu=9000").maxFrame, 9014);
});

/** What max-frame is when it is not given, and there is no client. */
function usualMaxFrame({ mtu, sends, accepts }: Pick<PortConfig, "mtu" | "sends" | "accepts">) {
  return mtu === 0 || ((sends | accepts) & LARGE) !== 0 ? 65_550 : Math.min(mtu + 22, 65_550);
}

/** Writes a port as a user could, naming only what differs from the defaults when `brief`. */
function write(port: PortConfig, kind: Kind, brief: boolean): string {
  const options: string[] = [];
  const put = (name: keyof typeof PORT_OPTIONS, text: string, usual: boolean) => {
    if (!brief || !usual) options.push(`,${name}=${text}`);
  };
  const onOff = (on: boolean) => on ? "on" : "off";
  put("clients", port.clients, port.clients === kind.clients);
  put("full", port.full, port.full === "drop");
  put("pause-ms", `${port.pauseMs}`, port.pauseMs === 100);
  const mebibytes = port.queue / (1 << 20);
  put("queue", Number.isInteger(mebibytes) ? `${mebibytes}M` : `${port.queue}`, mebibytes === 1);
  if (port.mtu > 0) options.push(`,mtu=${port.mtu}`);
  put("max-frame", `${port.maxFrame}`, port.maxFrame === usualMaxFrame(port));
  const usual = kind.shares ? VHOST_USER : { sends: 0, accepts: 0 };
  put("sends", formatFeatures(port.sends), port.sends === usual.sends);
  put("accepts", formatFeatures(port.accepts), port.accepts === usual.accepts);
  if (kind.shares) {
    put("poll-us", `${port.pollUs}`, port.pollUs === 20);
    put("unsealed", onOff(port.unsealed), !port.unsealed);
  } else {
    put("vnet-hdr", `${port.vnetHdr}`, port.vnetHdr === 0);
    put("finish", onOff(port.finish), !port.finish);
  }
  put("forward-safe", onOff(port.forwardSafe), !port.forwardSafe);
  put("clamp-mss", onOff(port.clampMss), !port.clampMss);
  if (kind.target === "path" && kind.connects !== true) {
    put("mode", port.mode.toString(8), port.mode === 0o600);
  }
  if (port.gid >= 0) options.push(`,group=${port.gid}`);
  put("max-macs", `${port.maxMacs}`, port.maxMacs === 8192);
  return `${port.name}=${port.kind}:${port.target}${options.join("")}`;
}

/** A name by its grammar. */
const name = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$/);
/** Any path to a file: no comma, no directory, and not one that awaits a shell. */
const path = fc.string({ minLength: 1, maxLength: 40, unit: "grapheme" })
  .filter((text) => !/,|(^|\/)\.{0,2}$|^~\//.test(text));
const place = fc.oneof(
  fc.record({
    kind: fc.constantFrom("dgram", "stream", "vhost-user", "vhost-user-client"),
    target: path,
  }),
  fc.record({ kind: fc.constant("fd"), target: fc.nat(999_999_999).map(String) }),
);
/** Sets of features that may be declared with a vnet header: those for large frames need csum, ecn needs TSO. */
const features = fc.nat(63).filter((set) =>
  ((set & (LARGE | Feature.ECN)) === 0 || (set & Feature.CSUM) !== 0) &&
  ((set & Feature.ECN) === 0 || (set & TSO) !== 0)
);
/** Frames of a port: what of them is unfinished, its MTU, and a max-frame that can carry both. */
const frames = fc.record({
  sends: features,
  accepts: features,
  vnetHdr: fc.constantFrom<VnetBytes>(0, 10, 12),
  mtu: fc.oneof(fc.constant(0), fc.integer({ min: 68, max: 65_535 })),
  finish: fc.boolean(),
  forwardSafe: fc.boolean(),
  clampMss: fc.boolean(),
}).map((frames) =>
  frames.vnetHdr !== 0
    ? { ...frames, finish: false }
    : { ...frames, sends: frames.sends & ~Feature.USO, accepts: frames.accepts & ~Feature.USO }
).chain((frames) => {
  const { mtu, sends, accepts } = frames;
  const large = ((sends | accepts) & LARGE) !== 0;
  const room = large ? Math.min((mtu || 1500) + 23, 65_549) : mtu === 0 ? 60 : mtu + 14;
  return fc.record({
    ...Object.fromEntries(Object.entries(frames).map(([key, value]) => [key, fc.constant(value)])),
    maxFrame: fc.oneof(
      fc.constant(usualMaxFrame(frames)),
      fc.integer({ min: room, max: 69_632 }),
    ),
  }) as fc.Arbitrary<typeof frames & { maxFrame: number }>;
});
const port = fc.record({
  name,
  place,
  clients: fc.constantFrom("many", "replace", "refuse"),
  full: fc.constantFrom("drop", "pause"),
  pauseMs: fc.integer({ min: 1, max: 60_000 }),
  queue: fc.oneof(
    fc.integer({ min: 128 << 10, max: 64 << 20 }),
    fc.integer({ min: 1, max: 64 }).map((mebibytes) => mebibytes << 20),
  ),
  frames,
  mode: fc.integer({ min: 0, max: 0o777 }),
  gid: fc.integer({ min: -1, max: 4_294_967_294 }),
  maxMacs: fc.integer({ min: 1, max: 8192 }),
  pollUs: fc.integer({ min: 0, max: 1_000_000 }),
  unsealed: fc.boolean(),
}).map(({ place, frames, ...rest }): PortConfig => {
  const given = place.kind === "fd" || place.kind === "vhost-user-client";
  return {
    ...rest,
    ...place,
    ...frames,
    ...(given ? { mode: 0o600, gid: -1 } : {}),
    ...(place.kind === "vhost-user-client" ? { clients: "replace" } : {}),
    ...(place.kind.startsWith("vhost-user")
      ? { vnetHdr: 12, finish: false }
      : { pollUs: 10, unsealed: false }),
    client: "",
    asked: "",
  };
});

Deno.test("parsePort() reads back every port that can be written", () => {
  fc.assert(
    fc.property(port, fc.boolean(), (port, brief) => {
      const kind: Kind = WORLD.kinds[port.kind as keyof typeof WORLD.kinds];
      assertEquals({ ...parse(write(port, kind, brief)), asked: "" }, port);
    }),
    { numRuns: 2000 },
  );
});
