/**
 * A switch whose arena or table of ports is full turns VMs away, and goes on.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { FakeSwitch } from "../support/fake_switch.ts";
import { BROADCAST, frame, tagsOf } from "../switch/frames.ts";

Deno.test("a datagram VM that finds no room is refused, and let in when there is", () => {
  const lab = new FakeSwitch({ arenaBytes: 48 << 20 });
  const paths = [1, 2, 3, 4].map((n) => `/run/${n}.sock`);
  lab.open(...paths.map((target, i) => ({ name: `p${i + 1}`, target, queue: 8 << 20 })));
  const vms = paths.map((path, i) => {
    const vm = lab.kernel.peerDgram(path, { bind: `${path}.vm` });
    vm.send(frame(i + 1, BROADCAST, i));
    lab.settle();
    return vm;
  });
  assertMatch(lab.text("p4"), /dropped a datagram: no room for .*\.vm; use fewer ports/);
  assertEquals(lab.count("p4", "stranger"), 1);
  vms[0].kill();
  vms[1].kill();
  lab.settle();
  vms[3].send(frame(4, BROADCAST, 44));
  lab.settle();
  assertEquals(tagsOf(vms[2].receive()).at(-1), 44);
  lab.assertBalanced();
  lab.stop();
});

Deno.test("a sender that cannot be parked loses frames instead of stopping the switch", () => {
  const lab = new FakeSwitch({ arenaBytes: 28 << 20 }).open(
    { name: "in", kind: "stream", target: "/run/in.sock", queue: 128 << 10 },
    { name: "out", kind: "stream", target: "/run/out.sock", queue: 128 << 10, full: "pause" },
  );
  const out = lab.kernel.peerStream("/run/out.sock");
  out.sendFrame(frame(99, BROADCAST));
  const senders = Array.from({ length: 8 }, (_, i) => {
    const vm = lab.kernel.peerStream("/run/in.sock");
    lab.settle();
    vm.sendFrame(frame(i, BROADCAST));
    lab.settle();
    return vm;
  });
  out.stopReading();
  for (let round = 0; round < 400; round++) {
    senders.forEach((vm, i) => vm.sendFrame(frame(i, 99, round, 9014)));
    lab.settle();
  }
  assert(lab.sum("pauses") > 0 && lab.sum("queue-full") > 0, lab.balance());
  lab.assertBalanced();
  out.startReading();
  lab.run(200);
  lab.assertBalanced();
  lab.stop();
});

Deno.test("House refuses more ports than there are rows, and VMs beyond them are turned away", () => {
  const spec = (i: number) => ({ name: `p${i}`, target: `/run/${i}.sock` });
  const event = new FakeSwitch().tryOpen(...Array.from({ length: 1025 }, (_, i) => spec(i)));
  assert(event.kind === "failed");
  assertEquals(
    event.message,
    "Cannot open 1025 ports: 1024 is the most; use clients=many, which serves many VMs at one path",
  );
  assertEquals(event.usage, true);
  const lab = new FakeSwitch().open(
    ...Array.from({ length: 1022 }, (_, i) => spec(i)),
    { name: "lan", kind: "stream", target: "/run/lan.sock" },
  );
  lab.run(20_000); // the log has its budget back
  const [a, b] = [lab.kernel.peerStream("/run/lan.sock"), lab.kernel.peerStream("/run/lan.sock")];
  lab.settle();
  assertEquals([a.ended, b.ended], [false, true]);
  assertMatch(lab.text("lan"), /turned away pid \d+: no room for more ports/);
  a.close();
  lab.run(25); // its row is free once its counts are published
  const c = lab.kernel.peerStream("/run/lan.sock");
  lab.settle();
  assertEquals(c.ended, false);
  lab.stop();
});
