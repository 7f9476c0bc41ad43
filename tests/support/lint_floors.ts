/**
 * The floors of the house as a lint rule.
 *
 * A room (a folder of src/) may import itself and rooms on lower floors. That keeps the pure rooms pure,
 * lets the switch run over a fake kernel, and makes a new port kind or a new OS a change of one room.
 * Types count like values: a type that points upward is the first half of a cycle.
 *
 * @module
 */

import { pathToFileURL } from "node:url";

/** Every room and its floor, as in src/README.md; std/ is outside the house and open to everybody. */
const FLOORS: Readonly<Record<string, number>> = {
  platform: 0,
  frame: 0,
  offload: 1,
  port: 2,
  engine: 3,
  control: 4,
  demo: 5,
  selftest: 6,
  cli: 6,
};

/** Rooms that stay pure although platform is below them. */
const NEVER_PLATFORM = ["frame", "offload"];

/** Files outside src/ that a room may import: the version is told in one place. */
const DATA = ["deno.json"];

const ROOT = new URL("../../", import.meta.url);

/** Path below the root of the repository, or undefined for a file elsewhere. */
function inRepository(url: URL): string | undefined {
  return url.href.startsWith(ROOT.href) ? url.href.slice(ROOT.href.length) : undefined;
}

/** The room a path of the repository lies in, undefined when it is not in src/ or not in a room. */
function roomOf(path: string | undefined): string | undefined {
  return path?.match(/^src\/([^/]+)\//)?.[1];
}

/** Why `from` may not import the file at `path`; undefined if it may. */
function objection(from: string, path: string | undefined): string | undefined {
  const to = roomOf(path);
  if (to === from || to === "std" || (path !== undefined && DATA.includes(path))) return undefined;
  if (to === undefined) {
    return `src/${from}/ must not import ${path ?? "a file elsewhere"}: it is in no room`;
  }
  if (!Object.hasOwn(FLOORS, to)) return `src/${to}/ is on no floor; give it one in lint_floors.ts`;
  if (from === "std") return `src/std/ must not import src/${to}/: it only carries std`;
  if (!Object.hasOwn(FLOORS, from)) {
    return `src/${from}/ is on no floor; give it one in lint_floors.ts`;
  }
  if (FLOORS[to] >= FLOORS[from]) {
    return `src/${from}/ (floor ${FLOORS[from]}) must not import src/${to}/ (floor ${FLOORS[to]})`;
  }
  if (to === "platform" && NEVER_PLATFORM.includes(from)) {
    return `src/${from}/ must not import src/platform/: it is pure; pass in what it needs`;
  }
  return undefined;
}

/** Selectors of everything that names another module by a string. */
const REFERENCES = {
  statement:
    "ImportDeclaration > Literal, ExportAllDeclaration > Literal, ExportNamedDeclaration > Literal",
  expression: "ImportExpression > Literal, TSImportType Literal",
  url: 'NewExpression[callee.name="URL"]:has(MetaProperty) > Literal',
};

/** One rule: an import that goes up, sideways or out of the house is an error. */
export default {
  name: "floors",
  rules: {
    floors: {
      create(context): Deno.lint.LintVisitor {
        const file = pathToFileURL(context.filename);
        const from = roomOf(inRepository(file));
        if (from === undefined) return {};
        const judge = (node: Deno.lint.Node): void => {
          if (node.type !== "Literal" || typeof node.value !== "string") return;
          if (!/^(\.{0,2}\/|file:)/.test(node.value)) return; // a package: the import map and the lock judge it
          const message = objection(from, inRepository(new URL(node.value, file)));
          if (message !== undefined) context.report({ node, message });
        };
        return {
          [REFERENCES.statement]: judge,
          [REFERENCES.expression]: judge,
          [REFERENCES.url]: judge,
        };
      },
    },
  },
} satisfies Deno.lint.Plugin;
