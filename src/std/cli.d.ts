/**
 * The part of `@std/cli/parse-args` that we use, with the names of the options in its types.
 *
 * @module
 */

/** What {@linkcode parseArgs} is told; B, S and C are the names of the options. */
export interface ParseOptions<B extends string, S extends string, C extends string> {
  /** Options that take no value. */
  readonly boolean?: readonly B[];
  /** Options whose value stays text; `""` stands for a missing one. */
  readonly string?: readonly S[];
  /** Options that keep every value instead of the last one. */
  readonly collect?: readonly C[];
  /** Other names of an option. The result has a property for each of them. */
  readonly alias?: Readonly<Record<string, string | readonly string[]>>;
  /** Put what follows `--` into the property of that name instead of `_`. */
  readonly "--"?: boolean;
  /**
   * Called for each option that is not declared (with its name and value) and for each positional
   * argument (with nothing else); `false` leaves it out of the result.
   */
  readonly unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** What {@linkcode parseArgs} found. Words that look like numbers become numbers in `_`. */
export type Args<B extends string, S extends string, C extends string> =
  & { _: (string | number)[]; "--"?: string[] }
  & { [K in Exclude<B, C>]: boolean }
  & { [K in Extract<B, C>]: boolean[] }
  & { [K in Exclude<S, C>]?: string }
  & { [K in Extract<S, C>]: string[] };

/** Reads a command line, leniently: what it lets pass is for the caller to find. */
export declare function parseArgs<
  const B extends string = never,
  const S extends string = never,
  const C extends string = never,
>(args: readonly string[], options?: ParseOptions<B, S, C>): Args<B, S, C>;
