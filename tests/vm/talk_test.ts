/**
 * Three guests on three kinds of port talk in every way Ethernet has.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Guest } from "./guest.ts";
import { type Lab, seconds, vmTest } from "./lab.ts";
import { dgram, dgramDescriptor, stream } from "./netdev.ts";
import type { SwitchProcess } from "./switch_process.ts";
import { assertBalanced } from "./stats.ts";

interface Room {
  readonly guests: readonly Guest[];
  readonly vswitch: SwitchProcess;
}

/** One guest each on a stream path, a dgram path and an inherited datagram socket. */
async function furnish(lab: Lab): Promise<Room> {
  const pair = lab.pair("dgram");
  const vswitch = await lab.startSwitch([
    `a=stream:${lab.path("a")}`,
    `b=dgram:${lab.path("b")}`,
    `c=fd:${pair.far}`,
  ], [pair.far]);
  const guests = [
    lab.boot(1, stream(lab.path("a"))),
    lab.boot(2, dgram(lab.path("b.guest"), lab.path("b"))),
    lab.boot(3, dgramDescriptor(pair.near)),
  ];
  pair[Symbol.dispose]();
  // promiscuous: QEMU's NIC otherwise takes out frames for others and groups the guest is not in, uncounted
  await Promise.all(guests.map(async (guest) => (await guest.up()).sh("ifconfig eth0 promisc")));
  return { guests, vswitch };
}

async function eachPair(guests: readonly Guest[], command: (to: Guest) => string): Promise<void> {
  for (const from of guests) {
    for (const to of guests) if (from !== to) await from.sh(command(to), 20);
  }
}

async function sendFile(from: Guest, to: Guest): Promise<void> {
  const got = to.run("socat -u TCP-LISTEN:7000,reuseaddr STDOUT | sha256sum", 40);
  const listening = "until netstat -lnt | grep -q :7000; do usleep 50000; done";
  await to.sh(listening, 10);
  await from.sh("dd if=/dev/urandom of=/tmp/file bs=1M count=8 2>/dev/null");
  await from.sh(`socat -u FILE:/tmp/file TCP:${to.ip}:7000`, 40);
  assertEquals((await got).output, await from.sh("sha256sum </tmp/file"));
}

async function countForeignFrames(watcher: Guest, from: Guest, to: Guest): Promise<number> {
  const capture = watcher.run(
    `tcpdump -i eth0 -nn -w /tmp/seen icmp and not host ${watcher.ip} 2>/dev/null & sleep 4; kill $!; wait; ` +
      "tcpdump -nr /tmp/seen 2>/dev/null | wc -l",
    20,
  );
  await seconds(1.5);
  await from.sh(`ping -c 10 -i 0.1 ${to.ip}`);
  return Number((await capture).output);
}

/** Frames by the switch's count and by the guest's. */
interface Census {
  readonly name: string;
  readonly sent: { readonly vswitch: number; readonly guest: number };
  readonly received: { readonly vswitch: number; readonly guest: number };
}

async function census({ guests, vswitch }: Room): Promise<Census[]> {
  await seconds(1);
  // virtio_net counts a frame as sent when it takes back the slot, and it does that when it sends again
  await eachPair(guests, (to) => `ping -c 1 -W 3 ${to.ip}`);
  const { ports } = await vswitch.stats();
  return await Promise.all(["a.1", "b", "c"].map(async (name, i) => {
    const port = ports.find((one) => one.name === name);
    assert(port, `no port ${name} in ${JSON.stringify(ports)}`);
    const counts = await guests[i].sh(
      "cd /sys/class/net/eth0/statistics; cat tx_packets rx_packets",
    );
    const [sent, received] = counts.split("\n").map(Number);
    return {
      name,
      sent: { vswitch: port.rx.frames, guest: sent },
      received: { vswitch: port.tx.frames, guest: received },
    };
  }));
}

/** A guest may speak between the two readings: neighbour probes, router solicitations. */
function near(name: string, what: string, vswitch: number, guest: number): void {
  assert(
    Math.abs(vswitch - guest) <= 5,
    `guest on ${name} ${what} ${guest} frames, the switch counted ${vswitch}`,
  );
}

vmTest("switch lets guests on stream, dgram and fd ports talk", 150, async (lab, t) => {
  const room = await furnish(lab);
  const { guests, vswitch } = room;
  const atFirst = await census(room); // frames that came before a guest's driver was up are nobody's loss
  const [a, b, c] = guests;

  await t.step(
    "ping v4, all pairs",
    () => eachPair(guests, (to) => `ping -c 2 -i 0.2 -W 3 ${to.ip}`),
  );
  await t.step(
    "ping v6, all pairs",
    () => eachPair(guests, (to) => `ping -6 -c 2 -i 0.2 -W 3 ${to.ip6}`),
  );
  await t.step(
    "full-size and fragmented ping",
    () =>
      eachPair(
        guests,
        (to) => `ping -c 1 -W 3 -s 1472 ${to.ip} && ping -c 1 -W 3 -s 8000 ${to.ip}`,
      ),
  );
  await t.step(
    "broadcast is answered, all pairs",
    () => eachPair(guests, (to) => `ip neigh flush dev eth0; arping -f -w 3 -I eth0 ${to.ip}`),
  );
  await t.step("multicast to all nodes is answered by all", async () => {
    for (const from of guests) {
      const answers = await from.sh("ping -6 -c 3 -i 0.3 -W 2 -I eth0 ff02::1");
      const others = new Set(answers.match(/from \S+/g));
      assert(
        others.size >= guests.length - 1,
        `guest ${from.number} heard ${[...others]}: ${answers}`,
      );
    }
  });
  await t.step("a file by TCP arrives as it was sent, around the triangle", async () => {
    for (const [from, to] of [[a, b], [b, c], [c, a]]) await sendFile(from, to);
  });
  await t.step("VLAN-tagged frames pass", async () => {
    const tag = (guest: Guest) =>
      "ip link add link eth0 name eth0.7 type vlan id 7; ip link set eth0.7 up; " +
      `ip addr add 10.7.0.${guest.number}/24 dev eth0.7`;
    for (const guest of guests) await guest.sh(tag(guest));
    // 1472 + 28 + 14 + 4 for the tag: the longest tagged frame of a 1500 byte link
    await eachPair(guests, (to) => `ping -c 2 -i 0.2 -W 3 -s 1472 10.7.0.${to.number}`);
  });
  await t.step("jumbo frames pass", async () => {
    for (const guest of guests) await guest.sh("ip link set eth0 mtu 9000");
    await eachPair(guests, (to) => `ping -c 2 -i 0.2 -W 3 -s 8972 ${to.ip}`);
  });
  await t.step("learned unicast is not flooded", async () => {
    for (const [from, to, watcher] of [[a, b, c], [b, c, a], [c, a, b]]) {
      assertEquals(await countForeignFrames(watcher, from, to), 0);
    }
  });
  await t.step(
    "statistics account for every frame, and agree with the guests' own counts",
    async () => {
      assertBalanced(await vswitch.stats());
      const now = await census(room);
      for (const [i, { name, sent, received }] of now.entries()) {
        near(
          name,
          "sent",
          sent.vswitch - atFirst[i].sent.vswitch,
          sent.guest - atFirst[i].sent.guest,
        );
        const [ours, theirs] = [
          received.vswitch - atFirst[i].received.vswitch,
          received.guest - atFirst[i].received.guest,
        ];
        near(name, "received", ours, theirs);
      }
    },
  );
  assert(vswitch.alive);
  await vswitch.stop();
});
