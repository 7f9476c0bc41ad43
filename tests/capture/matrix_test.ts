/**
 * Every kind of port to every kind of port, through a real switch, with Wireshark as the judge.
 *
 * One switch has two ports of each kind, so a cell of the matrix is a sender and a receiver on ports of their
 * own. What arrives is made readable as a network card would do it (player.ts) and written to one capture;
 * tshark says of every frame what it thinks of its checksums. That all bytes arrived, once and in order, is
 * checked here.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ProcessLab } from "../support/process_lab.ts";
import { concat } from "../support/packet.ts";
import { makeFrame, SHORTEST } from "../support/test_frame.ts";
import { say, until } from "../support/time.ts";
import { VNET_BYTES } from "../support/vnet_header.ts";
import type { Vswitch } from "../support/vswitch.ts";
import { capture } from "./pcap.ts";
import { type Kind, KINDS, Player } from "./player.ts";
import { datagrams, flows, framesOf, type Outgoing, packetsOf, received, VLAN } from "./traffic.ts";
import { judge, type Judgement, tsharkTest } from "./tshark.ts";

/** The tag of the tagged flows. */
const TAG = Uint8Array.of(0x81, 0, 0, VLAN);

/** What arrived in one cell. */
interface Cell {
  readonly name: string;
  readonly frames: readonly Uint8Array[];
}

/** A switch and its VMs: the first five send, the others receive. */
class Matrix {
  readonly vswitch: Vswitch;
  readonly senders: readonly Player[];
  readonly receivers: readonly Player[];

  private constructor(vswitch: Vswitch, players: readonly Player[]) {
    this.vswitch = vswitch;
    this.senders = players.slice(0, KINDS.length);
    this.receivers = players.slice(KINDS.length);
  }

  static async start(lab: ProcessLab): Promise<Matrix> {
    const both = [...KINDS.map(port("from")), ...KINDS.map(port("to"))];
    const vswitch = await lab.start(lab.ports(...both.map(({ text }) => text)));
    const players = both.map(({ kind, name }, i) => new Player(kind, lab.dgram(i + 1, name)));
    await vswitch.statsWhen("all VMs", ({ ports }) => ports.every(({ state }) => state === "up"));
    const matrix = new Matrix(vswitch, players);
    await matrix.#introduce(players);
    return matrix;
  }

  /** Send frames so that the switch finds them all at once, as far as its socket holds them. */
  async send(from: Player, outgoing: Iterable<Outgoing>): Promise<void> {
    this.vswitch.signal("SIGSTOP");
    let isStopped = true;
    for (const { frame, size } of outgoing) {
      if (from.send(frame, size)) continue;
      if (isStopped) this.vswitch.signal("SIGCONT");
      isStopped = false;
      await until("room to send", () => from.send(frame, size));
    }
    if (isStopped) this.vswitch.signal("SIGCONT");
  }

  /** The switch learns who is where, untagged and in the VLAN; what is heard of it is forgotten. */
  async #introduce(players: readonly Player[]): Promise<void> {
    for (const { vm, kind } of players) {
      const hello = makeFrame({ from: vm.station, to: 0xffff, seq: 1, length: SHORTEST });
      const tagged = concat(hello.subarray(0, 12), TAG, hello.subarray(12));
      for (const frame of [hello, tagged]) {
        vm.sendBytes(kind.vnet ? concat(new Uint8Array(VNET_BYTES), frame) : frame);
      }
    }
    let heard = 0;
    await until("everybody to hear everybody", () => {
      for (const player of players) heard += player.take().length;
      return heard === 2 * players.length * (players.length - 1);
    });
  }
}

function port(side: string): (kind: Kind) => { kind: Kind; name: string; text: string } {
  return (kind) => {
    const name = `${side}-${kind.name}.sock`;
    return { kind, name, text: `${name}${kind.options}` };
  };
}

async function playFlows(matrix: Matrix, from: Player, to: Player): Promise<Cell> {
  const name = `${from.kind.name} -> ${to.kind.name}`;
  const frames: Uint8Array[] = [];
  for (const flow of flows()) {
    await matrix.send(from, framesOf(flow, from.kind, from.vm.station, to.vm.station));
    let bytes = 0;
    await until(`${name}: all of a flow over IPv${flow.version}`, () => {
      for (const frame of to.take()) {
        frames.push(frame);
        bytes += packetsOf([frame])[0].payload.length;
      }
      return bytes >= flow.payload.length;
    });
    const whole = received(flow, packetsOf(frames));
    assert(whole.every((byte, i) => byte === flow.payload[i]), `${name}: other bytes`);
    assertEquals(whole.length, flow.payload.length);
  }
  return { name, frames };
}

