/**
 * A probe's bench over the fake kernel, honest or lying.
 *
 * @module
 */
import type { Bench, Figures, Probe } from "../../src/selftest/probe.ts";
import type { Kernel } from "../../src/platform/kernel.ts";
import { ask } from "../../src/selftest/thread.ts";
import { FakeKernel } from "../support/fake_kernel.ts";
import type { Lie } from "./lies/lie.ts";

/** Virtual time another thread takes to answer, in milliseconds. */
const ANSWER_MS = 0.01;

/** A kernel that does what `lie` says, and else what the fake does. */
export function lyingKernel(lie: Lie): FakeKernel {
  const kernel = new FakeKernel({ arenaBytes: 32 << 20 });
  const real = new Proxy(kernel, {
    get: (target, key) => {
      const honest = Reflect.get(FakeKernel.prototype, key, target);
      const own = honest ?? Reflect.get(target, key, target);
      return typeof own === "function" ? own.bind(target) : own;
    },
  });
  for (const [key, value] of Object.entries(lie(real, kernel))) {
    Object.defineProperty(kernel, key, { value, configurable: true, writable: true });
  }
  return kernel;
}

/** What the bench needs of a fake: a kernel over a virtual clock, its files and its processes. */
type Fake = Pick<FakeKernel, "clock" | "files" | "startProcess"> & Kernel;

/** A bench whose other thread answers as it should. */
export function benchOf(kernel: Fake, alive = true): Bench {
  const wake = kernel.wake.bind(kernel);
  return {
    kernel,
    folder: "/tmp",
    link: (path, target) => kernel.files.plant(path, "symlink", target),
    startProcess: () => {
      const process = kernel.startProcess();
      return { pid: process.pid, end: () => void (process.ended = true) };
    },
    echo: (call, back) => {
      if (!alive) return;
      kernel.wake = (fd) => {
        if (fd === call) {
          kernel.clock.after(ANSWER_MS, () => {
            kernel.takeWakes(call);
            wake(back);
          });
        }
        return wake(fd);
      };
      wake(back);
    },
  };
}

/** Run a probe over the fake, which lies as told: what it says, and whether it left anything open. */
export function probeOver(
  probe: Probe,
  lie: Lie = () => ({}),
): { ok: boolean; details: string; figures: Figures; open: number[] } {
  const kernel = lyingKernel(lie);
  const answer = ask(probe, benchOf(kernel));
  return { figures: {}, ...answer, open: kernel.openDescriptors() };
}
