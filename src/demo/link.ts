/**
 * How a demo host reaches the switch: the two ways VM monitors do, from the other end.
 *
 * Frames to send are copied to an outbox and handed to the kernel many at a time; received ones are shown
 * where they arrived and stay there until the next call. Nothing here blocks.
 *
 * @module
 */
import { errnoName, Fault, judge } from "../platform/errno.ts";
import type { Kernel, SocketType } from "../platform/kernel.ts";
import { DemoError } from "./demo_error.ts";

/** One end of a link to the switch. */
export interface Link {
  readonly fd: number;
  /** Longest frame it sends and takes. */
  readonly longest: number;
  /** Where the frames of the last {@linkcode receive} lie. */
  readonly at: Int32Array;
  /** How long they are. */
  readonly length: Int32Array;
  /** Take what the kernel has, at most one batch; returns how many frames, 0 when none wait. */
  receive(): number;
  /** Copy a frame to the outbox; false when it is full. */
  put(at: number, length: number): boolean;
  /** Send the outbox, as far as the switch takes it now; false when frames remain. */
  flush(): boolean;
  /** Close the socket and remove our file, if there is one. */
  close(): void;
}

/** Longest frame of a host without offload: an MTU of 1500 and an Ethernet header. */
export const LINK_FRAME = 1514;
/** Longest frame of a host with offload, as libkrun has it: the longest IP packet and an Ethernet header. */
export const LARGE_FRAME = 65_550;

/**
 * A socket connected to the switch's; `own` is the path to bind it to first, as a datagram client must to
 * get answers.
 */
export function connectTo(kernel: Kernel, type: SocketType, path: string, own?: string): number {
  const fd = check(kernel.socket(type), "make a socket");
  if (own !== undefined) check(kernel.bind(fd, own, 0o600), `bind ${own}`);
  check(kernel.connect(fd, new TextEncoder().encode(path)), `connect to ${path}`);
  return fd;
}

/** The result of a call that has to work. */
function check(result: number, action: string): number {
  if (result >= 0) return result;
  throw new DemoError(`cannot ${action}: ${errnoName(result)}`);
}

/** The count a data call returned; 0 when there was no room or nothing to read. */
export function moved(result: number, action: string): number {
  if (result >= 0) return result;
  const fault = judge(result);
  if (fault === Fault.AGAIN || fault === Fault.RETRY) return 0;
  throw new DemoError(`cannot ${action}: ${errnoName(result)}`);
}