async function playDatagrams(matrix: Matrix, from: Player, to: Player): Promise<Cell> {
  const name = `${from.kind.name} -> ${to.kind.name}, UDP`;
  const sent = datagrams(from.kind, from.vm.station, to.vm.station);
  await matrix.send(from, sent.map((frame) => ({ frame, size: 0 })));
  const frames: Uint8Array[] = [];
  await until(`${name}: all datagrams`, () => {
    frames.push(...to.take());
    return frames.length >= sent.length;
  });
  const payloads = (all: readonly Uint8Array[]) => packetsOf(all).map(({ payload }) => payload);
  assertEquals(payloads(frames), payloads(sent));
  return { name, frames };
}

/** One datagram for everybody: finished for those who need it, and only for them. */
async function playFlood(matrix: Matrix, from: Player): Promise<Cell[]> {
  const [, , , frame] = datagrams(from.kind, from.vm.station, 99);
  frame.set([1, 0, 0x5e, 0, 0, 99]); // a group's address
  await matrix.send(from, [{ frame, size: 0 }]);
  const cells: Cell[] = [];
  for (const to of [...matrix.receivers, ...matrix.senders.filter((one) => one !== from)]) {
    const name = `${from.kind.name} -> everybody, ${to.kind.name}`;
    const frames: Uint8Array[] = [];
    await until(name, () => {
      frames.push(...to.take());
      return frames.length > 0;
    });
    assertEquals(frames.length, 1, name);
    cells.push({ name, frames });
  }
  return cells;
}

/** What tshark finds bad, by cell; a TCP or UDP frame of which it could not tell is bad too. */
function complaints(cells: readonly Cell[], judgements: readonly Judgement[]): string[] {
  const names = cells.flatMap(({ name, frames }) => frames.map((_, i) => `${name}, frame ${i}`));
  assertEquals(judgements.length, names.length);
  return judgements.flatMap((verdicts, i) => {
    const isGood = (verdicts.tcp ?? verdicts.udp) === "good" &&
      (verdicts.ip === undefined || verdicts.ip === "good");
    return isGood ? [] : [`${names[i]}: ${JSON.stringify(verdicts)}`];
  });
}

async function judged(lab: ProcessLab, cells: readonly Cell[]): Promise<string[]> {
  const path = lab.path("matrix.pcap");
  await Deno.writeFile(path, capture(cells.flatMap(({ frames }) => frames)));
  return complaints(cells, await judge(path));
}

/** A line a sender: how many frames each receiver got, and how long the longest was. */
function table(cells: readonly Cell[]): string {
  const lines = KINDS.map((from, i) => {
    const row = cells.slice(i * KINDS.length, (i + 1) * KINDS.length).map(({ frames }) => {
      const longest = Math.max(...frames.map(({ length }) => length));
      return `${frames.length} x ${longest}`.padStart(12);
    });
    return `    ${from.name.padEnd(8)}${row.join("")}`;
  });
  const head = KINDS.map(({ name }) => name.padStart(12)).join("");
  return `    frames and longest, from the left to the top\n${" ".repeat(12)}${head}\n${
    lines.join("\n")
  }`;
}

tsharkTest(
  "every kind of port understands every other, and tshark finds no bad checksum",
  async () => {
    await using lab = new ProcessLab();
    const matrix = await Matrix.start(lab);
    const tcp: Cell[] = [], others: Cell[] = [];
    for (const from of matrix.senders) {
      for (const to of matrix.receivers) {
        tcp.push(await playFlows(matrix, from, to));
        others.push(await playDatagrams(matrix, from, to));
      }
      others.push(...await playFlood(matrix, from));
    }
    say(table(tcp));
    assertEquals(await judged(lab, [...tcp, ...others]), []);
    for (const [i, { name, frames }] of tcp.entries()) {
      const isLarge = KINDS[i % KINDS.length].tso.length > 0;
      const longest = Math.max(...frames.map(({ length }) => length));
      assert(isLarge ? longest > 20_000 : longest === 1518, `${name}: up to ${longest} bytes`);
    }
    const damaged = tcp[0].frames.map((frame) => frame.slice());
    damaged[7][damaged[7].length - 1] ^= 1;
    assertEquals((await judged(lab, [{ name: "damaged", frames: damaged }])).length, 1);
    assert((await matrix.vswitch.stats()).total.balanced);
    assertEquals((await matrix.vswitch.stop()).code, 0);
  },
);
