/**
 * `--version`: ours, and what we run on, since a report of a fault needs both.
 *
 * @module
 */
import config from "../../deno.json" with { type: "json" };

/** The version of vswitch, from deno.json, where releases set it. */
export const VERSION: string = config.version;

/** One line of text, or one of JSON: `{"version","deno","v8","os","arch"}`. */
export function versionText(json: boolean): string {
  const { deno, v8 } = Deno.version;
  const { os, arch } = Deno.build;
  if (json) return JSON.stringify({ version: VERSION, deno, v8, os, arch });
  return `vswitch ${VERSION} (deno ${deno}, v8 ${v8}, ${os} ${arch})`;
}
