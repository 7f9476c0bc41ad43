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

/** One probe. */
export interface ProbeReport {
  readonly name: string;
  readonly ok: boolean;
  /** Milliseconds it took, the start of its thread included. */
  readonly ms: number;
  /** What it found, or what is wrong. */
  readonly details: string;
  readonly figures: Figures;
  readonly steps?: readonly StepReport[];
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
}

/** The whole. */
export interface Report extends Setting {
  readonly event: "self-test";
  readonly ok: boolean;
  /** Names of the probes that failed. */
  readonly failed: readonly string[];
  readonly probes: readonly ProbeReport[];
}

/** The setting we are in. */
export function settingOf(version: string): Setting {
  return {
    version,
    deno: Deno.version.deno,
    v8: Deno.version.v8,
    os: Deno.build.os,
    release: Deno.osRelease(),
    arch: Deno.build.arch,
    cpus: navigator.hardwareConcurrency,
    compiled: Deno.build.standalone,
  };
}

/** Put the parts together. */
export function makeReport(setting: Setting, probes: readonly ProbeReport[]): Report {
  const failed = probes.filter(({ ok }) => !ok).map(({ name }) => name);
  return { event: "self-test", ok: failed.length === 0, failed, ...setting, probes };
}

/** What a reader needs at the end: whether all is well, and else what is not. */
export function summary({ ok, os, release, arch, deno, version, probes }: Report): string {
  const where = `vswitch ${version} on ${os} ${release} ${arch}, deno ${deno}`;
  if (ok) return `All ${probes.length} probes passed: ${where}.`;
  return [
    ...probes.filter((probe) => !probe.ok).map((probe) => {
      return `Probe ${probe.name} failed: ${probe.details}`;
    }),
    `This was ${where}. Please report it with the line that vswitch self-test --json prints.`,
  ].join("\n");
}
