/**
 * A guest is killed in the middle of its traffic and comes back; nobody else notices.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { Guest } from "./guest.ts";
import { type Lab, vmTest } from "./lab.ts";
import { dgram, type Netdev, stream } from "./netdev.ts";
import { probe } from "./outage.ts";
import { assertBalanced } from "./stats.ts";

/** Kill `victim` while it receives a TCP stream from `other`, as guests 1 and 3 go on talking. */
async function killInTraffic(victim: Guest, other: Guest, peer: Guest): Promise<void> {
  await victim.sh("iperf3 -s -D; until netstat -lnt | grep -q :5201; do usleep 50000; done", 10);
  const traffic = other.run(`iperf3 -c ${victim.ip} -t 30 -b 100M`, 40);
  const unaffected = probe(other, peer, 8);
  await victim.run("sleep 2", 10);
  await victim.kill();
  const seen = await unaffected;
  assertEquals(seen.answered, seen.sent, `guests ${other.number} and ${peer.number} lost probes`);
  await other.run("killall -9 iperf3", 10);
  await traffic;
}

/** It talks at once, in both directions: what it had at another time or port is forgotten or moved. */
async function talks(newcomer: Guest, others: readonly Guest[]): Promise<void> {
  for (const other of others) {
    // the first word is the newcomer's: its address moves with that frame
    await newcomer.sh(`ping -c 1 -W 3 ${other.ip}`, 10);
    const seen = await probe(other, newcomer, 2);
    assertEquals(seen.answered, seen.sent, `guest ${other.number} to ${newcomer.number}`);
    await other.sh(`ping -6 -c 1 -W 3 ${newcomer.ip6}`, 10);
  }
}

/** Ports of both kinds; guest 2 lives on the one under test, first at `b`, later at `d`. */
async function scenario(
  lab: Lab,
  port: (name: string) => { text: string; netdev: Netdev },
): Promise<void> {
  const [b, d] = [port("b"), port("d")];
  const vswitch = await lab.startSwitch([
    `a=stream:${lab.path("a")}`,
    b.text,
    `c=dgram:${lab.path("c")}`,
    d.text,
  ]);
  const first = lab.boot(1, stream(lab.path("a")));
  const third = lab.boot(3, dgram(lab.path("c.guest"), lab.path("c")));
  const victim = lab.boot(2, b.netdev);
  await Promise.all([first.up(), victim.up(), third.up()]);
  await killInTraffic(victim, first, third);

  const reborn = await lab.boot(2, b.netdev).up();
  await talks(reborn, [first, third]);

  await reborn.kill();
  const moved = await lab.boot(2, d.netdev).up();
  await talks(moved, [first, third]);
  assertBalanced(await vswitch.stats());
  await vswitch.stop();
}

vmTest(
  "switch takes back a killed guest on a stream port, and on another",
  75,
  (lab) =>
    scenario(lab, (name) => ({
      text: `${name}=stream:${lab.path(name)}`,
      netdev: stream(lab.path(name)),
    })),
);

vmTest(
  "switch takes back a killed guest on a dgram port, and on another",
  75,
  (lab) =>
    scenario(lab, (name) => ({
      text: `${name}=dgram:${lab.path(name)}`,
      netdev: dgram(lab.path(`${name}.guest`), lab.path(name)),
    })),
);
