/**
 * The offload policy of a port, from its options: what its client is known to do, changed by what else is
 * given, and refused when it cannot be.
 *
 * A port that declares too much corrupts what its VM gets, and one that declares too little has a network
 * that almost works. So what contradicts itself, or what is known of the client, does not start.
 *
 * @module
 */
import { LONGEST_NEEDED } from "../control/config.ts";
import { type Client, clients, VHOST_USER } from "../offload/clients.ts";
import {
  Feature,
  type Features,
  formatFeatures,
  LARGE,
  OFFLOAD_ON,
  TSO,
} from "../offload/features.ts";
import { DEFAULT_MTU, FRAME_OVER_MTU, type Policy, type VnetBytes } from "../offload/policy.ts";
import { MAX_FRAME, MIN_FRAME, PORT_DEFAULTS, type PortConfig } from "../port/config.ts";
import type { Values } from "./options.ts";
import { isPolicyOption, type POLICY_OPTIONS } from "./policy_options.ts";
import { quote } from "./usage_error.ts";

/** What a port says of its frames. */
export type PortPolicy = Pick<PortConfig, keyof Policy | "client" | "asked">;

/** Options of one port, its kind and target. */
interface Written {
  readonly given: Values<typeof POLICY_OPTIONS>;
  readonly kind: string;
  readonly target: string;
  /** What is between the commas. */
  readonly pieces: readonly string[];
  /** The guest says what it can, and the policy is what it is offered. */
  readonly negotiates: boolean;
}

/** Ends the reading of a port with a reason. */
type Refuse = (reason: string) => never;

/** A client of which nothing is known. */
const UNKNOWN: Client = {
  sends: 0,
  accepts: 0,
  finish: false,
  vnetHdr: PORT_DEFAULTS.vnetHdr,
  able: -1,
  maxFrame: PORT_DEFAULTS.maxFrame,
  sockets: ["dgram", "stream"],
};

/** Reads the policy of a port; calls `refuse` with the reason when there can be none like it. */
export function readPolicy(written: Written, refuse: Refuse): PortPolicy {
  const { given, pieces } = written;
  const client = baseOf(written);
  if (given.client !== undefined) refuseWire(given.client, client, written, refuse);
  if (given.finish === "on" && (given["vnet-hdr"] ?? "0") !== "0") {
    refuse("the vnet header says which checksums are unfinished; leave finish out");
  }
  const vnetHdr = Number(given["vnet-hdr"] ?? client.vnetHdr) as VnetBytes;
  const sends = readFeatures("sends", client, given, vnetHdr, refuse);
  const accepts = readFeatures("accepts", client, given, vnetHdr, refuse);
  return {
    client: given.client ?? PORT_DEFAULTS.client,
    asked: pieces.filter((piece) => isPolicyOption(piece.split("=")[0])).join(","),
    sends,
    accepts,
    vnetHdr,
    mtu: given.mtu ?? PORT_DEFAULTS.mtu,
    maxFrame: longestFrame(client, sends | accepts, given, refuse),
    finish: given.finish === undefined ? client.finish : given.finish === "on",
    forwardSafe: given["forward-safe"] === "on",
    clampMss: given["clamp-mss"] === "on",
  };
}

/** What the policy is where no option says otherwise. */
function baseOf({ given, negotiates }: Written): Client {
  if (negotiates) return VHOST_USER;
  return given.client === undefined ? UNKNOWN : clients[given.client];
}

/** Refuses a socket or a header that the client does not have. */
function refuseWire(name: string, client: Client, written: Written, refuse: Refuse): void {
  const { given, kind, target } = written;
  const [socket] = client.sockets;
  if (client.sockets.length === 1 && socket !== kind && (kind === "dgram" || kind === "stream")) {
    const called = socket === "dgram" ? "datagram" : socket;
    refuse(`client ${name} uses a ${called} socket; write ${quote(`${socket}:${target}`)}`);
  }
  if ((given["vnet-hdr"] ?? "0") !== "0") {
    refuse(`client ${name} has no vnet header on its socket; leave vnet-hdr out`);
  }
}

