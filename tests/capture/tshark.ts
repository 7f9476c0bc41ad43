/**
 * Wireshark as a judge of checksums: `tshark` reads a capture and says of every frame what it thinks of it.
 *
 * @module
 */
import { say } from "../support/time.ts";

/** What tshark says of one checksum: it has these numbers for it (epan/proto.h). */
export type Verdict = "bad" | "good" | "unverified" | "not present" | "illegal";
const VERDICTS: readonly Verdict[] = ["bad", "good", "unverified", "not present", "illegal"];

/** What it says of one frame; no entry for a protocol the frame does not have. */
export interface Judgement {
  readonly ip?: Verdict;
  readonly tcp?: Verdict;
  readonly udp?: Verdict;
}

const FIELDS = ["ip.checksum.status", "tcp.checksum.status", "udp.checksum.status"];
/** It verifies no checksum unless told to, and puts streams together, which nobody needs here. */
const PREFERENCES = [
  "ip.check_checksum:TRUE",
  "tcp.check_checksum:TRUE",
  "udp.check_checksum:TRUE",
  "tcp.desegment_tcp_streams:FALSE",
  "tcp.analyze_sequence_numbers:FALSE",
  "tcp.try_heuristic_first:FALSE",
];
const FIX = "install tshark (Debian: apt-get install tshark)";

/** Why there is no tshark, or undefined when there is. */
export const missing: string | undefined = await new Deno.Command("tshark", { args: ["--version"] })
  .output()
  .then(({ success }) => success ? undefined : `tshark does not run; ${FIX}`)
  .catch(() => `tshark is not installed; ${FIX}`);

/** Register a test that is ignored, and says so, where there is no tshark. */
export function tsharkTest(name: string, fn: (t: Deno.TestContext) => Promise<void>): void {
  if (missing !== undefined) say(`SKIP ${name}: ${missing}`);
  Deno.test({ name, ignore: missing !== undefined, fn });
}

/** Judge a capture file; one entry for each frame, in order. */
export async function judge(path: string): Promise<Judgement[]> {
  const { success, stdout, stderr } = await new Deno.Command("tshark", {
    args: [
      ...["-n", "-r", path, "-T", "fields", "-E", "separator=;", "-E", "occurrence=f"],
      ...FIELDS.flatMap((field) => ["-e", field]),
      ...PREFERENCES.flatMap((preference) => ["-o", preference]),
    ],
    stdin: "null",
  }).output();
  if (!success) throw new Error(`tshark failed: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout).slice(0, -1).split("\n").map(judgement);
}

function judgement(line: string): Judgement {
  const [ip, tcp, udp] = line.split(";");
  return { ...verdict("ip", ip), ...verdict("tcp", tcp), ...verdict("udp", udp) };
}

function verdict(protocol: string, status: string): { [protocol: string]: Verdict } {
  return status === "" ? {} : { [protocol]: VERDICTS[Number(status)] };
}
