/**
 * Ports that cannot live beside each other: judged on the whole command line, before anything is opened.
 *
 * @module
 */
import type { PortConfig } from "../port/config.ts";
import type { Environment } from "./environment.ts";
import { quote, UsageError } from "./usage_error.ts";

/** A port and the text it was read from, for messages. */
export interface WrittenPort {
  readonly text: string;
  readonly port: PortConfig;
}

/** Throws a {@linkcode UsageError} for the first two ports, or port and descriptor, in conflict. */
export function refuseConflicts(
  written: readonly WrittenPort[],
  readyFd: number,
  kinds: Environment["kinds"],
): void {
  written.forEach((a, i) => {
    const both = (b: WrittenPort) => `--port ${quote(a.text)} and --port ${quote(b.text)}`;
    for (const b of written.slice(i + 1)) {
      if (a.port.name === b.port.name) {
        throw new UsageError(
          `Cannot use ${both(b)}: both are named ${
            quote(a.port.name)
          }; write NAME= before one of them`,
        );
      }
      if (placeOf(a.port, kinds) === placeOf(b.port, kinds)) {
        throw new UsageError(`Cannot use ${both(b)}: ${samePlace(a.port, kinds)}`);
      }
      const [lan, one] = a.port.name.length < b.port.name.length ? [a, b] : [b, a];
      if (lan.port.clients === "many" && isClientName(one.port.name, lan.port.name)) {
        throw new UsageError(
          `Cannot use ${both(b)}: clients of ${quote(lan.port.name)} are named like ${
            quote(one.port.name)
          }; write another NAME= before one of them`,
        );
      }
    }
    refuseOurDescriptor(a, readyFd, kinds);
  });
}

/** What only one port can have: a descriptor, or a path without `.` and empty parts. */
function placeOf({ kind, target }: PortConfig, kinds: Environment["kinds"]): string {
  if (kinds[kind].target === "descriptor") return `descriptor ${target}`;
  const parts = target.split("/").filter((part) => part !== "" && part !== ".");
  return `path ${target.startsWith("/") ? "/" : ""}${parts.join("/")}`;
}

function samePlace(port: PortConfig, kinds: Environment["kinds"]): string {
  return kinds[port.kind].target === "descriptor"
    ? "a descriptor serves one port; have the launcher pass another for the second"
    : "a path serves one port (with clients=many any number of VMs); give one of them another path";
}

/** Clients of `lan` are `lan.1`, `lan.2` and so on. */
function isClientName(name: string, lan: string): boolean {
  return name.startsWith(`${lan}.`) && /^[1-9]\d*$/.test(name.slice(lan.length + 1));
}

function refuseOurDescriptor(
  { text, port }: WrittenPort,
  readyFd: number,
  kinds: Environment["kinds"],
): void {
  if (kinds[port.kind].target !== "descriptor") return;
  const fd = Number(port.target);
  if (fd === 2) throw refusal(text, "the log goes to 2; have the launcher pass another number");
  if (fd === readyFd) {
    throw refusal(text, `the ready line goes to ${fd}; give another number, here or to --ready-fd`);
  }
}

function refusal(text: string, reason: string): UsageError {
  return new UsageError(`Cannot use --port ${quote(text)}: ${reason}`);
}
