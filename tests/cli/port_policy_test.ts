/**
 * The policy of a port: what each option and preset makes of it, and how they go together.
 *
 * @module
 */
import { assert, assertEquals, assertObjectMatch, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { parsePort } from "../../src/cli/port_spec.ts";
import { UsageError } from "../../src/cli/usage_error.ts";
import { CLIENT_NAMES, clients } from "../../src/offload/clients.ts";
import {
  Feature,
  FEATURE_NAMES,
  LARGE,
  OFFLOAD_ON,
  parseFeatures,
} from "../../src/offload/features.ts";
import type { PortConfig } from "../../src/port/config.ts";
import { WORLD } from "./world.ts";

const parse = (text: string): PortConfig => parsePort(text, WORLD);

/** A port for a client, on a socket that it has. */
const portFor = (client: string, options = "") =>
  parse(`${clients[client].sockets[0]}:a.sock,client=${client}${options}`);

Deno.test("parsePort() reads the value of every offload option", () => {
  assertObjectMatch(
    parse(
      "a,sends=csum+tso4,accepts=tso6+ecn+csum,vnet-hdr=10,forward-safe=on,clamp-mss=on",
    ),
    {
      sends: Feature.CSUM | Feature.TSO4,
      accepts: Feature.CSUM | Feature.TSO6 | Feature.ECN,
      vnetHdr: 10,
      finish: false,
      forwardSafe: true,
      clampMss: true,
      mtu: 0,
      maxFrame: 65_550,
    },
  );
  assertObjectMatch(parse("a,offload=on,finish=on"), { vnetHdr: 0, finish: true });
  assertObjectMatch(parse("a,offload=on"), { sends: OFFLOAD_ON, accepts: OFFLOAD_ON });
  assertObjectMatch(parse("a,offload=off"), { sends: 0, accepts: 0 });
  assertObjectMatch(parse("a,sends=none,finish=off,forward-safe=off,clamp-mss=off"), {
    sends: 0,
    finish: false,
    forwardSafe: false,
    clampMss: false,
  });
});

Deno.test("parsePort() gives a port what is known of its client", () => {
  for (const name of CLIENT_NAMES) {
    const { sends, accepts, finish, maxFrame } = clients[name];
    const port = portFor(name);
    assertObjectMatch(port, { client: name, sends, accepts, finish, maxFrame, vnetHdr: 0, mtu: 0 });
    assertEquals(portFor(name, `,max-frame=${maxFrame}`).maxFrame, maxFrame);
    assertThrows(() => portFor(name, `,max-frame=${maxFrame + 1}`), UsageError);
    const byDescriptor = parse(`fd:3,client=${name}`);
    assertObjectMatch(byDescriptor, { client: name, sends, accepts, finish, maxFrame });
  }
});

Deno.test("parsePort() lets options take back or change what client= sets", () => {
  const usual = portFor("krunkit-offload");
  assertEquals(portFor("krunkit-offload", ",accepts=none"), {
    ...usual,
    accepts: 0,
    asked: "client=krunkit-offload,accepts=none",
  });
  assertEquals(portFor("krunkit-offload", ",offload=off,finish=off"), {
    ...usual,
    sends: 0,
    accepts: 0,
    finish: false,
    asked: "client=krunkit-offload,offload=off,finish=off",
  });
  assertEquals(
    portFor("libkrun-offload", ",sends=csum+tso4+tso6").sends,
    Feature.CSUM | Feature.TSO4 | Feature.TSO6,
  );
  assertEquals(
    parse("a,sends=csum,client=krunkit-offload").sends,
    Feature.CSUM,
    "whichever comes first",
  );
});

Deno.test("parsePort() sets max-frame by what is given, the large frames, the mtu and the client", () => {
  for (
    const [text, maxFrame] of [
      ["a", 65_550],
      ["a,mtu=1500", 1522],
      ["a,mtu=65535", 65_550],
      ["a,mtu=1500,sends=csum", 1522],
      ["a,mtu=1500,sends=csum+tso4", 65_550],
      ["a,mtu=1500,accepts=csum+ufo", 65_550],
      ["a,mtu=1500,accepts=csum+tso4,forward-safe=on", 65_550],
      ["a,mtu=1500,sends=csum+tso4,max-frame=1523", 1523],
      ["a,sends=csum+tso4,mtu=65535,max-frame=65549", 65_549],
      ["a,client=qemu", 69_632],
      ["a,client=qemu,mtu=1500", 1522],
      ["a,client=krunkit-offload,mtu=1500", 65_550],
      ["stream:a,client=lima", 32_768],
      ["stream:a,client=lima,mtu=32754", 32_768],
      ["a,client=vmnet-helper,mtu=1500", 1514],
      ["a,client=vmnet-helper-offload,mtu=1500", 65_550],
    ] as const
  ) assertEquals(parse(text).maxFrame, maxFrame, text);
});

Deno.test("parsePort() keeps what was asked of the policy as it was written", () => {
  for (
    const [text, asked] of [
      ["a,clients=refuse,queue=1M", ""],
      ["a,client=krunkit-offload,full=pause,mtu=1500", "client=krunkit-offload,mtu=1500"],
      ["a,sends=csum+csum,mode=600,max-frame=09000", "sends=csum+csum,max-frame=09000"],
    ] as const
  ) assertEquals(parse(text).asked, asked);
});

/** Feature lists, sensible or not, beside other options of the policy. */
const list = fc.uniqueArray(fc.constantFrom(...FEATURE_NAMES)).map((names) =>
  names.join("+") || "none"
);

Deno.test("parsePort() lets no impossible policy start", () => {
  const optional = <T>(arbitrary: fc.Arbitrary<T>) =>
    fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
  const written = fc.record({
    client: optional(fc.constantFrom(...CLIENT_NAMES)),
    sends: optional(list),
    accepts: optional(list),
    offload: optional(fc.constantFrom("on", "off")),
    "vnet-hdr": optional(fc.constantFrom("0", "10", "12")),
    mtu: optional(fc.integer({ min: 68, max: 65_535 })),
    "max-frame": optional(fc.integer({ min: 60, max: 69_632 })),
  });
  let read = 0;
  fc.assert(
    fc.property(written, (options) => {
      const pieces = Object.entries(options).filter(([, value]) => value !== undefined)
        .map(([name, value]) => `,${name}=${value}`);
      let port: PortConfig;
      try {
        port = parse(`fd:3${pieces.join("")}`);
      } catch (error) {
        assert(error instanceof UsageError);
        return;
      }
      read++;
      checkPossible(port);
      if (options.sends !== undefined) assertEquals(port.sends, parseFeatures(options.sends));
      if (options.accepts !== undefined) assertEquals(port.accepts, parseFeatures(options.accepts));
    }),
    { numRuns: 5000 },
  );
  assert(read > 500, `only ${read} policies were possible: too few to prove anything`);
});

function checkPossible({ client, sends, accepts, vnetHdr, mtu, maxFrame }: PortConfig): void {
  for (const set of [sends, accepts]) {
    if ((set & LARGE) !== 0) assert((set & Feature.CSUM) !== 0);
    if ((set & Feature.ECN) !== 0) assert((set & (Feature.TSO4 | Feature.TSO6)) !== 0);
    if ((set & Feature.USO) !== 0) assert(vnetHdr !== 0);
  }
  if (mtu !== 0) assert(maxFrame >= mtu + 14);
  if (((sends | accepts) & LARGE) !== 0) assert(maxFrame > Math.min((mtu || 1500) + 22, 65_548));
  if (client === "") return;
  assert(maxFrame <= clients[client].maxFrame);
  assertEquals((sends | accepts) & ~clients[client].able, 0);
  assertEquals(vnetHdr, 0);
}
