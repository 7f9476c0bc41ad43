/**
 * Sockets by systemd's names: LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES (sd_listen_fds(3)).
 *
 * The environment is read through the C library: asking the runtime would cost a permission of its own for
 * three variables.
 *
 * @module
 */
import { Unpassed } from "./activation.ts";

/** SD_LISTEN_FDS_START: the first descriptor that is passed. */
const FIRST = 3;
/** What systemd calls a socket without FileDescriptorName=. */
const NAMELESS = "unknown";

/** Where the descriptor stands in what systemd passed. */
export interface Listening {
  /** Value of a variable of the environment. */
  readonly variable: (name: string) => string | undefined;
  readonly pid: number;
  /** As `Kernel.isInherited`. */
  readonly isInherited: (fd: number) => number;
}

/** The descriptor that systemd passed under `name`, or a number of {@linkcode Unpassed}. */
export function listenFd(name: string, { variable, pid, isInherited }: Listening): number {
  const count = Number(variable("LISTEN_FDS"));
  // Another process's: the variables are inherited by whoever is started, the descriptors are not.
  if (Number(variable("LISTEN_PID")) !== pid || !(count > 0)) return Unpassed.NOBODY;
  const names = variable("LISTEN_FDNAMES")?.split(":") ?? [];
  const found: number[] = [];
  for (let i = 0; i < count; i++) {
    if ((names[i] ?? NAMELESS) === name) found.push(FIRST + i);
  }
  if (found.length === 0) return Unpassed.UNKNOWN;
  if (found.length > 1) return Unpassed.SEVERAL;
  return isInherited(found[0]) === 1 ? found[0] : Unpassed.TAKEN;
}

/** As {@linkcode listenFd}, of this process. */
export function listenFdOfThis(name: string, isInherited: Listening["isInherited"]): number {
  using library = new Environment();
  return listenFd(name, { variable: (name) => library.get(name), pid: Deno.pid, isInherited });
}

class Environment implements Disposable {
  readonly #library = Deno.dlopen("libc.so.6", {
    getenv: { parameters: ["buffer"], result: "pointer" },
  });

  get(name: string): string | undefined {
    const text = this.#library.symbols.getenv(new TextEncoder().encode(name + "\0"));
    return text === null ? undefined : Deno.UnsafePointerView.getCString(text);
  }

  [Symbol.dispose](): void {
    this.#library.close();
  }
}
