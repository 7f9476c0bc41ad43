/**
 * The tour: the demo's steps, one after the other, each with a deadline and a result in plain words.
 *
 * @module
 */
import type { Entry } from "../control/log.ts";
import { type StatsReport, statsReport } from "../control/reports.ts";
import { Signals } from "../control/signals.ts";
import { Supervisor } from "../control/supervisor.ts";
import type { Kernel } from "../platform/kernel.ts";
import { clients } from "../offload/clients.ts";
import { NO_OFFLOAD, type Policy } from "../offload/policy.ts";
import { PORT_DEFAULTS, type PortConfig } from "../port/config.ts";
import { agree, describeAccount, describeWork, framesOf, workOf } from "./account.ts";
import { goodput, transfer } from "./bulk.ts";
import { DemoError } from "./demo_error.ts";
import { DgramLink } from "./dgram_link.ts";
import { Host } from "./host.ts";
import { Lab } from "./lab.ts";
import type { Link } from "./link.ts";
import { pingAll, resolve } from "./ping.ts";
import type { Steps } from "./screen.ts";
import { formatIp, formatMac, station } from "./station.ts";
import { StreamLink } from "./stream_link.ts";
import { gigabits, measure } from "./throughput.ts";

/** Longest start of the engine, in milliseconds: a cold cache on a busy machine, with room. */
const START_MS = 10_000;
/** Longest time until the switch knows a host, or its counters are up to date. */
const NOTICE_MS = 2000;
const PINGS = 20;
/** Throughput runs. */
const RUNS = 4;

/** See the head of this file. */
export class Tour {
  readonly #url: string;
  readonly #seconds: number;
  readonly #steps: Steps;
  readonly #folder: string;

  /**
   * @param url main module, see {@linkcode Supervisor.start}
   * @param seconds length of the four throughput runs together
   * @param steps is told of each step
   * @param folder where the sockets go
   */
  constructor(url: string, seconds: number, steps: Steps, folder: string) {
    this.#url = url;
    this.#seconds = seconds;
    this.#steps = steps;
    this.#folder = folder;
  }

  /**
   * Take every step.
   *
   * @param onLog gets the switch's log records
   * @throws DemoError or Failure of the step that did not work
   */
  async run(onLog: (entry: Entry) => void): Promise<void> {
    using signals = new Signals();
    const supervisor = await this.#start(onLog);
    try {
      using lab = new Lab();
      signals.stop.then((signal) => lab.interrupt(`interrupted by ${signal}`));
      await Promise.race([this.#talk(lab, supervisor), supervisor.ended]);
    } finally {
      await supervisor.stop();
    }
  }

  #start(onLog: (entry: Entry) => void): Promise<Supervisor> {
    const ports = [
      this.#port("dgram", "replace", "krunkit-offload"),
      this.#port("stream", "many", "qemu"),
    ];
    const label = "start a switch with a port for a VM with offload and one for VMs without";
    return this.#steps.step(label, async () => {
      const asked = performance.now();
      const starting = Supervisor.start(this.#url, ports, onLog);
      const supervisor = await within(starting, START_MS, "the switch did not start");
      return [supervisor, `in ${Math.round(performance.now() - asked)} ms`];
    });
  }

  #port(kind: "dgram" | "stream", many: "many" | "replace", client: string): PortConfig {
    return {
      ...PORT_DEFAULTS,
      ...policyOf(client),
      ...{ name: kind, kind, target: this.#path(`${kind}.sock`), clients: many },
      client,
      asked: `client=${client}`,
    };
  }

