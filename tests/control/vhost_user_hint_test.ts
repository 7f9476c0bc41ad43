/**
 * Hints for vhost-user ports, compared as whole strings.
 *
 * @module
 */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { parsePort } from "../../src/cli/port_spec.ts";
import { connectHints, suggestMac } from "../../src/control/connect_hint.ts";
import { WORLD } from "../cli/world.ts";

const BACKEND = "-object memory-backend-memfd,id=mem0,size=1G,share=on " +
  "-machine memory-backend=mem0 ";

/** Hints for a port at a path, by default one that listens. */
function hints(path: string, kind = "vhost-user", options = "") {
  const policy = parsePort(`vm=${kind}:a${options}`, WORLD);
  const connects = WORLD.kinds[kind as "vhost-user-client"].connects;
  const endpoint = { socket: "vhost-user", path, pathLimit: 107, client: "", policy } as const;
  return connectHints(connects ? { ...endpoint, connects } : endpoint);
}

const netdev = (path: string) =>
  "-netdev vhost-user,id=net0,chardev=chr0 " +
  `-device virtio-net-pci,netdev=net0,mac=${suggestMac(path)}`;

Deno.test("connectHints() has QEMU's and Cloud Hypervisor's arguments for a vhost-user port", () => {
  const path = "/run/vs/vm1.sock";
  const chardev = (how: string) => `-chardev socket,id=chr0,path=${path},${how} `;
  const cloud = "--memory size=1G,shared=on " +
    `--net vhost_user=true,socket=${path},mac=${suggestMac(path)}`;
  assertEquals(hints(path), {
    qemu: BACKEND + chardev("reconnect-ms=500") + netdev(path),
    "qemu-7.2": BACKEND + chardev("reconnect=1") + netdev(path),
    "cloud-hypervisor": cloud,
  });
  assertEquals(hints(path, "vhost-user-client"), {
    qemu: BACKEND + chardev("server=on,wait=off") + netdev(path),
    "cloud-hypervisor": `${cloud},vhost_mode=server`,
  });
});

Deno.test("connectHints() has the monitor tell the guest of a vhost-user port its MTU", () => {
  for (const kind of ["vhost-user", "vhost-user-client"]) {
    const plain = hints("/run/a", kind), jumbo = hints("/run/a", kind, ",mtu=9000");
    assertEquals(Object.keys(jumbo), Object.keys(plain));
    const mac = suggestMac("/run/a");
    for (const [monitor, text] of Object.entries(jumbo)) {
      const told = monitor === "cloud-hypervisor" ? "mtu=9000" : "host_mtu=9000";
      assertStringIncludes(text, `mac=${mac},${told}`);
      assertEquals(text.replace(`,${told}`, ""), plain[monitor]);
    }
  }
  // Cloud Hypervisor does not start with less than 1280.
  assertEquals(Object.keys(hints("/run/a", "vhost-user", ",mtu=1279")), ["qemu", "qemu-7.2"]);
  assertStringIncludes(hints("/run/a", "vhost-user", ",mtu=1280")["cloud-hypervisor"], ",mtu=1280");
});

Deno.test("connectHints() has them whatever a vhost-user port offers: guests negotiate", () => {
  for (const options of [",offload=off", ",sends=csum+ufo,accepts=csum", ",forward-safe=on"]) {
    assertEquals(hints("/run/a", "vhost-user", options), hints("/run/a"));
  }
});

Deno.test("connectHints() quotes the path of a vhost-user port, and leaves out who cannot", () => {
  const comma = hints("/run/a,b");
  assertEquals(Object.keys(comma), ["qemu", "qemu-7.2"]);
  assertStringIncludes(comma.qemu, "path=/run/a,,b,reconnect-ms=500 ");
  for (const char of '="[]') assertEquals(hints(`/run/a${char}b`)["cloud-hypervisor"], undefined);
  const space = hints("/run/it's a");
  assertStringIncludes(space.qemu, ` -chardev 'socket,id=chr0,path=/run/it'\\''s a,reconnect-ms=`);
  assertMatch(space["cloud-hypervisor"], / --net 'vhost_user=true,socket=\/run\/it'\\''s a,mac=/);
  assertEquals(hints("/" + "x".repeat(107)), {});
});
