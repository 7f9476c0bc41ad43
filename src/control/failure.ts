/**
 * How a run ends badly: whose fault it was decides the exit code, and nothing else does.
 *
 * @module
 */

/** Exit codes of the process; 70 is EX_SOFTWARE of sysexits.h. */
export const Exit = {
  OK: 0,
  /** The system or a port stood in the way. */
  FAILED: 1,
  /** The command line must change. */
  USAGE: 2,
  /** A fault of ours. */
  BUG: 70,
} as const;
/** One of the {@linkcode Exit} codes. */
export type Exit = typeof Exit[keyof typeof Exit];

/** An end with a message for the user: action, state and fix, without a stack. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly exitCode: Exit;

  constructor(message: string, exitCode: Exit) {
    super(message);
    this.exitCode = exitCode;
  }

  /** The user must change the command line. */
  get usage(): boolean {
    return this.exitCode === Exit.USAGE;
  }
}
