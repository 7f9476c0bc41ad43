/**
 * The part of `@std/assert` (std of 2026) that we use. All of them throw {@linkcode AssertionError}; `msg` is put in
 * front of the difference they show.
 *
 * @module
 */

/** A class, abstract or not, whose instances are `T`. */
type Class<T> = abstract new (...args: never[]) => T;

/** What every assertion throws. */
export declare class AssertionError extends Error {
  constructor(message: string, options?: ErrorOptions);
}

/** Fails unless `expr` is truthy. */
export declare function assert(expr: unknown, msg?: string): asserts expr;

/** Fails unless `expr` is falsy. */
export declare function assertFalse(
  expr: unknown,
  msg?: string,
): asserts expr is false | 0 | 0n | "" | null | undefined;

/** Fails unless both are deeply equal. */
export declare function assertEquals<T>(actual: T, expected: T, msg?: string): void;

/** Fails if both are deeply equal. */
export declare function assertNotEquals<T>(actual: T, expected: T, msg?: string): void;

/** Fails unless `Object.is` holds. */
export declare function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T;

/** Fails if `Object.is` holds. */
export declare function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void;

/** Fails unless both are within `tolerance`, by default a 10^7th of `expected`. */
export declare function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void;

/** Fails unless actual > expected. */
export declare function assertGreater<T>(actual: T, expected: T, msg?: string): void;

/** Fails unless actual >= expected. */
export declare function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void;

/** Fails unless actual < expected. */
export declare function assertLess<T>(actual: T, expected: T, msg?: string): void;

/** Fails unless actual <= expected. */
export declare function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void;

/** Fails if `actual` is null or undefined. */
export declare function assertExists<T>(
  actual: T,
  msg?: string,
): asserts actual is NonNullable<T>;

/** Fails unless `actual` is an instance of `expectedType`. */
export declare function assertInstanceOf<T>(
  actual: unknown,
  expectedType: Class<T>,
  msg?: string,
): asserts actual is T;

/** Fails unless every element of `expected` is deeply equal to some element of `actual`. */
export declare function assertArrayIncludes<T>(
  actual: ArrayLike<T>,
  expected: ArrayLike<T>,
  msg?: string,
): void;

/** Fails unless `expected` is a subset of `actual`, deeply. */
export declare function assertObjectMatch(
  actual: object,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void;

/** Fails unless `actual` contains `expected`. */
export declare function assertStringIncludes(actual: string, expected: string, msg?: string): void;

/** Fails unless `actual` matches `expected`. */
export declare function assertMatch(actual: string, expected: RegExp, msg?: string): void;

/** Fails if `actual` matches `expected`. */
export declare function assertNotMatch(actual: string, expected: RegExp, msg?: string): void;

/** Fails unless `fn` throws; returns what it threw. */
export declare function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Fails unless `fn` throws an `errorClass` whose message contains `msgIncludes`; returns the error. */
export declare function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  errorClass: Class<E>,
  msgIncludes?: string,
  msg?: string,
): E;

/** Rejects unless the promise of `fn` rejects; resolves to the reason. */
export declare function assertRejects(
  fn: () => PromiseLike<unknown>,
  msg?: string,
): Promise<unknown>;
/** Rejects unless the promise of `fn` rejects with an `errorClass` whose message contains `msgIncludes`; resolves to the error. */
export declare function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  errorClass: Class<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;

/** Always fails. */
export declare function fail(msg?: string): never;
