/**
 * Hints are pasted by people, so they are compared as whole strings.
 *
 * @module
 */
import { assertEquals, assertMatch, assertNotEquals, assertNotMatch } from "@std/assert";
import fc from "fast-check";
import { parsePort } from "../../src/cli/port_spec.ts";
import { connectHints, suggestMac } from "../../src/control/connect_hint.ts";
import { clients } from "../../src/offload/clients.ts";
import { NO_OFFLOAD } from "../../src/offload/policy.ts";
import { WORLD } from "../cli/world.ts";

/** A port that was not asked for a policy. */
const PLAIN = { client: "", policy: NO_OFFLOAD };
const dgram = (path: string, of: Partial<typeof PLAIN> = {}) =>
  connectHints({ socket: "dgram", path, pathLimit: 107, ...PLAIN, ...of });
const stream = (path: string, of: Partial<typeof PLAIN> = {}) =>
  connectHints({ socket: "stream", path, pathLimit: 107, ...PLAIN, ...of });

/** The policy and client of a port as the command line makes it. */
function asked(options: string): typeof PLAIN {
  const config = parsePort(`fd:3,${options}`, WORLD);
  return { client: config.client, policy: config };
}

Deno.test("connectHints() has QEMU's, vfkit's and krunkit's arguments for a datagram port", () => {
  const mac = suggestMac("/run/vs/a.sock");
  assertEquals(dgram("/run/vs/a.sock"), {
    qemu: "-netdev dgram,id=net0,local.type=unix,local.path=/run/vs/a.sock-vm," +
      "remote.type=unix,remote.path=/run/vs/a.sock " +
      `-device virtio-net-pci,netdev=net0,mac=${mac}`,
    vfkit: `--device virtio-net,unixSocketPath=/run/vs/a.sock,mac=${mac}`,
    krunkit: `--device virtio-net,type=unixgram,path=/run/vs/a.sock,mac=${mac}`,
  });
});

Deno.test("connectHints() has each QEMU's way to reconnect for a stream port", () => {
  const mac = suggestMac("/run/vs/lan.sock");
  const netdev = "-netdev stream,id=net0,server=off,addr.type=unix,addr.path=/run/vs/lan.sock";
  const device = ` -device virtio-net-pci,netdev=net0,mac=${mac}`;
  assertEquals(stream("/run/vs/lan.sock"), {
    qemu: netdev + ",reconnect-ms=500" + device,
    "qemu-8.0": netdev + ",reconnect=1" + device,
    "qemu-7.2": netdev + device,
    krunkit: `--device virtio-net,type=unixstream,path=/run/vs/lan.sock,mac=${mac}`,
    lima: 'networks: [{socket: "/run/vs/lan.sock"}]',
  });
});

Deno.test("connectHints() doubles commas for QEMU and leaves out who cannot quote them", () => {
  const hints = dgram("/run/a,b.sock");
  assertEquals(Object.keys(hints), ["qemu"]);
  assertMatch(
    hints.qemu,
    /local\.path=\/run\/a,,b\.sock-vm,remote\.type=unix,remote\.path=\/run\/a,,b\.sock /,
  );
  const { qemu, lima, krunkit } = stream("/run/a,b.sock");
  assertMatch(qemu, /addr\.path=\/run\/a,,b\.sock,reconnect-ms=500 /);
  assertEquals(lima, 'networks: [{socket: "/run/a,b.sock"}]');
  assertEquals(krunkit, undefined);
});

Deno.test("connectHints() quotes for the shell what it would take apart", async () => {
  const path = "/tmp/it's a $HOME/`x`.sock";
  const script = `for word in ${dgram(path).vfkit}; do printf '%s\\n' "$word"; done`;
  const { stdout } = await new Deno.Command("sh", { args: ["-c", script] }).output();
  const words = new TextDecoder().decode(stdout).trimEnd().split("\n");
  assertEquals(words, ["--device", `virtio-net,unixSocketPath=${path},mac=${suggestMac(path)}`]);
});

