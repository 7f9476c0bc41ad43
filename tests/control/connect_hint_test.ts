/**
 * Hints are pasted by people, so they are compared as whole strings.
 *
 * @module
 */
import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { connectHints, suggestMac } from "../../src/control/connect_hint.ts";

const dgram = (path: string, pathLimit = 107) => connectHints({ socket: "dgram", path, pathLimit });
const stream = (path: string, pathLimit = 107) =>
  connectHints({ socket: "stream", path, pathLimit });

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

Deno.test("suggestMac() is stable, unicast and locally administered, and tells paths apart", () => {
  assertEquals(suggestMac("/a"), suggestMac("/a"));
  assertNotEquals(suggestMac("/run/a.sock"), suggestMac("/run/b.sock"));
  fc.assert(
    fc.property(fc.string(), (path) => /^52:54:00(:[0-9a-f]{2}){3}$/.test(suggestMac(path))),
  );
});
