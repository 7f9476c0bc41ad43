/**
 * Tokens of watched descriptors, over the fake kernel.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Watcher } from "../../src/engine/watcher.ts";
import { Errno } from "../../src/platform/errno.ts";
import { Ready } from "../../src/platform/kernel.ts";
import type { Source } from "../../src/port/port.ts";
import { FakeKernel } from "../support/fake_kernel.ts";

/** A watcher and descriptors that are ready when told. */
class Fixture {
  readonly kernel = new FakeKernel();
  readonly watcher = new Watcher(this.kernel);
  readonly heard: string[] = [];

  /** A wake counter: ready for reading once it is not zero. */
  wake(ready = true): number {
    const fd = this.kernel.openWake();
    if (ready) this.kernel.wake(fd);
    return fd;
  }

  source(name: string, then: () => void = () => {}): Source {
    return {
      ready: (bits) => {
        this.heard.push(`${name} ${bits}`);
        then();
      },
    };
  }

  turn(): void {
    this.watcher.dispatch(this.kernel.wait(0));
  }
}

Deno.test("Watcher.dispatch() calls the source of each ready descriptor with its bits", () => {
  const { watcher, heard, ...f } = bind();
  watcher.watch(f.wake(), f.source("a"), Ready.READ);
  watcher.watch(f.wake(false), f.source("b"), Ready.READ);
  watcher.watch(f.wake(), f.source("c"), Ready.READ);
  f.turn();
  assertEquals(heard.sort(), ["a 1", "c 1"]);
});

Deno.test("Watcher does not call a source that another one of the same turn has unwatched", () => {
  const { watcher, heard, ...f } = bind();
  const fds = [f.wake(), f.wake()];
  const tokens: number[] = [];
  const other = (i: number) => () => watcher.unwatch(fds[1 - i], tokens[1 - i]);
  tokens.push(watcher.watch(fds[0], f.source("a", other(0)), Ready.READ));
  tokens.push(watcher.watch(fds[1], f.source("b", other(1)), Ready.READ));
  f.turn();
  assertEquals(heard.length, 1);
});

Deno.test("Watcher does not hand out a token again within the turn it was given back in", () => {
  const { watcher, heard, ...f } = bind();
  const fds = [f.wake(), f.wake()], tokens: number[] = [], fresh = f.wake(false);
  let taken = -1;
  const replace = (i: number) => () => {
    if (taken >= 0) return;
    watcher.unwatch(fds[1 - i], tokens[1 - i]);
    // The other one's event is still to come in this turn; its token must not lead here.
    taken = watcher.watch(fresh, f.source("fresh"), Ready.READ);
  };
  tokens.push(watcher.watch(fds[0], f.source("a", replace(0)), Ready.READ));
  tokens.push(watcher.watch(fds[1], f.source("b", replace(1)), Ready.READ));
  f.turn();
  assertEquals(heard.length, 1);
  assert(heard[0] !== "fresh 1");
  assert(!tokens.includes(taken));
  // In the next turn the token is free again, and the fresh descriptor is heard by its own.
  const next = watcher.watch(f.wake(), f.source("next"), Ready.READ);
  assert(tokens.includes(next));
  f.kernel.wake(fresh);
  f.turn();
  assert(heard.includes("next 1") && heard.includes("fresh 1"));
});

Deno.test("Watcher.watch() answers the kernel's error and gives the token back", () => {
  const { watcher, heard, ...f } = bind();
  assertEquals(watcher.watch(999, f.source("x"), Ready.READ), -Errno.EBADF);
  f.turn();
  const token = watcher.watch(f.wake(), f.source("a"), Ready.READ);
  assertEquals(token, 0);
  f.turn();
  assertEquals(heard, ["a 1"]);
});

Deno.test("Watcher uses few tokens however often descriptors come and go", () => {
  const { watcher, ...f } = bind();
  let highest = 0;
  for (let i = 0; i < 1000; i++) {
    const fds = [f.wake(false), f.wake(false), f.wake(false)];
    const tokens = fds.map((fd) => watcher.watch(fd, f.source("x"), Ready.READ));
    highest = Math.max(highest, ...tokens);
    fds.forEach((fd, k) => {
      watcher.unwatch(fd, tokens[k]);
      f.kernel.close(fd);
    });
    f.turn();
  }
  assertEquals(highest, 2);
});

Deno.test("Watcher.watchExit() calls the source when a process ends, or says that it cannot", () => {
  const { watcher, heard, ...f } = bind();
  const process = f.kernel.startProcess();
  const watched = watcher.watchExit(process.pid, f.source("exit"));
  assert(watched !== undefined);
  f.turn();
  assertEquals(heard, []);
  process.ended = true;
  f.turn();
  assertEquals(heard.length, 1);
  watcher.unwatch(watched.fd, watched.token);
  f.kernel.close(watched.fd);
  f.turn();
  assertEquals(heard.length, 1);
  assertEquals(watcher.watchExit(1, f.source("none")), undefined);
});

/** The fixture's parts, methods included. */
function bind() {
  const fixture = new Fixture();
  const { kernel, watcher, heard } = fixture;
  return {
    kernel,
    watcher,
    heard,
    wake: (ready?: boolean) => fixture.wake(ready),
    source: (name: string, then?: () => void) => fixture.source(name, then),
    turn: () => fixture.turn(),
  };
}
