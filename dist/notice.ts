/**
 * The licence text that goes with a package, for it contains the work of others.
 *
 * @module
 */
import { ROOT } from "./command_line.ts";

/** Whose work a package contains; all of it is under the MIT License, whose text is ours too. */
const OTHERS = [
  "Deno: Copyright 2018-2026 the Deno authors",
  "LogTape: Copyright 2024-2026 Hong Minhee",
  "The Deno Standard Library, by way of deno-std: Copyright 2018-2026 the Deno authors",
];

/** Our licence, and whose copyright its conditions cover beside ours. */
export function notice(): string {
  return `${Deno.readTextFileSync(`${ROOT}/LICENSE`)}
This package contains other works under the same licence:

${OTHERS.map((line) => `- ${line}`).join("\n")}

The deno program contains further works; their licences are in Deno's repository.
`;
}
