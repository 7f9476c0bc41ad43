/**
 * What the self-test found out, as one line of JSON that can be pasted into a report of a fault.
 *
 * It holds what decides how the kernel is used (system, release, architecture, versions) and nothing of the user: no host
 * name, no user name, no path beyond those in a message about a failure.
 *
 * @module
 */
import type { Figures } from "./probe.ts";

/** A step of the traffic probe. */
export interface StepReport {
  readonly step: string;
  readonly ok: boolean;
  /** In words. */
  readonly result: string;
}

/** How a question was answered. */
export interface Outcome {
  readonly ok: boolean;
  /** What it found, or what is wrong. */
  readonly details: string;
  readonly figures: Figures;
  readonly steps?: readonly StepReport[];
}

/** One question and its answer. */
export interface ProbeReport extends Outcome {
  readonly name: string;
  /** Milliseconds it took, the start of its process or thread included. */
  readonly ms: number;
}

/** The machine and the program. */
export interface Setting {
  readonly version: string;
  readonly deno: string;
  readonly v8: string;
  readonly os: string;
  /** Release of the kernel, as uname(1) tells it: 24.6.0 is macOS 15.6. */
  readonly release: string;
  readonly arch: string;
  readonly cpus: number;
  /** Made by `deno compile`. */
  readonly compiled: boolean;
  /** What VSWITCH_SENDMSG_X decides, where there is something to decide. */
  readonly sendmsgX?: "on" | "off" | "auto";
}

/** The whole. */
export interface Report extends Setting {
  readonly event: "self-test";
  /** Everything was asked, and nothing failed. */
  readonly ok: boolean;
  /** The signal that ended it before everything was asked. */
  readonly endedBy?: string;
  /** Names of the probes that failed. */
  readonly failed: readonly string[];
  /** When it was made, in UTC: 2025-01-31T12:00:00Z. */
  readonly time: string;
  readonly probes: readonly ProbeReport[];
}

/** The setting we are in; `os` is ours but for a test. */
export function settingOf(version: string, os: string = Deno.build.os): Setting {
  return {
    version,
    deno: Deno.version.deno,
    v8: Deno.version.v8,
    os,
    release: Deno.osRelease(),
    arch: Deno.build.arch,
    cpus: navigator.hardwareConcurrency,
    compiled: Deno.build.standalone,
    ...os === "darwin" ? { sendmsgX: sendmsgX() } : {},
  };
}

/** As the kernel object for macOS reads it (platform/mod.ts). */
function sendmsgX(): "on" | "off" | "auto" {
  const value = Deno.env.get("VSWITCH_SENDMSG_X");
  return value === "on" || value === "off" ? value : "auto";
}

/**
 * Put the parts together.
 *
 * @param endedBy the signal that came before all was asked
 */
export function makeReport(
  setting: Setting,
  probes: readonly ProbeReport[],
  endedBy?: string,
): Report {
  const failed = probes.filter(({ ok }) => !ok).map(({ name }) => name);
  return {
    event: "self-test",
    ok: failed.length === 0 && endedBy === undefined,
    ...endedBy === undefined ? {} : { endedBy },
    failed,
    time: new Date().toISOString().replace(/\.\d+/, ""),
    ...setting,
    probes,
  };
}

/** What a reader needs at the end: whether all is well, and else what is not. */
export function summary({ ok, os, release, arch, deno, version, probes }: Report): string {
  const where = `vswitch ${version} on ${os} ${release} ${arch}, deno ${deno}`;
  if (ok && probes.length === 1) return `Probe ${probes[0].name} passed: ${where}.`;
  if (ok) return `All ${probes.length} probes passed: ${where}.`;
  return [
    ...probes.filter((probe) => !probe.ok).map((probe) => {
      return `Probe ${probe.name} failed: ${probe.details}`;
    }),
    `This was ${where}. Please report it with the line that vswitch self-test --json prints.`,
  ].join("\n");
}
