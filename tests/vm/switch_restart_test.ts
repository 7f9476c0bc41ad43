/**
 * The switch dies, or comes late, under running guests: they are back as soon as their own retry allows.
 *
 * A QEMU stream client with `reconnect-ms` tries again at that interval from the disconnect; a datagram
 * client just sends to the path. Guests never notice (their carrier stays up) and announce nothing, so
 * the new switch knows no address and has to flood until each of them speaks.
 *
 * @module
 */
import { assert } from "@std/assert";
import type { Guest } from "./guest.ts";
import { type Lab, say, seconds, vmTest } from "./lab.ts";
import { dgram, stream } from "./netdev.ts";
import { probe, type Probes } from "./outage.ts";

const RECONNECT_MS = 500;
/**
 * Slack of a gap: the probe's grain (100 ms), and three emulated guests that share two busy cores (1.2 s was
 * not always enough). A guest that is not served again stays silent, so this loses nothing.
 */
const SLACK_SECONDS = 3;

/** A stream and a dgram port, and a guest for each, all in `lab.folder`. */
function ports(lab: Lab): string[] {
  return [`a=stream:${lab.path("a")}`, `b=dgram:${lab.path("b")}`, `c=stream:${lab.path("c")}`];
}

function boot(lab: Lab): { reconnecting: Guest; datagrams: Guest; third: Guest } {
  return {
    reconnecting: lab.boot(1, stream(lab.path("a"), { reconnectMs: RECONNECT_MS })),
    datagrams: lab.boot(2, dgram(lab.path("b.guest"), lab.path("b"))),
    third: lab.boot(3, stream(lab.path("c"), { reconnectMs: RECONNECT_MS })),
  };
}

function assertBack(name: string, seen: Probes, downtime: number): void {
  const limit = downtime + RECONNECT_MS / 1000 + SLACK_SECONDS;
  say(
    `${name}: gap ${seen.gap.toFixed(1)} s, switch away ${downtime.toFixed(2)} s, limit ${
      limit.toFixed(1)
    } s`,
  );
  assert(seen.gap <= limit, `${name}: no answers for ${seen.gap} s, the limit is ${limit} s`);
  assert(seen.wellAtEnd, `${name}: silent at the end`);
}

vmTest("switch killed with SIGKILL and restarted has its guests back", 90, async (lab) => {
  const vswitch = await lab.startSwitch(ports(lab));
  const { reconnecting, datagrams, third } = boot(lab);
  await Promise.all([reconnecting.up(), datagrams.up(), third.up()]);
  const mixed = probe(reconnecting, datagrams, 9);
  const streams = probe(third, reconnecting, 9);
  await seconds(2);
  const dead = performance.now();
  await vswitch.kill9();
  await seconds(1.5);
  await vswitch.start();
  const downtime = (performance.now() - dead) / 1000;
  assertBack("stream to dgram after SIGKILL", await mixed, downtime);
  assertBack("stream to stream after SIGKILL", await streams, downtime);
  await vswitch.stop();
}, { reconnect: true });

vmTest("switch started after its guests gets them", 60, async (lab) => {
  const { reconnecting, datagrams, third } = boot(lab);
  await Promise.all([reconnecting.up(), datagrams.up(), third.up()]);
  const vswitch = await lab.startSwitch(ports(lab));
  await seconds(RECONNECT_MS / 1000 + SLACK_SECONDS);
  for (
    const [from, to] of [[datagrams, reconnecting], [reconnecting, datagrams], [third, datagrams]]
  ) {
    await from.sh(`ping -c 3 -i 0.2 -W 3 ${to.ip} && ping -6 -c 1 -W 3 ${to.ip6}`, 15);
  }
  await vswitch.stop();
}, { reconnect: true });

vmTest(
  "switch told to end by SIGTERM under load does so in 500 ms, and its guests survive",
  90,
  async (lab) => {
    const vswitch = await lab.startSwitch(ports(lab));
    const { reconnecting, datagrams, third } = boot(lab);
    await Promise.all([reconnecting.up(), datagrams.up(), third.up()]);
    await datagrams.sh(
      "iperf3 -s -D; until netstat -lnt | grep -q :5201; do usleep 50000; done",
      10,
    );
    const load = reconnecting.run(`iperf3 -c ${datagrams.ip} -t 8 --bidir`, 30);
    await seconds(2);
    const took = await vswitch.stop();
    say(`SIGTERM under load: ended in ${took.toFixed(0)} ms`);
    assert(took < 500, `SIGTERM took ${took.toFixed(0)} ms, the limit is 500 ms`);
    for (const guest of [reconnecting, datagrams, third]) {
      assert(
        guest.process.alive,
        `guest ${guest.number} died`,
      );
    }
    await vswitch.start();
    await seconds(RECONNECT_MS / 1000 + SLACK_SECONDS);
    const again = await third.sh(
      `ping -c 5 -i 0.2 -W 3 ${datagrams.ip} && ping -c 5 -i 0.2 -W 3 ${reconnecting.ip}`,
      20,
    );
    assert(!again.includes("100% packet loss"), again);
    const { code, output } = await load;
    assert(code === 0, `the TCP flow under way did not survive: ${output.slice(-400)}`);
    await vswitch.stop();
  },
  { reconnect: true },
);
