/**
 * VMs that hang, are slow, or flip between full and free: what the others notice of them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../src/platform/errno.ts";
import type { DgramPeer } from "../support/fake_peers.ts";
import { BROADCAST, frame, record, tagsOf } from "./frames.ts";
import { IN, start } from "./stall.ts";

// fault list 17
Deno.test("1 to 8 VMs that hang cost the others nothing, whatever full= says", () => {
  for (const full of ["drop", "pause"] as const) {
    for (const kind of ["stream", "dgram"] as const) {
      for (let stuck = 1; stuck <= 8; stuck++) {
        const { lab, vms, join } = start({ full, pauseMs: 20 }, 3);
        const [a, b, flooder] = vms;
        lab.open({ name: "s", kind, clients: "many", target: "/run/s", full, queue: 128 << 10 });
        for (let i = 0; i < stuck; i++) {
          const vm = kind === "stream"
            ? join("/run/s", 100 + i)
            : lab.kernel.peerDgram("/run/s", { bind: `/run/s${i}` }) as DgramPeer;
          if (kind === "dgram") vm.send(frame(100 + i, BROADCAST));
          lab.settle();
          vm.stopReading();
        }
        b.receive();
        for (let i = 0; i < 400; i++) {
          for (let n = 0; n < stuck; n++) flooder.sendFrame(frame(3, 100 + n, i, 9014));
          a.sendFrame(frame(1, 2, i));
          lab.settle();
          assertEquals(tagsOf(b.receiveFrames()), [i], `${kind} ${full}, ${stuck} stuck`);
        }
        lab.run(50);
        lab.assertBalanced();
        assert(lab.stop() <= 210, "stopping does not wait for them");
      }
    }
  }
});

// fault list 18
Deno.test("a slow reader holds its queue and no more, and all it gets is in order", () => {
  for (const full of ["drop", "pause"] as const) {
    const { lab, vms: [vm], out } = start({ full, pauseMs: 5 });
    const heard: number[] = [];
    for (let i = 0; i < 3000; i++) {
      vm.send(record(frame(1, 99, i, 1514)));
      if (i % 100 === 99) {
        out.startReading();
        heard.push(...tagsOf(out.receiveFrames()));
        out.stopReading();
      }
      lab.run(0.5);
    }
    out.startReading();
    lab.run(50);
    heard.push(...tagsOf(out.receiveFrames()));
    assertEquals(heard, heard.toSorted((x, y) => x - y), full);
    assertEquals(lab.count("out.1", "queueHigh") <= 128 << 10, true);
    lab.assertBalanced();
    lab.stop();
  }
});

Deno.test("a flooded frame never makes its sender wait", () => {
  const { lab, vms: [vm, other] } = start({ full: "pause", pauseMs: 60_000 }, 2);
  for (let i = 0; i < 1000; i++) {
    vm.sendFrame(frame(1, BROADCAST, i, 9014));
    lab.settle();
    assertEquals(tagsOf(other.receiveFrames()), [i]);
  }
  assertEquals(lab.sum("pauses"), 0);
  assert(lab.sum("queue-full") > 0);
  lab.assertBalanced();
  lab.stop();
});

// fault list 25
Deno.test("a VM that flips between full and free leaves no growing list behind", () => {
  const { lab, kernel, out, join } = start();
  out.startReading();
  const vm = join(IN, 50); // comes after "out", so in each turn that VM's writable event is first
  vm.receive();
  out.receive();
  const egress = lab.engine.members.find(({ port }) => port.name === "out.1")!;
  // The first send of all fails; then in each turn the one at the writable event works, the next does not.
  kernel.faults.on("write", { nth: 1, error: Errno.EAGAIN });
  for (let nth = 3; nth < 4000; nth += 2) {
    kernel.faults.on("write", { nth, error: Errno.EAGAIN });
  }
  let most = 0;
  for (let i = 0; i < 1500; i++) {
    vm.sendFrame(frame(50, 99, i));
    lab.engine.turn();
    let looks = 0;
    const at = egress.retryAt;
    if (i % 100 === 99) {
      Object.defineProperty(egress, "retryAt", {
        configurable: true,
        get: () => (looks++, at),
        set: () => {},
      });
      kernel.wait = (us) => {
        most = Math.max(most, looks); // looked at before waiting, once per list entry
        Reflect.deleteProperty(kernel, "wait");
        return kernel.wait(us);
      };
      lab.engine.turn();
      Object.defineProperty(egress, "retryAt", { configurable: true, writable: true, value: at });
    }
  }
  assert(lab.count("out.1", "retries") > 700, `${lab.count("out.1", "retries")} retries`);
  assert(most <= 1, `the egress is on the list of blocked ones ${most} times`);
  kernel.faults.clear();
  lab.run(20);
  lab.stop();
});

// fault list 45, 20
Deno.test("House.stop() takes at most 200 ms with VMs that hang, and cuts no frame of one that reads", () => {
  const { lab, vms: [vm, b], out } = start({}, 2);
  for (let i = 0; i < 600; i++) {
    vm.sendFrame(frame(1, 99, i, 40_000 + i));
    lab.settle();
  }
  b.socket.peer!.sendLimit = 4608;
  b.stopReading();
  vm.sendFrame(frame(1, 2, 1, 30_000));
  lab.settle();
  assert(lab.engine.unfinished);
  lab.kernel.at(lab.kernel.now() + 20, () => b.startReading());
  lab.kernel.at(lab.kernel.now() + 30, () => out.startReading());
  const took = lab.stop();
  assert(took <= 201, `${took} ms`);
  assertEquals(tagsOf(b.receiveFrames()).at(-1), 1);
  assertEquals(b.receive().length, 0, "nothing of a cut frame");
  out.receiveFrames();
  assertEquals(out.receive().length, 0, "nothing of a cut frame");
});
