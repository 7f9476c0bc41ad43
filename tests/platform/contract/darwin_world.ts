/**
 * The Darwin kernel's surroundings: a fake Mac.
 *
 * @module
 */
import type { BulkChoice } from "../../../src/platform/darwin.ts";
import { FakeDarwin } from "../../support/fake_darwin.ts";
import { DARWIN_HABITS, type World } from "./world.ts";

/** A Darwin kernel over a fake libSystem for one case; closing it checks that nothing was left open. */
export function openDarwinWorld(bulk: BulkChoice = "auto"): World {
  const kernel = new FakeDarwin({}, bulk);
  return {
    kernel,
    habits: DARWIN_HABITS,
    folder: "/tmp",
    pid: 4242,
    uid: 1000,
    datagrams: 0,
    otherGroup: 77,
    shortWait: 0.9,
    leastBuffers: (bytes) => Math.min(bytes, 8 << 20),
    descriptorLimit: () => Number(kernel.machine.limit[0]),
    inherit: (type) => kernel.inherit(type).fd,
    flags: (fd) => kernel.descriptorFlags(fd),
    pipe: () => kernel.inheritPipe(),
    startProcess: () => {
      const process = kernel.startProcess();
      return { pid: process.pid, end: () => Promise.resolve(void (process.ended = true)) };
    },
    plant: (path, kind, target) => kernel.files.plant(path, kind, target),
    group: (path) => kernel.files.group(path),
    close: () => {
      kernel.assertNothingLeft();
      kernel.dispose();
    },
  };
}