  #path(file: string): string {
    return `${this.#folder}/${file}`;
  }

  async #talk(lab: Lab, supervisor: Supervisor): Promise<void> {
    const a = await this.#attach(
      lab,
      supervisor,
      "a",
      1,
      "the datagram port, as krunkit with offloading does",
      (k) => {
        return new DgramLink(k, this.#path("dgram.sock"), this.#path("host-a.sock"));
      },
    );
    const b = await this.#attach(lab, supervisor, "b", 2, "the stream port, as QEMU does", (k) => {
      return new StreamLink(k, this.#path("stream.sock"));
    });
    await this.#resolve(lab, a, b);
    await this.#resolve(lab, b, a);
    await this.#ping(lab, a, b);
    await this.#measure(lab, a, b, "datagrams in, a stream out");
    await this.#measure(lab, b, a, "a stream in, datagrams out");
    await this.#transfer(lab, supervisor, a, b, "64 KiB frames in, 1514 bytes out");
    await this.#transfer(lab, supervisor, b, a, "1514 bytes in, 64 KiB frames out");
    await this.#account(lab, supervisor, [a, b]);
  }

  #attach(
    lab: Lab,
    supervisor: Supervisor,
    name: string,
    number: number,
    how: string,
    connect: (kernel: Kernel) => Link,
  ): Promise<Host> {
    const self = station(number);
    return this.#steps.step(`connect host ${name} to ${how}`, async () => {
      const before = ups(supervisor);
      const host = lab.add(new Host(name, self, connect(lab.kernel), lab.kernel.arena));
      if (!await lab.serveUntil(() => ups(supervisor) > before, NOTICE_MS)) {
        throw new DemoError(`the switch did not notice host ${name} within ${NOTICE_MS} ms`);
      }
      return [host, `${formatIp(self.ip)}, ${formatMac(self.mac)}`];
    });
  }

  #resolve(lab: Lab, host: Host, other: Host): Promise<void> {
    const label = `host ${host.name} asks by ARP who has ${formatIp(other.self.ip)}`;
    return this.#steps.step(label, async () => {
      const mac = formatMac((await resolve(lab, host, other.self)).mac);
      if (mac === formatMac(other.self.mac)) return [undefined, mac];
      throw new DemoError(
        `the answer is ${mac}, but host ${other.name} has ${formatMac(other.self.mac)}`,
      );
    });
  }

  #ping(lab: Lab, from: Host, to: Host): Promise<void> {
    const label = `host ${from.name} pings host ${to.name} ${PINGS} times`;
    return this.#steps.step(label, async () => {
      const { count, min, avg, max } = await pingAll(lab, from, to.self, PINGS);
      const times = [min, avg, max].map((time) => time.toFixed(3)).join("/");
      return [undefined, `${count} answers, RTT min/avg/max ${times} ms`];
    });
  }

  #measure(lab: Lab, from: Host, to: Host, how: string): Promise<void> {
    const seconds = this.#seconds / RUNS;
    const label = `host ${from.name} sends to host ${to.name} for ${seconds} s (${how})`;
    return this.#steps.step(label, async () => {
      const result = await measure(lab, from, to, seconds * 1000);
      const rate = Math.round(result.frames / result.seconds).toLocaleString("en");
      const total = (result.frames + result.lost).toLocaleString("en");
      return [
        undefined,
        `${gigabits(result).toFixed(2)} Gbit/s, ${rate} frames/s of 1514 bytes, ` +
        `${result.lost} of ${total} lost`,
      ];
    });
  }

  #transfer(lab: Lab, supervisor: Supervisor, from: Host, to: Host, how: string): Promise<void> {
    const seconds = this.#seconds / RUNS;
    const label = `host ${from.name} sends TCP to host ${to.name} for ${seconds} s (${how})`;
    return this.#steps.step(label, async () => {
      const before = workOf(report(supervisor));
      const result = await transfer(lab, from, to, seconds * 1000);
      await lab.serveUntil(() => agree(report(supervisor), [from, to]), NOTICE_MS);
      const work = describeWork(before, workOf(report(supervisor)));
      const lost = result.lost === 0 ? "nothing" : `${result.lost} bytes`;
      return [undefined, `${goodput(result).toFixed(2)} Gbit/s, ${work}${lost} lost`];
    });
  }

  #account(lab: Lab, supervisor: Supervisor, hosts: readonly Host[]): Promise<void> {
    return this.#steps.step("compare the switch's counters with the hosts'", async () => {
      const settled = await lab.serveUntil(() => agree(report(supervisor), hosts), NOTICE_MS);
      const sums = describeAccount(report(supervisor));
      if (settled) return [undefined, sums];
      const { sent, received } = framesOf(hosts);
      throw new DemoError(
        `the hosts sent ${sent} and received ${received} frames, the switch counts ${sums}`,
      );
    });
  }
}

/** The policy of a port for this client. */
export function policyOf(client: string): Policy {
  const { sends, accepts, finish, maxFrame } = clients[client];
  return { ...NO_OFFLOAD, sends, accepts, finish, maxFrame };
}

/** Hosts the switch can reach now. */
function ups(supervisor: Supervisor): number {
  return report(supervisor).ports.filter((port) => port.state === "up").length;
}

/** The switch's counters now. */
function report(supervisor: Supervisor): StatsReport {
  return statsReport(supervisor.snapshot());
}

/** What the promise brings, or an error when it takes too long. */
async function within<T>(promise: Promise<T>, milliseconds: number, what: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(new DemoError(`${what} within ${milliseconds} ms`));
  }, milliseconds);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
