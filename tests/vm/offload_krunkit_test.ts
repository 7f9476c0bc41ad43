/**
 * Guests without offload (QEMU's stream and dgram cannot have any) and a VM with it, as krunkit with
 * `offloading=on`, exchange megabytes.
 *
 * The VM is scripted, so that every frame is known to be as hard as it gets: up to 65,549 bytes, no header
 * that would say anything about it, the checksum only begun. The guests are real, so that a real kernel
 * judges what the switch makes of it: it compares every checksum, counts what is wrong, and its own
 * segments come back as large frames.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type Guest } from "./guest.ts";
import { Krunkit } from "./krunkit.ts";
import { type Lab, say, vmTest } from "./lab.ts";
import { dgram, stream } from "./netdev.ts";
import type { SwitchProcess } from "./switch_process.ts";
import { assertBalanced } from "./stats.ts";
import { ECHO, SINK, SOURCE } from "./tcp_host.ts";

/** What is sent each way. */
const BYTES = 8 << 20;
/** The VM's port in the switch, and one beside it that knows nothing of offloads. */
const KRUNKIT = 50, PLAIN = 60;

interface Room {
  readonly guests: readonly Guest[];
  readonly vswitch: SwitchProcess;
}

async function furnish(lab: Lab): Promise<Room> {
  const vswitch = await lab.startSwitch([
    `a=stream:${lab.path("a")},client=qemu`,
    `b=dgram:${lab.path("b")},client=qemu`,
    `c=dgram:${lab.path("c")},client=krunkit-offload`,
    `d=dgram:${lab.path("d")}`,
  ]);
  const guests = [
    lab.boot(1, stream(lab.path("a"))),
    lab.boot(2, dgram(lab.path("b.guest"), lab.path("b"))),
  ];
  await Promise.all(guests.map((guest) => guest.up()));
  return { guests, vswitch };
}

/** What a guest's kernel found wrong, and how often it sent something again. */
async function complaints(guest: Guest): Promise<Record<string, number>> {
  const lines = (await guest.sh("cat /proc/net/snmp")).split("\n").map((line) => line.split(/:? /));
  const count = (protocol: string, counter: string) => {
    const [names, values] = lines.filter(([name]) => name === protocol);
    return Number(values[names.indexOf(counter)]);
  };
  const six = await guest.sh("cat /proc/net/snmp6");
  return {
    ip: count("Ip", "InHdrErrors"),
    tcp: count("Tcp", "InErrs"),
    tcpChecksum: count("Tcp", "InCsumErrors"),
    udpChecksum: count("Udp", "InCsumErrors"),
    udp6Checksum: Number(/Udp6InCsumErrors\s+(\d+)/.exec(six)?.[1]),
    resent: count("Tcp", "RetransSegs"),
  };
}

const NONE = { ip: 0, tcp: 0, tcpChecksum: 0, udpChecksum: 0, udp6Checksum: 0 };

/** The guest takes what the VM sends. */
async function download(guest: Guest, vm: Krunkit, address: string): Promise<void> {
  const sum = await guest.sh(`socat -u ${address}:${SOURCE} STDOUT | sha256sum`, 40);
  const { outcome } = await vm.next();
  assertEquals(outcome, { ...outcome, bytes: BYTES, resent: 0, strays: 0, reset: false });
  assertEquals(sum.split(" ")[0], outcome.digest);
}

/** The VM takes what the guest sends. */
async function upload(guest: Guest, vm: Krunkit, address: string): Promise<void> {
  await guest.sh(`dd if=/dev/urandom of=/tmp/file bs=64k count=${BYTES >> 16} 2>/dev/null`, 40);
  await guest.sh(`socat -u FILE:/tmp/file ${address}:${SINK}`, 40);
  const { outcome } = await vm.next();
  assertEquals(outcome, { ...outcome, bytes: BYTES, strays: 0, reset: false });
  assertEquals((await guest.sh("sha256sum /tmp/file", 40)).split(" ")[0], outcome.digest);
}

/** What comes back when a guest says `text` to a VM by UDP: empty when nothing does. */
async function echo(guest: Guest, address: string, text: string): Promise<string> {
  return await guest.sh(`echo ${text} | socat -t 0.5 - ${address}:${ECHO}`, 20);
}

vmTest("switch lets guests without offload talk to a krunkit with offload", 120, async (lab, t) => {
  const { guests, vswitch } = await furnish(lab);
  const way = { number: KRUNKIT, path: lab.path("c"), offload: true, bytes: BYTES };
  await using vm = await Krunkit.start(lab, way);
  for (const [i, guest] of guests.entries()) {
    const kind = ["stream", "dgram"][i];
    for (const [family, address] of [["TCP4", vm.ip], ["TCP6", `[${vm.ip6}]`]]) {
      await t.step(
        `${kind} guest takes ${BYTES} bytes by ${family} as they were sent`,
        async () => {
          await download(guest, vm, `${family}:${address}`);
        },
      );
      await t.step(`${kind} guest sends ${BYTES} bytes by ${family}`, async () => {
        await upload(guest, vm, `${family}:${address}`);
      });
    }
    await t.step(`${kind} guest gets UDP answers`, async () => {
      assertEquals(await echo(guest, `UDP4:${vm.ip}`, "four"), "four\n");
      assertEquals(await echo(guest, `UDP6:[${vm.ip6}]`, "six"), "six\n");
    });
    await t.step(`${kind} guest found nothing wrong`, async () => {
      const found = await complaints(guest);
      say(`    ${kind} guest: ${found.resent} segments sent again`);
      assertEquals(found, { ...NONE, resent: found.resent });
      assert(found.resent <= 10, `${found.resent} segments were sent again`);
    });
  }
  await t.step("the VM found nothing wrong, and got and sent large frames", async () => {
    await guests[0].sh(`socat -u FILE:/etc/passwd TCP4:${vm.ip}:${SINK}`, 20);
    const { census } = await vm.next();
    say(`    the VM: ${JSON.stringify(census)}`);
    assertEquals(census.faults, []);
    assertEquals(census.longestSent, 65_549);
    assert(census.longestReceived > 10_000, "nothing was merged for it");
  });
  await t.step("the same VM without its offloads in the policy is not understood", async () => {
    await using other = await Krunkit.start(lab, { ...way, number: PLAIN, path: lab.path("d") });
    assertEquals(await echo(guests[0], `UDP4:${other.ip}`, "four"), "");
    assertEquals((await complaints(guests[0])).udpChecksum, 1);
  });
  assertBalanced(await vswitch.stats());
  await vswitch.stop();
});
