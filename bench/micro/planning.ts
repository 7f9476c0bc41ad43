/**
 * Frames between VMs that do not agree: from each kind of sender a batch of everything it may send, to each
 * kind of receiver. Some are passed on, some completed, cut, put together or dropped.
 *
 * @module
 */
import { Headers } from "../../src/frame/headers.ts";
import { Gso } from "../../src/frame/vnet.ts";
import { acceptVnet } from "../../src/offload/accept.ts";
import { Feature } from "../../src/offload/features.ts";
import { GATHER_SCRATCH } from "../../src/offload/gather.ts";
import { Planner } from "../../src/offload/plan.ts";
import { needs, NO_OFFLOAD, type Policy } from "../../src/offload/policy.ts";
import { filler, type TcpShape } from "../../tests/offload/frames.ts";
import { tcpWire, udpWire } from "../../tests/offload/wire.ts";

const ALL = Feature.CSUM | Feature.TSO4 | Feature.TSO6 | Feature.UFO | Feature.USO | Feature.ECN;
const MSS = 1400, LARGE = 20_000, TURNS = 16;
/** Room in front of a frame for a stream length; where frames are read to. */
const LEAD = 32, READ = GATHER_SCRATCH, READ_BYTES = 4 << 20;

const SENDERS: readonly Policy[] = [
  NO_OFFLOAD,
  { ...NO_OFFLOAD, sends: ALL },
  { ...NO_OFFLOAD, sends: ALL, vnetHdr: 12 },
  { ...NO_OFFLOAD, sends: Feature.CSUM, vnetHdr: 10 },
];
const RECEIVERS: readonly Policy[] = [
  NO_OFFLOAD,
  { ...NO_OFFLOAD, accepts: Feature.CSUM, vnetHdr: 10 },
  { ...NO_OFFLOAD, accepts: ALL },
  { ...NO_OFFLOAD, accepts: ALL, vnetHdr: 12 },
  { ...NO_OFFLOAD, accepts: ALL, finish: true },
  { ...NO_OFFLOAD, accepts: ALL, forwardSafe: true, mtu: 1280, clampMss: true },
];

/** What a VM sends in turn `turn`, as it is on its wire: connections that go on from turn to turn, and others. */
function wiresOf({ sends, vnetHdr }: Policy, version: 4 | 6, turn: number): Uint8Array[] {
  const checksum = (sends & Feature.CSUM) !== 0 && turn % 3 > 0 ? "partial" : "full";
  const usual: TcpShape = { version, checksum, seq: turn * MSS, id: turn, payload: filler(MSS) };
  const push = { ...usual, flags: turn % 5 === 0 ? 0x18 : 0x10, tags: [0x8100_0001] };
  const timed = { ...usual, tcpOptions: [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8] };
  const odd = { ...usual, ipOptions: [1], extensions: [{ protocol: 60, data: [] }] };
  const syn = { ...usual, payload: [], flags: 2, tcpOptions: [2, 4, 5, 180] };
  const short = { ...usual, payload: filler(turn * 40) };
  const corrupt = turn === 9 ? { ...usual, checksum: "bad" as const } : usual;
  const shapes = [usual, push, timed, odd, syn, short, corrupt].map((shape, fromPort) => {
    return { ...shape, fromPort };
  });
  const large = { ...usual, checksum: "partial" as const, payload: filler(LARGE) };
  const other = Uint8Array.of(...filler(12, turn), 8, 6, ...filler(46));
  return [
    ...shapes.map((shape) => tcpWire(shape, vnetHdr)),
    ...(sends & Feature.TSO4) === 0 ? [] : [
      tcpWire(large, vnetHdr, MSS),
      udpWire(large, vnetHdr, vnetHdr === 0 ? Gso.NONE : Gso.UDP, MSS),
      udpWire(large, vnetHdr, vnetHdr === 0 ? Gso.NONE : Gso.UDP_L4, MSS),
    ],
    udpWire({ version, checksum, payload: filler(turn * 80) }, vnetHdr),
    Uint8Array.of(...new Uint8Array(vnetHdr), ...other),
  ];
}

/** Frames of one sender, to be read again and again: what is unfinished is finished where it lies. */
class Burst {
  readonly policy: Policy;
  readonly at: Int32Array;
  readonly length: Int32Array;
  readonly #view: DataView;
  readonly #memory: Uint8Array;
  readonly #bytes = new Uint8Array(READ_BYTES);
  readonly #headers = new Headers();

  constructor(view: DataView, policy: Policy) {
    const wires = ([4, 6] as const).flatMap((version) =>
      Array.from({ length: TURNS }, (_, turn) => wiresOf(policy, version, turn)).flat()
    );
    const { vnetHdr } = policy;
    this.policy = policy;
    this.at = new Int32Array(wires.length);
    this.length = Int32Array.from(wires, ({ length }) => length - vnetHdr);
    this.#view = view;
    this.#memory = new Uint8Array(view.buffer, READ, READ_BYTES);
    let at = 0;
    wires.forEach((wire, i) => {
      at += LEAD;
      this.#bytes.set(wire, at);
      this.at[i] = READ + at + vnetHdr;
      at += wire.length;
    });
  }

  /** Lay the frames where they are read to, and judge their vnet headers as a port does. */
  read(): void {
    const { at, length, policy: { vnetHdr, sends } } = this;
    this.#memory.set(this.#bytes);
    if (vnetHdr === 0) return;
    for (let i = 0; i < at.length; i++) {
      const hdr = at[i] - vnetHdr;
      acceptVnet(this.#view, hdr, vnetHdr, at[i], length[i], sends, this.#headers);
    }
  }
}

/** See the head of this file. */
export class Planning {
  /** Frames of a round. */
  readonly frames: number;
  readonly #view = new DataView(new ArrayBuffer(READ + READ_BYTES));
  readonly #bursts = SENDERS.map((policy) => new Burst(this.#view, policy));
  readonly #planner: Planner;

  constructor() {
    const sizes = this.#bursts.map(({ at }) => at.length);
    this.frames = RECEIVERS.length * sizes.reduce((sum, size) => sum + size, 0);
    this.#planner = new Planner(this.#view, 0, Math.max(...sizes));
  }

  /** Each sender's batch to each receiver. */
  round(): void {
    for (const burst of this.#bursts) {
      for (const egress of RECEIVERS) {
        burst.read();
        this.#send(burst, egress);
      }
    }
  }

  #send({ policy, at, length }: Burst, egress: Policy): void {
    const planner = this.#planner, need = needs(policy, egress);
    planner.begin(policy, egress, need, at, length, 0, at.length);
    for (let more = true; more;) {
      more = planner.fill(egress.vnetHdr === 0);
      planner.counts.clear();
    }
  }
}
