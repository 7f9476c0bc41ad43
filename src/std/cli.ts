/**
 * `@std/cli/parse-args` with types; see assert.ts for why this module exists.
 *
 * @module
 */
// @ts-types="./cli.d.ts"
export * from "deno-std/cli/parse_args.js";
