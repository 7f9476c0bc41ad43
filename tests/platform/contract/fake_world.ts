/**
 * The fake kernel's surroundings.
 *
 * @module
 */
import { FakeKernel } from "../../support/fake_kernel.ts";
import { DATAGRAMS } from "../../support/fake_socket.ts";
import { LINUX_HABITS, type World } from "./world.ts";

/** Address space that is zeroed memory at worst: kept small. */
const GUEST_BYTES = 16 << 20;

/** A fake kernel for one case; closing it checks that nothing was left open. */
export function openFakeWorld(guests: boolean): World {
  const kernel = new FakeKernel(guests ? { guestBytes: GUEST_BYTES } : {});
  const taken = kernel.arenaTaken();
  return {
    kernel,
    habits: LINUX_HABITS,
    folder: "/tmp",
    pid: 4242,
    uid: 1000,
    datagrams: DATAGRAMS,
    otherGroup: 77,
    shortWait: 0.9,
    leastBuffers: (bytes) => 2 * Math.min(bytes, 212_992),
    descriptorLimit: () => 1024,
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
      if (kernel.arenaTaken() !== taken) throw new Error("The case left arena memory taken");
      kernel.assertNothingLeft();
      kernel.dispose();
    },
  };
}
