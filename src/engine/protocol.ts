/**
 * What passes through the two doors between the main thread and the engine: types only.
 *
 * Down go commands, each one message and one wake. Up come events (rare, told by messages) and counters
 * (a SharedArrayBuffer, see counters.ts). Nothing is ever sent per frame.
 *
 * @module
 */
import type { SocketKind } from "../offload/clients.ts";
import type { Policy } from "../offload/policy.ts";
import type { PortConfig } from "../port/config.ts";

/** First message to the engine: what it needs before it can run. */
export interface Start {
  /** Wake counter both threads hold; one wake per {@linkcode Command}. */
  readonly wakeFd: number;
  /** Shared counters, see counters.ts for the layout. */
  readonly counters: SharedArrayBuffer;
  /** There will be ports that share memory with their VMs: address space is reserved for it. */
  readonly shares: boolean;
}

/** What main asks of the engine. */
export type Command =
  | { readonly kind: "start"; readonly start: Start }
  /** Open ports, all or none; answered by `opened` or `failed`. */
  | { readonly kind: "open"; readonly ports: readonly PortConfig[] }
  /** Finish started frames, close everything; answered by `stopped`. */
  | { readonly kind: "stop" };

/** How bad a {@linkcode Event} of kind `log` is. */
export type Level = "debug" | "info" | "warning" | "error";

/** Facts of an opened port, for the ready line. */
export interface OpenedPort {
  readonly name: string;
  readonly kind: string;
  /** What the socket turned out to be, which the kinds `fd` and `vhost-user-client` do not say. */
  readonly socket: SocketKind;
  readonly target: string;
  /** Of a descriptor: the absolute path it is bound to. */
  readonly path?: string;
  readonly clients: string;
  /** Send and receive buffers granted by the kernel, in bytes as it counts them; 0 before a client is there. */
  readonly buffers: number;
  /** As in {@linkcode PortConfig}. */
  readonly client: string;
  readonly asked: string;
  /** Of a vhost-user port: what its guests are offered. */
  readonly policy: Policy;
}

/** What the engine tells main. */
export type Event =
  /** `bulk`: the calls that carry the engine's datagrams (Kernel.bulk). */
  | { readonly kind: "opened"; readonly ports: readonly OpenedPort[]; readonly bulk: string }
  /** A port could not be opened; the ports of that command are closed again. `usage`: the user must change the command line. */
  | { readonly kind: "failed"; readonly message: string; readonly usage: boolean }
  | {
    readonly kind: "log";
    readonly at: number;
    readonly level: Level;
    readonly port: string;
    readonly text: string;
  }
  /** Counter row `row` belongs to this port from now on; state "closed" frees it. */
  | {
    readonly kind: "port";
    readonly row: number;
    readonly name: string;
    readonly state: "waiting" | "up" | "closed";
    /** With "up": the policy in effect, which a vhost-user guest has negotiated. */
    readonly policy?: Policy | undefined;
  }
  | { readonly kind: "stopped" }
  /** The engine found a bug of ours and ended. */
  | { readonly kind: "crashed"; readonly message: string };
