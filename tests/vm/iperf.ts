/**
 * iperf3 between two guests, reduced to the numbers that are compared.
 *
 * Guests without KVM saturate both cores of a small machine, so numbers move by tens of percent with the
 * load and by more with luck: compare them within one run only, and only with slack. Bidirectional flows
 * settle on either direction at random (also with no switch at all), so only their sum means something.
 *
 * @module
 */
import type { Guest } from "./guest.ts";

/** Results in Mbit/s at the receiver. */
export interface Throughput {
  /** TCP from the first to the second guest, the better of two runs: noise only ever slows. */
  readonly tcp: number;
  /** TCP the other way. */
  readonly reverse: number;
  /** Both at once, the sum. */
  readonly bidir: number;
  /** Segments sent again in all TCP runs together. */
  readonly retransmits: number;
  /** Segments sent in all TCP runs together, about: bytes / 1448. */
  readonly segments: number;
  /** UDP offered at 50 Mbit/s: percent lost. */
  readonly udpLoss: number;
}

interface Sum {
  readonly bytes: number;
  readonly bits_per_second: number;
  readonly retransmits?: number;
  readonly lost_percent?: number;
}

interface Report {
  readonly error?: string;
  readonly end: Record<"sum" | "sum_sent" | "sum_received", Sum> & {
    readonly sum_sent_bidir_reverse?: Sum;
    readonly sum_received_bidir_reverse?: Sum;
  };
}

/** Measure between two guests that are up; takes about `5 * seconds`. */
export async function measure(from: Guest, to: Guest, seconds: number): Promise<Throughput> {
  await to.sh("iperf3 -s -D; until netstat -lnt | grep -q :5201; do usleep 50000; done", 10);
  const run = async (options: string): Promise<Report["end"]> => {
    const { code, output } = await from.run(
      `iperf3 -c ${to.ip} -t ${seconds} -J ${options}`,
      seconds + 20,
    );
    if (!output.startsWith("{")) {
      throw new Error(`iperf3 ${options} ended with ${code}: ${output.slice(-400)}`);
    }
    const report: Report = JSON.parse(output);
    if (report.error) throw new Error(`iperf3 ${options}: ${report.error}`);
    return report.end;
  };
  const flows: Report["end"][] = [];
  for (const options of ["", "", "-R", "--bidir -P 2"]) flows.push(await run(options));
  // a guest that gets no core for 50 ms overflows its own socket at the default size: not the network's loss
  for (const guest of [from, to]) {
    await guest.sh("sysctl -w net.core.rmem_max=4194304 net.core.wmem_max=4194304");
  }
  const udp = await run("-u -b 50M -l 1400 -w 2M");
  const [first, second, back, both] = flows.map(received);
  const sent = flows.flatMap(({ sum_sent, sum_sent_bidir_reverse }) =>
    [sum_sent, sum_sent_bidir_reverse ?? []].flat()
  );
  return {
    tcp: Math.max(first, second),
    reverse: back,
    bidir: both,
    retransmits: sent.reduce((sum, { retransmits }) => sum + (retransmits ?? 0), 0),
    segments: sent.reduce((sum, { bytes }) => sum + bytes / 1448, 0),
    udpLoss: udp.sum.lost_percent ?? 100,
  };
}

function received({ sum_received, sum_received_bidir_reverse }: Report["end"]): number {
  return (sum_received.bits_per_second + (sum_received_bidir_reverse?.bits_per_second ?? 0)) / 1e6;
}
