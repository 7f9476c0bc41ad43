/**
 * `@std/assert` with types.
 *
 * The package that carries std on npm ships JavaScript only, and an untyped `assert` does not narrow.
 * So this module re-exports it and assert.d.ts says what it is; a move to std's own registry is one
 * line in deno.json.
 *
 * @module
 */
// @ts-types="./assert.d.ts"
export * from "deno-std/assert/mod.js";
