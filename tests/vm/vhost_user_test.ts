/**
 * Real guests on vhost-user ports: QEMU's front-end and Linux's virtio-net driver, with the features people
 * switch on and off, beside guests of other kinds, across the end of the switch and of the guest.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Guest } from "./guest.ts";
import { Krunkit } from "./krunkit.ts";
import { say, seconds, vmTest } from "./lab.ts";
import { stream, vhostUser } from "./netdev.ts";
import { assertBalanced, type PortStats } from "./stats.ts";
import type { SwitchProcess } from "./switch_process.ts";
import { SINK, SOURCE } from "./tcp_host.ts";

const NO_TSO = ["host_tso4=off", "host_tso6=off", "guest_tso4=off", "guest_tso6=off"];
const NO_ECN_UFO = ["host_ecn=off", "guest_ecn=off", "host_ufo=off", "guest_ufo=off"];
const NO_OFFLOAD = ["csum=off", "guest_csum=off", ...NO_TSO, ...NO_ECN_UFO];
const PLAIN_RINGS = ["mrg_rxbuf=off", "event_idx=off", "indirect_desc=off"];

/** What a guest's device has less than all, and what the switch then knows of it. */
const FEATURE_SETS: Readonly<Record<string, { less: string[]; sends: string[] }>> = {
  "all there is": { less: [], sends: ["csum", "tso4", "tso6", "ecn"] },
  "checksums only": { less: [...NO_TSO, ...NO_ECN_UFO], sends: ["csum"] },
  "no offload": { less: NO_OFFLOAD, sends: [] },
  "no merged buffers": { less: ["mrg_rxbuf=off"], sends: ["csum", "tso4", "tso6", "ecn"] },
  "no event indexes": { less: ["event_idx=off"], sends: ["csum", "tso4", "tso6", "ecn"] },
  "no indirect tables": { less: ["indirect_desc=off"], sends: ["csum", "tso4", "tso6", "ecn"] },
  "nothing but VERSION_1": {
    less: [...NO_OFFLOAD, ...PLAIN_RINGS, "disable-legacy=on"],
    sends: [],
  },
  "legacy": { less: ["disable-modern=on", ...PLAIN_RINGS], sends: ["csum", "tso4", "tso6", "ecn"] },
};

/** Pings around the end of a switch, ten a second. */
const PINGS = 70;

/** TCP for two seconds in both directions, one after the other; Mbit/s at the receiver and segments sent again. */
async function iperf(from: Guest, to: Guest): Promise<{ mbits: number[]; resent: number }> {
  await to.sh("iperf3 -s -D; until netstat -lnt | grep -q :5201; do usleep 50000; done", 10);
  const mbits: number[] = [];
  let resent = 0;
  for (const way of ["", "-R"]) {
    const report = await from.sh(`iperf3 -c ${to.ip} -t 2 -J ${way}`, 20);
    const { end } = JSON.parse(report);
    mbits.push(Math.round(end.sum_received.bits_per_second / 1e6));
    resent += end.sum_sent.retransmits;
  }
  await to.sh("killall iperf3");
  return { mbits, resent };
}

/** A file of 4 MiB arrives as it was sent. */
async function sendFile(from: Guest, to: Guest): Promise<void> {
  const got = to.run("socat -u TCP-LISTEN:7000,reuseaddr STDOUT | sha256sum", 40);
  await to.sh("until netstat -lnt | grep -q :7000; do usleep 50000; done", 10);
  await from.sh("dd if=/dev/urandom of=/tmp/file bs=1M count=4 2>/dev/null");
  await from.sh(`socat -u FILE:/tmp/file TCP:${to.ip}:7000`, 40);
  assertEquals((await got).output, await from.sh("sha256sum </tmp/file"));
}

async function portOf(vswitch: SwitchProcess, name: string): Promise<PortStats> {
  const { ports } = await vswitch.stats();
  const port = ports.find((one) => one.name === name);
  assert(port, `no port ${name} in ${JSON.stringify(ports)}`);
  return port;
}

vmTest("vhost-user guests talk with whatever features their devices have", 200, async (lab, t) => {
  const vswitch = await lab.startSwitch([
    `a=vhost-user:${lab.path("a")}`,
    `b=vhost-user:${lab.path("b")}`,
  ]);
  for (const [name, { less, sends }] of Object.entries(FEATURE_SETS)) {
    await t.step(name, async () => {
      const [a, b] = ["a", "b"].map((port, i) =>
        lab.boot(i + 1, vhostUser(lab.path(port), { features: less }))
      );
      await Promise.all([a.up(), b.up()]);
      await a.sh(`ping -c 3 -i 0.2 -W 3 ${b.ip} && ping -6 -c 2 -i 0.2 -W 3 ${b.ip6}`);
      await a.sh(`ping -c 1 -W 3 -s 1472 ${b.ip} && ping -c 1 -W 3 -s 8000 ${b.ip}`);
      await sendFile(a, b);
      const { mbits, resent } = await iperf(a, b);
      const port = await portOf(vswitch, "a");
      assertEquals(port.offload.sends, sends);
      say(`    ${name}: ${mbits.join(" and ")} Mbit/s, ${resent} segments sent again`);
      // The first of two guests talks to nobody for a while.
      const { nowhere = 0, total } = port.drops;
      assertEquals(total, nowhere, JSON.stringify(port.drops));
      await Promise.all([a.kill(), b.kill()]);
    });
  }
  assertBalanced(await vswitch.stats());
  await vswitch.stop();
});

