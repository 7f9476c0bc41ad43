/**
 * The lines about a port's policy, word for word.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { parsePort } from "../../src/cli/port_spec.ts";
import { tellPolicy } from "../../src/control/policy_text.ts";
import { WORLD } from "../cli/world.ts";

/** Lines about a port with these options, their level in front. */
function told(options: string): string[] {
  const config = parsePort(`fd:3${options}`, WORLD);
  const { name, kind, target, clients, client, asked } = config;
  const opened = { name, kind, socket: "dgram", target, clients, buffers: 0 } as const;
  return tellPolicy({ ...opened, client, asked, policy: config })
    .map(({ level, text }) => `${level}: ${text}`);
}

const UNMARKED =
  "warning: accepts csum, but its socket has no header to say that a checksum is unfinished; " +
  "libkrun's guests drop such frames: use client=krunkit-offload or finish=on if this is one";

Deno.test("tellPolicy() is silent about a port that was not asked for a policy", () => {
  assertEquals(told(""), []);
  assertEquals(told(",queue=2M,clients=refuse"), []);
});

Deno.test("tellPolicy() says the policy in effect in one line", () => {
  for (
    const [options, text] of [
      ["offload=off", "sends nothing, accepts nothing, frames to 65550"],
      ["mtu=1500", "sends nothing, accepts nothing, mtu 1500, frames to 1522"],
      [
        "client=krunkit-offload",
        "sends csum+tso4+ufo, accepts tso4+ufo, checksums finished, frames to 65550",
      ],
      [
        "client=krunkit-offload,mtu=1500,forward-safe=on,clamp-mss=on",
        "sends csum+tso4+ufo, accepts nothing, checksums finished, mtu 1500, frames to 65550, forward-safe, MSS clamped",
      ],
      [
        "sends=csum+tso4+ecn,accepts=csum,vnet-hdr=12",
        "sends csum+tso4+ecn, accepts csum, vnet header of 12 bytes, frames to 65550",
      ],
      ["client=lima", "sends nothing, accepts nothing, frames to 32768"],
      [
        "client=vmnet-helper-offload",
        "sends csum+tso4+tso6, accepts csum+tso4+tso6, frames to 65550",
      ],
    ]
  ) assertEquals(told(`,${options}`), [`info: ${text}`]);
});

Deno.test("tellPolicy() says what a vhost-user guest is offered, if that was asked for", () => {
  const offered = (options: string) => {
    const config = parsePort(`vm=vhost-user:a${options}`, WORLD);
    const { name, kind, target, clients, client, asked } = config;
    const opened = { name, kind, socket: "vhost-user", target, clients, buffers: 0 } as const;
    return tellPolicy({ ...opened, client, asked, policy: config });
  };
  assertEquals(offered(""), []);
  assertEquals(offered(",poll-us=0,unsealed=on"), []);
  assertEquals(offered(",accepts=none,mtu=9000"), [{
    level: "info",
    text: "offered to its guest: sends csum+tso4+tso6+uso+ecn, accepts nothing, " +
      "vnet header of 12 bytes, mtu 9000, frames to 65550",
  }]);
});

Deno.test("tellPolicy() doubts unfinished checksums without a header to mark them", () => {
  const doubted = (options: string) => told(`,${options}`).includes(UNMARKED);
  for (const options of ["offload=on", "accepts=csum", "client=krunkit-offload,finish=off"]) {
    assertEquals(doubted(options), true, options);
  }
  for (
    const options of [
      "sends=csum",
      "accepts=csum,finish=on",
      "accepts=csum,vnet-hdr=12",
      "client=krunkit-offload",
      "client=vmnet-helper-offload",
    ]
  ) assertEquals(doubted(options), false, options);
});

Deno.test("tellPolicy() doubts a max-frame below what the VM may send", () => {
  const last = (options: string) => told(`,${options}`).at(-1);
  const longer = (maxFrame: number) =>
    `warning: its VM may send frames of 65549 bytes and max-frame is ${maxFrame}; longer ones are dropped`;
  assertEquals(last("sends=csum+tso4,max-frame=9018"), longer(9018));
  assertEquals(last("sends=csum+tso4,max-frame=65548"), longer(65_548));
  for (
    const options of [
      "sends=csum+tso4,max-frame=65549",
      "sends=csum,max-frame=9018",
      "accepts=csum+tso4,finish=on,max-frame=9018",
    ]
  ) assertEquals(told(`,${options}`).length, 1, options);
});