Deno.test("connectHints() leaves out what does not fit a socket address", () => {
  const fits = "/" + "x".repeat(103); // 104 bytes: QEMU's own path would have 107
  assertEquals(Object.keys(dgram(fits)), ["qemu", "vfkit", "krunkit"]);
  assertEquals(Object.keys(dgram(fits + "x")), ["vfkit", "krunkit"]);
  assertEquals(dgram(fits + "xxxx"), {});
  assertEquals(stream("/" + "é".repeat(54)), {}); // 55 characters, 109 bytes
});

Deno.test("connectHints() turns krunkit's offloads on for a port that declares them", () => {
  const path = "/run/a.sock", mac = suggestMac(path);
  const { sends, accepts, finish } = clients["krunkit-offload"];
  const policy = { ...NO_OFFLOAD, sends, accepts, finish };
  const device = (type: string) =>
    `--device virtio-net,type=${type},path=${path},mac=${mac},offloading=on`;
  for (const client of ["krunkit-offload", ""]) {
    assertEquals(dgram(path, { client, policy }), { krunkit: device("unixgram") });
    assertEquals(stream(path, { client, policy }), { krunkit: device("unixstream") });
  }
  const off = { client: "krunkit-offload", policy: NO_OFFLOAD };
  assertEquals(dgram(path, off), {
    krunkit: `--device virtio-net,type=unixgram,path=${path},mac=${mac}`,
  });
});

Deno.test("connectHints() has only hints of the client that was named", () => {
  for (
    const [client, forDgram, forStream] of [
      ["qemu", ["qemu"], ["qemu", "qemu-8.0", "qemu-7.2"]],
      ["vfkit", ["vfkit"], []],
      ["krunkit", ["krunkit"], ["krunkit"]],
      ["krunkit-offload", ["krunkit"], ["krunkit"]],
      ["lima", [], ["lima"]],
      ["libkrun", [], []],
      ["libkrun-offload", [], []],
      ["passt", [], []],
      ["vmnet-helper-offload", [], []],
    ] as const
  ) {
    const of = asked(`client=${client}`);
    assertEquals(Object.keys(dgram("/a", of)), [...forDgram], client);
    assertEquals(Object.keys(stream("/a", of)), [...forStream], client);
  }
});

Deno.test("connectHints() leaves out clients whose network a policy would break", () => {
  const names = (options: string) => [
    Object.keys(dgram("/a", asked(options))),
    Object.keys(stream("/a", asked(options))),
  ];
  const qemus = ["qemu", "qemu-8.0", "qemu-7.2"];
  // What is declared and never sent does no harm, so krunkit may offload.
  assertEquals(names("sends=csum+tso4+ufo"), [["qemu", "vfkit", "krunkit"], [
    ...qemus,
    "krunkit",
    "lima",
  ]]);
  assertMatch(dgram("/a", asked("sends=csum+tso4+ufo")).krunkit, /,offloading=on$/);
  assertNotMatch(dgram("/a", asked("sends=csum+tso4")).krunkit, /offloading/);
  // Nobody of them takes checksums that are unfinished, or any offload over IPv6.
  assertEquals(names("accepts=csum"), [[], []]);
  assertEquals(names("accepts=csum,finish=on"), [["qemu", "vfkit", "krunkit"], [
    ...qemus,
    "krunkit",
    "lima",
  ]]);
  assertEquals(names("offload=on,finish=on"), [[], []]);
  // A large frame is cut for a VM that forwards, whoever it is.
  assertEquals(names("accepts=csum+tso6,finish=on,forward-safe=on"), [
    ["qemu", "vfkit", "krunkit"],
    [...qemus, "krunkit", "lima"],
  ]);
  // None of them has a vnet header.
  for (const bytes of [10, 12]) assertEquals(names(`vnet-hdr=${bytes}`), [[], []]);
});

Deno.test("suggestMac() is stable, unicast and locally administered, and tells paths apart", () => {
  assertEquals(suggestMac("/a"), suggestMac("/a"));
  assertNotEquals(suggestMac("/run/a.sock"), suggestMac("/run/b.sock"));
  fc.assert(
    fc.property(fc.string(), (path) => /^52:54:00(:[0-9a-f]{2}){3}$/.test(suggestMac(path))),
  );
});