vmTest(
  "a vhost-user guest talks to a stream guest and to a krunkit with offload",
  100,
  async (lab, t) => {
    const vswitch = await lab.startSwitch([
      `a=vhost-user:${lab.path("a")}`,
      `b=stream:${lab.path("b")},client=qemu`,
      `c=dgram:${lab.path("c")},client=krunkit-offload`,
    ]);
    const [a, b] = [lab.boot(1, vhostUser(lab.path("a"))), lab.boot(2, stream(lab.path("b")))];
    await Promise.all([a.up(), b.up()]);
    const bytes = 4 << 20;
    await using vm = await Krunkit.start(lab, {
      number: 50,
      path: lab.path("c"),
      offload: true,
      bytes,
    });
    await t.step("both ways with the stream guest", async () => {
      await sendFile(a, b);
      await sendFile(b, a);
      const { mbits, resent } = await iperf(a, b);
      say(`    to and from a stream guest: ${mbits.join(" and ")} Mbit/s, ${resent} sent again`);
    });
    await t.step("both ways with the krunkit-like VM", async () => {
      const sum = await a.sh(`socat -u TCP4:${vm.ip}:${SOURCE} STDOUT | sha256sum`, 40);
      const down = (await vm.next()).outcome;
      assertEquals([sum.split(" ")[0], down.strays], [down.digest, 0]);
      await a.sh(`socat -u FILE:/tmp/file TCP4:${vm.ip}:${SINK}`, 40);
      const up = (await vm.next()).outcome;
      assertEquals((await a.sh("sha256sum </tmp/file")).split(" ")[0], up.digest);
    });
    const stats = await vswitch.stats();
    assertBalanced(stats);
    await vswitch.stop();
  },
);

vmTest(
  "vhost-user guests lose nothing when the switch is killed and restarted",
  90,
  async (lab) => {
    const ports = ["a", "b"].map((name) => `${name}=vhost-user:${lab.path(name)}`);
    const vswitch = await lab.startSwitch(ports);
    const [a, b] = ["a", "b"].map((name, i) =>
      lab.boot(i + 1, vhostUser(lab.path(name), { reconnect: 1 }))
    );
    await Promise.all([a.up(), b.up()]);
    // What comes back is counted on the wire: all at once it is more than ping's own socket holds.
    const heard = a.sh("timeout 20 tcpdump -lni eth0 'icmp[0] = 0' 2>/dev/null | tail -n 200", 40);
    await seconds(1);
    const pings = a.run(`ping -c ${PINGS} -i 0.1 -W 3 ${b.ip}`, 40);
    await seconds(2);
    await vswitch.kill9();
    await seconds(1.5);
    await vswitch.start();
    await pings;
    const answered = new Set((await heard).match(/seq \d+/g));
    say(`    ${answered.size} of ${PINGS} pings answered`);
    assertEquals(answered.size, PINGS);
    await vswitch.stop();
  },
);

vmTest("a vhost-user guest restarts, and another takes its place", 90, async (lab) => {
  const vswitch = await lab.startSwitch(
    ["a", "b"].map((name) => `${name}=vhost-user:${lab.path(name)}`),
  );
  const [a, b] = ["a", "b"].map((name, i) =>
    lab.boot(i + 1, vhostUser(lab.path(name)), { reboots: true })
  );
  await Promise.all([a.up(), b.up()]);
  await a.sh(`ping -c 2 -i 0.2 -W 3 ${b.ip}; touch /tmp/before`);
  await (await a.monitor()).command("system_reset");
  await a.sh("until ! test -e /tmp/before; do usleep 20000; done", 40);
  await a.up();
  await a.sh(`ping -c 2 -i 0.2 -W 3 ${b.ip}`);
  await a.kill();
  const third = await lab.boot(3, vhostUser(lab.path("a"))).up();
  await third.sh(`ping -c 2 -i 0.2 -W 3 ${b.ip}`);
  assertBalanced(await vswitch.stats());
  await vswitch.stop();
});

vmTest("a vhost-user guest whose QEMU listens is reached", 60, async (lab) => {
  const vswitch = await lab.startSwitch([
    `a=vhost-user-client:${lab.path("a")}`,
    `b=vhost-user:${lab.path("b")}`,
  ]);
  const a = lab.boot(1, vhostUser(lab.path("a"), { server: true }));
  const b = lab.boot(2, vhostUser(lab.path("b")));
  await Promise.all([a.up(), b.up()]);
  await a.sh(`ping -c 3 -i 0.2 -W 3 ${b.ip}`);
  await vswitch.stop();
});

vmTest(
  "a vhost-user guest with memory that can shrink is refused, and told what to do",
  60,
  async (lab) => {
    const vswitch = await lab.startSwitch([`a=vhost-user:${lab.path("a")}`]);
    const { sharesMemory: _, ...netdev } = vhostUser(lab.path("a"));
    const file = lab.path("memory");
    lab.boot(1, { ...netdev, memoryFile: file });
    const log = () => Deno.readTextFileSync(lab.path("switch.log"));
    for (let i = 0; i < 300 && !log().includes("memory-backend-memfd"); i++) await seconds(0.1);
    assert(/memory that can get shorter.*memory-backend-memfd,.*share=on/.test(log()), log());
    await vswitch.stop();
  },
);
