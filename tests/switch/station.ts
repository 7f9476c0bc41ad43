/**
 * VMs of the random tests: they send numbered frames, come and go, hang, and remember what they heard.
 *
 * @module
 */
import { SocketType } from "../../src/platform/kernel.ts";
import type { DgramPeer, StreamPeer } from "../support/fake_peers.ts";
import type { FakeSwitch, Spec } from "../support/fake_switch.ts";
import { BROADCAST, frame, record, tagOf } from "./frames.ts";

/** One frame a station has handed to the kernel. */
export interface Sent {
  /** Station, and which of its lives. */
  readonly from: number;
  readonly life: number;
  readonly length: number;
}

/** What one life of a station heard, in order. */
export interface Heard {
  readonly by: number;
  readonly life: number;
  readonly tags: number[];
}

/** Where a station comes in. */
export interface Place {
  readonly kind: "dgram" | "stream" | "fd";
  readonly path: string;
  /** Datagrams: connect first, or name the switch in every send. */
  readonly connect?: boolean;
}

/** See the head of this file. Frames are numbered by `tags`, which all stations of a run share. */
export class Station {
  readonly heard: Heard[] = [];
  #vm: StreamPeer | DgramPeer | undefined;
  /** The rest of a frame the kernel took only the start of. */
  #rest = new Uint8Array();
  #life = 0;
  #starts = 0;

  constructor(
    readonly lab: FakeSwitch,
    readonly n: number,
    readonly place: Place,
    readonly tags: Map<number, Sent>,
  ) {}

  get isUp(): boolean {
    return this.#vm !== undefined;
  }

  /** A frame is handed to the kernel in part. */
  get isSending(): boolean {
    return this.#rest.length > 0;
  }

  /** Start the VM, if its socket lets it; a descriptor has one life. */
  start(inherited?: StreamPeer | DgramPeer): void {
    if (this.#vm !== undefined || (this.place.kind === "fd" && inherited === undefined)) return;
    this.#vm = inherited ?? this.#connect();
    if (this.#vm === undefined) return;
    this.#life++;
    this.heard.push({ by: this.n, life: this.#life, tags: [] });
  }

  kill(): void {
    this.listen();
    this.#vm?.kill();
    this.#vm = undefined;
    this.#rest = new Uint8Array();
  }

  hang(): void {
    this.#vm?.stopReading();
  }

  recover(): void {
    this.#vm?.startReading();
  }

  /** Send one frame to a station, or to all. */
  send(to: number | undefined, length: number): void {
    this.finish();
    if (this.#vm === undefined || this.#rest.length > 0) return;
    const tag = this.tags.size + 1;
    const bytes = frame(this.n, to ?? BROADCAST, tag, length);
    const out = "sendFrame" in this.#vm ? record(bytes) : bytes;
    const taken = this.#vm.send(out);
    if (taken < 0) return;
    this.tags.set(tag, { from: this.n, life: this.#life, length });
    this.#rest = out.slice(taken);
  }

  /** Write the rest of a frame that was cut by a full socket. */
  finish(): void {
    if (this.#vm === undefined || this.#rest.length === 0) return;
    const taken = this.#vm.send(this.#rest);
    if (taken > 0) this.#rest = this.#rest.slice(taken);
  }

  /** Remember what has come. */
  listen(): void {
    if (this.#vm === undefined) return;
    const frames = "receiveFrames" in this.#vm ? this.#vm.receiveFrames() : this.#vm.receive();
    const { tags } = this.heard.at(-1)!;
    for (const bytes of frames) {
      const tag = tagOf(bytes);
      if (this.tags.get(tag)?.length !== bytes.length) throw new Error(`Frame ${tag} was cut`);
      tags.push(tag);
    }
  }

  /** Bytes of a frame that was begun and not ended; a stream in order has none. */
  get unparsed(): number {
    return this.#vm !== undefined && "ended" in this.#vm && !this.#vm.ended
      ? this.#vm.receive().length
      : 0;
  }

  #connect(): StreamPeer | DgramPeer | undefined {
    const { kernel } = this.lab;
    const { kind, path, connect = true } = this.place;
    if (kind === "stream") return kernel.peerStream(path);
    const bind = `/run/vm${this.n}.${++this.#starts % 2}`; // sometimes the same path again
    if (kernel.stat(bind) !== undefined) kernel.files.unlink(bind);
    try {
      return kernel.peerDgram(path, { bind, connect });
    } catch {
      return undefined; // the switch still has the last life's socket: a VMM would end with an error
    }
  }
}

/** The ports of the random tests, and a station for each place. */
export function neighbourhood(lab: FakeSwitch): { stations: Station[]; tags: Map<number, Sent> } {
  const { fd, vm } = lab.kernel.inherit(SocketType.DGRAM);
  const queue = 128 << 10;
  const specs: Spec[] = [
    { name: "a", target: "/run/a", queue },
    { name: "b", target: "/run/b", queue, full: "pause", pauseMs: 20 },
    { name: "m", target: "/run/m", clients: "many", queue },
    { name: "s", kind: "stream", target: "/run/s", queue },
    {
      name: "p",
      kind: "stream",
      target: "/run/p",
      clients: "replace",
      queue,
      full: "pause",
      pauseMs: 20,
    },
    { name: "f", kind: "fd", target: `${fd}`, queue },
  ];
  lab.open(...specs);
  const places: Place[] = [
    { kind: "dgram", path: "/run/a" },
    { kind: "dgram", path: "/run/b", connect: false },
    { kind: "dgram", path: "/run/m" },
    { kind: "dgram", path: "/run/m", connect: false },
    { kind: "stream", path: "/run/s" },
    { kind: "stream", path: "/run/s" },
    { kind: "stream", path: "/run/p" },
    { kind: "fd", path: "" },
  ];
  const tags = new Map<number, Sent>();
  const stations = places.map((place, i) => new Station(lab, i + 1, place, tags));
  stations.at(-1)!.start(vm);
  return { stations, tags };
}