/** One side of the policy, as it is after everything that has a say in it. */
function readFeatures(
  side: "sends" | "accepts",
  client: Client,
  given: Written["given"],
  vnetHdr: VnetBytes,
  refuse: Refuse,
): Features {
  const { offload } = given, own = given[side];
  if (offload !== undefined && own !== undefined) {
    refuse(`offload stands for sends and accepts; leave offload or ${side} out`);
  }
  const short = offload === undefined ? client[side] : offload === "on" ? OFFLOAD_ON : 0;
  const features = own ?? short;
  const beyond = features & ~client.able;
  if (beyond !== 0) {
    refuse(tooMuch(given.client!, client, offload === undefined ? side : "offload", beyond));
  }
  const reason = lacking(side, features, vnetHdr);
  if (reason !== undefined) refuse(reason);
  return features;
}

function tooMuch(name: string, { able }: Client, option: string, beyond: Features): string {
  const other = `${name}-offload`;
  if (able !== 0) {
    const fix = option === "offload" ? "leave offload out" : `give some of ${formatFeatures(able)}`;
    return `client ${name} never uses ${formatFeatures(beyond)}; ${fix}`;
  }
  const fix = Object.hasOwn(clients, other)
    ? `for one that does write client=${other} and leave ${option} out`
    : `leave ${option} out`;
  return `client ${name} offloads nothing; ${fix}`;
}

/** Why a set of features cannot be: each needs another that is not in it (virtio 1.2, 5.1.3.1). */
function lacking(side: string, features: Features, vnetHdr: VnetBytes): string | undefined {
  const is = `${side} is ${formatFeatures(features)}`;
  const large = features & LARGE;
  if ((features & Feature.ECN) !== 0 && (features & TSO) === 0) {
    return `${is}: ecn is a way of tso4 and tso6; add one of them, or leave ecn out`;
  }
  if (large !== 0 && (features & Feature.CSUM) === 0) {
    return `${is}: a large frame cannot have the checksums of what it is cut into; ` +
      `write ${side}=${formatFeatures(features | Feature.CSUM)}`;
  }
  if ((features & Feature.USO) !== 0 && vnetHdr === 0) {
    return `${is}: without a vnet header nothing says where a datagram ends; ` +
      "add vnet-hdr=12, or leave uso out";
  }
  return undefined;
}

function longestFrame(
  { maxFrame: limit }: Client,
  features: Features,
  given: Written["given"],
  refuse: Refuse,
): number {
  const { client, mtu, "max-frame": wanted } = given;
  const large = (features & LARGE) !== 0;
  // No longer than the client's limit, which for one that is not known is safe for all of them.
  const follows = large || mtu === undefined ? limit : Math.min(mtu + FRAME_OVER_MTU, limit);
  const maxFrame = wanted ?? follows;
  const reads = `client ${client} reads frames of at most ${limit} bytes`;
  if (maxFrame > (client === undefined ? MAX_FRAME : limit)) {
    refuse(`${reads} and max-frame is ${maxFrame}; leave max-frame out`);
  }
  if (mtu !== undefined && maxFrame < mtu + MIN_FRAME) {
    const needs = `mtu ${mtu} needs frames of ${mtu + MIN_FRAME} bytes and`;
    if (wanted === undefined) {
      refuse(`${needs} ${reads}; give an mtu of at most ${limit - MIN_FRAME}`);
    }
    refuse(`${needs} max-frame is ${maxFrame}; leave max-frame out, it follows mtu`);
  }
  if (large && maxFrame < Math.min((mtu ?? DEFAULT_MTU) + FRAME_OVER_MTU + 1, LONGEST_NEEDED)) {
    const what = `the large frames of ${formatFeatures(features & LARGE)}`;
    refuse(
      `max-frame is ${maxFrame}, which leaves no room for ${what} (mtu ${
        mtu ?? DEFAULT_MTU
      }); leave max-frame out`,
    );
  }
  return maxFrame;
}
