/**
 * Presets: what each real client does, number by number, and that none contradicts itself.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { CLIENT_NAMES, clients, VHOST_USER } from "../../src/offload/clients.ts";
import { Feature, formatFeatures, LARGE } from "../../src/offload/features.ts";
import { MAX_FRAME, PORT_DEFAULTS } from "../../src/port/config.ts";

/** The facts as the clients' sources have them, typed a second time. */
const FACTS: Record<string, [maxFrame: number, sockets: string, offloads?: string]> = {
  qemu: [4096 + 65_536, "dgram stream"],
  vfkit: [65_550, "dgram"],
  krunkit: [65_562 - 12, "dgram stream"],
  "krunkit-offload": [65_562 - 12, "dgram stream", "csum+tso4+ufo finished"],
  libkrun: [65_562 - 12, "dgram stream"],
  "libkrun-offload": [65_562 - 12, "dgram stream", "csum+tso4+ufo finished"],
  lima: [32 << 10, "stream"],
  socket_vmnet: [64 << 10, "stream"],
  passt: [65_535, "stream"],
  "vmnet-helper": [1514, "dgram"],
  "vmnet-helper-offload": [65_550, "dgram", "csum+tso4+tso6"],
};

Deno.test("clients have the limits and offloads of the real ones", () => {
  assertEquals(Object.keys(FACTS), [...CLIENT_NAMES]);
  for (const name of CLIENT_NAMES) {
    const { maxFrame, sockets, sends, accepts, finish } = clients[name];
    const offloads = formatFeatures(sends) + (finish ? " finished" : "");
    const [expected, kinds, features = "none"] = FACTS[name];
    assertEquals([maxFrame, sockets.join(" "), offloads], [expected, kinds, features], name);
    assertEquals(accepts, sends, name);
  }
});

Deno.test("clients that may be told more than their preset says are told by -offload, libkrun also TSO6", () => {
  for (const name of CLIENT_NAMES) {
    const { able, sends } = clients[name];
    const more = name === "libkrun-offload" ? Feature.TSO6 : 0;
    assertEquals(able, sends | more, name);
    assertEquals(sends !== 0, name.endsWith("-offload"), name);
    if (sends !== 0) assert(clients[name.replace("-offload", "")].able === 0, name);
  }
});

Deno.test("VHOST_USER offers all but ufo, and may be told to offer that", () => {
  const { sends, accepts, able, vnetHdr, finish } = VHOST_USER;
  assertEquals(formatFeatures(sends), "csum+tso4+tso6+uso+ecn");
  assertEquals([accepts, vnetHdr, finish], [sends, 12, false]);
  assert((able & Feature.UFO) !== 0);
});

Deno.test("clients could be ports: what is large has csum and room, and no limit is above ours", () => {
  assertEquals(Math.max(...CLIENT_NAMES.map((name) => clients[name].maxFrame)), MAX_FRAME);
  for (const name of CLIENT_NAMES) {
    const { sends, accepts, able, maxFrame } = clients[name];
    for (const set of [sends, accepts, able]) {
      if ((set & LARGE) !== 0) assert((set & Feature.CSUM) !== 0 && maxFrame >= 65_549, name);
      assertEquals(set & (Feature.USO | Feature.ECN), 0, `${name}: no vnet header could tell`);
    }
  }
  assertEquals(PORT_DEFAULTS.maxFrame, clients.libkrun.maxFrame);
});
