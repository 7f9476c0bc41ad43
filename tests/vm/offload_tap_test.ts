/**
 * iperf3 between a guest without offload and a Linux host with TSO, which is reached by frames with a vnet
 * header in front: two real kernels, and in between the switch has to cut and to put together.
 *
 * What each of them got is captured and judged by tshark, where there is one.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { framesOf } from "../capture/pcap.ts";
import { judge, missing as noTshark } from "../capture/tshark.ts";
import type { Guest } from "./guest.ts";
import { type Lab, say, vmTest } from "./lab.ts";
import { dgram, type Netdev, stream } from "./netdev.ts";
import { TapHost, whyNoTapHost } from "./tap_host.ts";

const HOST = 60;
/** Length of one run; four of them for each kind of guest. */
const SECONDS = 2;

interface Run {
  readonly megabits: number;
  readonly retransmits: number;
  readonly segments: number;
}

async function iperf(guest: Guest, to: string, options: string): Promise<Run> {
  const output = await guest.sh(`iperf3 -c ${to} -t ${SECONDS} -J ${options}`, SECONDS + 20);
  const { error, end } = JSON.parse(output);
  if (error) throw new Error(`iperf3 ${options}: ${error}`);
  return {
    megabits: end.sum_received.bits_per_second / 1e6,
    retransmits: end.sum_sent.retransmits,
    segments: end.sum_sent.bytes / 1448,
  };
}

/**
 * Capture what the guest gets while it downloads, over IPv4 and IPv6. Without GRO: its kernel would put segments
 * together before tcpdump sees them, and leave their checksum as it was.
 */
async function captureInGuest(guest: Guest, host: TapHost, file: string): Promise<void> {
  const downloads = [host.ip, host.ip6].map((ip) => `iperf3 -c ${ip} -R -n 2M >/dev/null`);
  const output = await guest.sh(
    `ethtool -K eth0 gro off; tcpdump -i eth0 -Q in -w /tmp/in tcp 2>/dev/null & dump=$!; sleep 0.5; ` +
      `${downloads.join("; ")}; sleep 0.5; kill -INT $dump; wait $dump; gzip -c /tmp/in | base64`,
    40,
  );
  const zipped = new Blob([Uint8Array.fromBase64(output)]).stream();
  await Deno.writeFile(file, zipped.pipeThrough(new DecompressionStream("gzip")));
}

/** Let tshark judge a capture; returns how many frames it has. */
async function judgeAll(file: string): Promise<number> {
  const judgements = await judge(file);
  const bad = judgements.map(({ ip, tcp }, i) => ({ frame: i + 1, ip, tcp }))
    .filter(({ ip, tcp }) => (ip ?? "good") !== "good" || (tcp ?? "good") !== "good");
  assertEquals(bad.slice(0, 5), [], `${bad.length} of ${judgements.length} frames are bad`);
  return judgements.filter(({ tcp }) => tcp === "good").length;
}

async function scenario(lab: Lab, t: Deno.TestContext, port: string, netdev: Netdev) {
  const vswitch = await lab.startSwitch([
    `a=${port},client=qemu`,
    `b=dgram:${lab.path("b")},vnet-hdr=12,offload=on`,
  ]);
  const guest = lab.boot(1, netdev);
  await using host = await TapHost.start(lab, {
    number: HOST,
    path: lab.path("b"),
    capture: lab.path("host.pcap"),
  });
  await guest.up();
  const runs = new Map<string, Run>();
  for (const [family, ip] of [["IPv4", host.ip], ["IPv6", host.ip6]]) {
    for (const [way, options] of [["guest to host", ""], ["host to guest", "-R"]]) {
      await t.step(`${family}, ${way}: next to nothing is sent again`, async () => {
        const run = await iperf(guest, ip, options);
        runs.set(`${family} ${way}`, run);
        assert(run.retransmits / run.segments < 0.002, JSON.stringify(run));
      });
    }
  }
  for (const [name, { megabits, retransmits, segments }] of runs) {
    say(
      `    ${name}: ${megabits.toFixed(0)} Mbit/s, ${retransmits} of ${segments.toFixed(0)} again`,
    );
  }
  await t.step("the host got large frames, sent large frames, and refused none", async () => {
    const report = await host.settled();
    say(`    the host's pump: ${JSON.stringify(report)}`);
    assert(report.sentLarge > 100 && report.receivedLarge > 100, JSON.stringify(report));
    assertEquals(report.refused, 0);
  });
  await t.step("the guest's kernel found no bad checksum", async () => {
    const counts = await guest.sh("grep -A 1 ^Tcp: /proc/net/snmp");
    const [names, values] = counts.split("\n").map((line) => line.split(" "));
    for (const name of ["InErrs", "InCsumErrors"]) {
      assertEquals(values[names.indexOf(name)], "0", name);
    }
  });
  await t.step({
    name: `tshark finds no bad checksum in what both got${noTshark ? `: SKIP, ${noTshark}` : ""}`,
    ignore: noTshark !== undefined,
    async fn() {
      await captureInGuest(guest, host, lab.path("guest.pcap"));
      const [inGuest, inHost] = [
        await judgeAll(lab.path("guest.pcap")),
        await judgeAll(lab.path("host.pcap")),
      ];
      const longest = (file: string) =>
        Math.max(...framesOf(Deno.readFileSync(lab.path(file))).map(({ length }) => length));
      say(
        `    good TCP checksums: ${inGuest} in the guest, of up to ${
          longest("guest.pcap")
        } bytes; ` +
          `${inHost} in the host, of up to ${longest("host.pcap")}`,
      );
      assert(inGuest > 1000 && inHost > 100, `${inGuest} and ${inHost} frames`);
      assertEquals(longest("guest.pcap"), 1514);
      assert(longest("host.pcap") > 1514);
    },
  });
  await vswitch.stop();
}

const WAYS: Record<string, (lab: Lab) => [string, Netdev]> = {
  stream: (lab) => [`stream:${lab.path("a")}`, stream(lab.path("a"))],
  dgram: (lab) => [`dgram:${lab.path("a")}`, dgram(lab.path("a.guest"), lab.path("a"))],
};
const needs = { other: await whyNoTapHost() };
for (const [kind, way] of Object.entries(WAYS)) {
  const name = `switch carries iperf3 between a ${kind} guest and a host with TSO`;
  vmTest(name, 90, (lab, t) => scenario(lab, t, ...way(lab)), needs);
}
