/**
 * The part of `--port` before the first comma: `[NAME=][KIND:]TARGET`.
 *
 * A slash ends the search for a name and a kind: what stands before the first `=` is a name unless it
 * contains one, and what stands before the first `:` a kind. So any path can be written, at worst with
 * `./` in front.
 *
 * @module
 */
import { isNumbered } from "../port/config.ts";
import { defaultKind, type Environment, type Kinds } from "./environment.ts";
import { didYouMean } from "./suggest.ts";
import { listed, quote } from "./usage_error.ts";

/** What a valid name is, in words. */
const NAME_RULE = "1 to 32 of A-Z a-z 0-9 _ . -, not starting with . or -";
/** A number, or a name as launchd and systemd know it; the latter starts with a letter. */
const DESCRIPTOR = /^(0|[1-9]\d{0,8}|[A-Za-z_][A-Za-z0-9_.-]{0,31})$/;
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$/;

/** Name, kind and target of a port. */
export interface PortHead {
  readonly name: string;
  readonly kind: string;
  readonly target: string;
}

/** Takes the head apart; `refuse` is called with the reason when it cannot be used. */
export function readPortHead(
  head: string,
  { kinds, pathLimit }: Pick<Environment, "kinds" | "pathLimit">,
  refuse: (reason: string) => never,
): PortHead {
  const [given, afterName] = cut(head, "=");
  const [chosen, target] = cut(afterName, ":");
  if (chosen === undefined) refuseLoneKind(given, target, kinds, refuse);
  if (given !== undefined) checkName(given, afterName, refuse);
  if (chosen !== undefined) checkKind(chosen, target, kinds, refuse);
  const kind = chosen ?? defaultKind(kinds);
  if (target === "") refuse(emptyTarget(head, kinds[kind].target));
  if (kinds[kind].target === "descriptor") {
    if (!DESCRIPTOR.test(target)) {
      refuse(
        `${
          quote(target)
        } is not a descriptor; write the number the launcher uses, e.g. ${kind}:3, ` +
          `or the name of a socket that launchd or systemd passes, e.g. ${kind}:lan`,
      );
    }
    return { name: given ?? (isNumbered(target) ? `${kind}${target}` : target), kind, target };
  }
  checkPath(target, refuse);
  return { name: given ?? nameAfterFile(head, target, pathLimit, refuse), kind, target };
}

/** What is before and behind the first `mark`; nothing before it when a slash comes first. */
function cut(text: string, mark: string): [string | undefined, string] {
  const at = text.indexOf(mark);
  if (at < 0 || text.slice(0, at).includes("/")) return [undefined, text];
  return [text.slice(0, at), text.slice(at + 1)];
}

function checkName(name: string, rest: string, refuse: (reason: string) => never): void {
  if (NAME.test(name)) return;
  if (name === "") refuse('the name before "=" is empty; write NAME=TARGET, or TARGET alone');
  const [kind, before] = cut(name, ":");
  if (kind !== undefined && NAME.test(before)) {
    refuse(`the name comes before the kind; write ${quote(`${before}=${kind}:${rest}`)}`);
  }
  refuse(
    `${quote(name)} is not a name; use ${NAME_RULE} (if it is part of a path, put ./ in front)`,
  );
}

/** Refuses a kind that stands where a name or a path does, when no kind stands in its own place. */
function refuseLoneKind(
  name: string | undefined,
  target: string,
  kinds: Kinds,
  refuse: (reason: string) => never,
): void {
  const example = (kind: string) => kinds[kind].target === "path" ? "PATH" : "3";
  if (name !== undefined && Object.hasOwn(kinds, name)) {
    refuse(`${quote(name)} is a kind; write ${quote(`${name}:${target || example(name)}`)}`);
  }
  if (Object.hasOwn(kinds, target)) {
    const port = `${name === undefined ? "" : `${name}=`}${target}:${example(target)}`;
    refuse(`${quote(target)} is a kind; write ${quote(port)}, or "./${target}" if it is a path`);
  }
}

function checkKind(
  kind: string,
  target: string,
  kinds: Kinds,
  refuse: (reason: string) => never,
): void {
  if (Object.hasOwn(kinds, kind)) return;
  const names = Object.keys(kinds);
  if (kind === "") refuse(`the kind before ":" is empty; use ${listed(names, "or")}`);
  refuse(
    `${quote(kind)} is not a kind; use ${listed(names, "or")}, or write ${
      quote(`./${kind}:${target}`)
    } if it is a path${didYouMean(kind, names)}`,
  );
}

function emptyTarget(head: string, target: "path" | "descriptor"): string {
  const example = target === "path" ? "a.sock" : "3";
  const after = head === "" ? "" : ` after ${quote(head)}`;
  return `the target${after} is empty; write ${quote(head + example)}`;
}

function checkPath(path: string, refuse: (reason: string) => never): void {
  if (path.startsWith("~/")) {
    refuse(`the shell did not replace "~"; write $HOME${path.slice(1)} instead`);
  }
  if (/(^|\/)\.{0,2}$/.test(path)) {
    refuse(
      `${quote(path)} is a directory; name a file, e.g. ${
        quote(`${path.replace(/\/+$/, "")}/a.sock`)
      }`,
    );
  }
}

/** The file's name without its ending: `/tmp/a.sock` is `a`. */
function nameAfterFile(
  head: string,
  path: string,
  pathLimit: number,
  refuse: (reason: string) => never,
): string {
  const name = path.slice(path.lastIndexOf("/") + 1).replace(/(?<=.)\.[^.]*$/, "");
  if (NAME.test(name)) return name;
  const bytes = new TextEncoder().encode(path).byteLength;
  if (bytes > pathLimit) {
    refuse(`its path is ${bytes} bytes, the limit is ${pathLimit}; use a shorter path`);
  }
  return refuse(
    `its file gives the name ${quote(name)}, which is not one (${NAME_RULE}); write ${
      quote(`NAME=${head}`)
    }`,
  );
}
