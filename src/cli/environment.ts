/**
 * What the command line must know of the world: passed in, so that parsing is a function of its inputs.
 *
 * @module
 */
import type { Clients } from "../port/config.ts";
import type { GroupLookup } from "./value.ts";

/** Facts of a port kind that its specification depends on. */
export interface Kind {
  /** What a port of this kind does about a second client unless it is told. */
  readonly clients: Clients;
  /** What its target is: a socket file, or a descriptor that we are given. */
  readonly target: "path" | "descriptor";
  /** Whom it reaches; one line of the help text. */
  readonly help: string;
  /** It speaks vhost-user: its VMs share their memory with us and negotiate their offloads. */
  readonly shares: boolean;
  /** The socket file is the VM's and we connect to it, so there is one client. */
  readonly connects?: boolean;
}

/** Port kinds by name; the first is that of a port that names none. */
export type Kinds = Readonly<Record<string, Kind>>;

/** Kind of a port that names none. */
export function defaultKind(kinds: Kinds): string {
  return Object.keys(kinds)[0];
}

/** The world around a command line. */
export interface Environment {
  readonly kinds: Kinds;
  readonly groupId: GroupLookup;
  /** Longest socket path in bytes. */
  readonly pathLimit: number;
}
