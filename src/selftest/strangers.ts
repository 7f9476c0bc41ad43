/**
 * Probe: who is heard by a datagram socket that is connected?
 *
 * On Linux its peer and nobody else; everybody else is told EPERM, by which the switch also sees that a VM is taken. On
 * Darwin everybody, so there the switch looks at each sender's name. A system that does the other thing than is
 * believed of it would let one VM speak for another, or a VM's frames be taken for a stranger's.
 *
 * @module
 */
import { Errno, errnoName } from "../platform/errno.ts";
import type { Kernel } from "../platform/kernel.ts";
import { NAME_BYTES } from "../platform/vectors.ts";
import { Slots } from "./datagrams.ts";
import {
  type Bench,
  connect,
  must,
  patiently,
  type Probe,
  ProbeError,
  same,
  Sockets,
} from "./probe.ts";

/** What each sends is one byte: who it is. */
const Sender = { early: 1, late: 2, vm: 3, again: 4 } as const;
type Sender = keyof typeof Sender;

/** See the head of this file. */
export const strangers: Probe = {
  name: "strangers",
  label: "a connected datagram socket hears whom we think it hears",
  run(bench) {
    const { kernel } = bench;
    using sockets = new Sockets(kernel);
    try {
      const room = new Room(bench, sockets);
      const heard = room.meet();
      return {
        details: heard ? "everybody, each by its name" : "its peer, and the others are told EPERM",
        figures: { turnsAway: kernel.turnsAway, strangersHeard: heard },
      };
    } finally {
      for (const name of ["port", ...Object.keys(Sender)]) kernel.unlink(`${bench.folder}/${name}`);
    }
  },
};

/** A port, its VM, and two strangers, one of whom was there before the VM. */
class Room {
  readonly #kernel: Kernel;
  readonly #folder: string;
  readonly #out: Slots;
  readonly #in: Slots;
  readonly #port: number;
  readonly #sockets: Sockets;

  constructor(bench: Bench, sockets: Sockets) {
    this.#kernel = bench.kernel;
    this.#folder = bench.folder;
    this.#sockets = sockets;
    this.#out = new Slots(bench, 1, 1);
    this.#in = new Slots(bench, 1, 64, { named: true });
    this.#port = sockets.datagram(`${this.#folder}/port`);
  }

  /** Whether strangers are heard, which is as the kernel object has it. */
  meet(): boolean {
    const early = this.#enter("early"), vm = this.#enter("vm");
    for (const fd of [early, vm]) must(this.#connect(fd, "port"), "connect to a path");
    must(this.#connect(this.#port, "vm"), "connect to a path");
    const heard = !this.#kernel.turnsAway;
    this.#spoken(this.#send(early, "early"), "early", heard);
    const late = this.#enter("late");
    const connected = this.#connect(late, "port");
    this.#spoken(connected < 0 ? connected : this.#send(late, "late"), "late", heard);
    this.#spoken(this.#send(vm, "vm"), "vm", true);
    this.#silence();
    must(this.#kernel.disconnect(this.#port), "dissolve an association");
    this.#spoken(this.#send(early, "again"), "again", true);
    this.#silence();
    return heard;
  }

  #enter(name: Sender): number {
    return this.#sockets.datagram(`${this.#folder}/${name}`);
  }

  #connect(fd: number, name: string): number {
    return connect(this.#kernel, fd, `${this.#folder}/${name}`);
  }

  #send(fd: number, sender: Sender): number {
    this.#kernel.arena.u8[this.#out.start(0)] = Sender[sender];
    return patiently(() => this.#kernel.send(fd, this.#out.table, 0, 1));
  }

  /** Compare what somebody's sending gave, and what has come of it, with what is believed. */
  #spoken(sent: number, sender: Sender, heard: boolean): void {
    const who = sender === "vm" ? "the peer's datagram" : "a stranger's datagram";
    const believed = heard ? "is to be heard" : "is to be turned away with EPERM";
    if (heard && sent !== 1) {
      throw new ProbeError(`${who} (${sender}) ${believed}, and gave ${errnoName(sent)}`);
    }
    if (!heard) {
      if (sent === 1) throw new ProbeError(`${who} (${sender}) ${believed}, and was taken`);
      return same(sent, -Errno.EPERM, `sending ${who} (${sender})`);
    }
    this.#receive(sender, who);
  }

  #receive(sender: Sender, who: string): void {
    const { arena } = this.#kernel, { table } = this.#in;
    same(this.#look(), 1, `receiving ${who} (${sender})`);
    same(arena.u8[this.#in.start(0)], Sender[sender], `the content of ${who} (${sender})`);
    const name = new TextDecoder().decode(table.sender(0));
    const wanted = `${this.#folder}/${sender === "again" ? "early" : sender}`;
    if (name !== wanted) throw new ProbeError(`${who} is told as from "${name}", not "${wanted}"`);
  }

  #silence(): void {
    same(this.#look(), -Errno.EAGAIN, "receiving when everybody was heard");
  }

  #look(): number {
    const { table } = this.#in;
    table.setName(0, table.names, NAME_BYTES);
    return patiently(() => this.#kernel.receive(this.#port, table, 1));
  }
}
