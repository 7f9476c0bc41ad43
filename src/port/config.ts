/**
 * What a port is asked to be: plain data, made by the command line and read by the engine.
 *
 * @module
 */

import type { Policy } from "../offload/policy.ts";

/** What happens when another client comes to a port. */
export type Clients =
  /** Every client becomes a switch port of its own (`lan.1`, `lan.2`, ...). */
  | "many"
  /** One client; a newcomer takes over (a datagram newcomer once the old one is gone or cannot be reached). */
  | "replace"
  /** One client; a newcomer is turned away while the old one lives. */
  | "refuse";

/** What happens to frames for a VM that does not take them. */
export type Full =
  /** They are dropped and counted; nobody else notices. */
  | "drop"
  /** Senders are not read until there is room again, at most {@linkcode PortConfig.pauseMs}; then as `drop`. */
  | "pause";

/** One `--port`. */
export interface PortConfig extends Policy {
  /** Unique name, used in logs and counters. */
  readonly name: string;
  /** A key of `kinds` in port/mod.ts: `dgram`, `stream`, `fd`, `vhost-user`, `vhost-user-client`. */
  readonly kind: string;
  /** A socket path, or for `fd` a descriptor's number or the name a service manager gave it. */
  readonly target: string;
  readonly clients: Clients;
  readonly full: Full;
  /** Longest pause in milliseconds. */
  readonly pauseMs: number;
  /** Egress queue of each VM in bytes, each frame counted with 4 bytes of length. */
  readonly queue: number;
  /** Permission bits of the socket file. */
  readonly mode: number;
  /** Group id of the socket file; -1 leaves it. */
  readonly gid: number;
  /** Most MAC addresses learned behind one VM. */
  readonly maxMacs: number;
  /** Preset the policy began with, a key of `clients` in offload/clients.ts; empty when none was named. */
  readonly client: string;
  /** What was asked of the offload policy, as on the command line (`client=krunkit-offload`); may be empty. */
  readonly asked: string;
  /** vhost-user: microseconds that the rings are looked at after the last frame before the switch sleeps. */
  readonly pollUs: number;
  /** vhost-user: guest memory is taken also when it could be made shorter under us, which would end the process. */
  readonly unsealed: boolean;
}

/** True if the target of an `fd` port is a descriptor's number; names do not start with a digit. */
export function isNumbered(target: string): boolean {
  return /^\d/.test(target);
}

/** Longest frame on the wire of any client we know: QEMU's NET_BUFSIZE (include/net/net.h). */
export const MAX_FRAME = 69_632;
/** Shortest frame: an Ethernet header. */
export const MIN_FRAME = 14;

/** What a port is when its options do not say otherwise. */
export const PORT_DEFAULTS = {
  full: "drop",
  pauseMs: 100,
  queue: 1 << 20,
  mtu: 0,
  /** libkrun panics above 65,550 and QEMU closes above 69,632: the smaller is safe for both. */
  maxFrame: 65_550,
  mode: 0o600,
  gid: -1,
  maxMacs: 8192,
  client: "",
  asked: "",
  /**
   * About what going to sleep and being woken costs. At 10,000 single frames a second a switch uses 16 % of a core with 0,
   * 21 % with 10 and 33 % with 20; beyond some 100,000 it looks all the time in any case.
   */
  pollUs: 10,
  unsealed: false,
  sends: 0,
  accepts: 0,
  vnetHdr: 0,
  finish: false,
  forwardSafe: false,
  clampMss: false,
} as const;
