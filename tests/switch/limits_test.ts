/**
 * What a hostile VM can make the switch do, and the limit of it.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { FakeSwitch } from "../support/fake_switch.ts";
import { BROADCAST, frame, record, tagsOf } from "./frames.ts";
import { start } from "./lan.ts";

// fault list 1
Deno.test("the switch floods no frame of others while a VM invents 100000 addresses", () => {
  const { lab, vms } = start(3);
  const [attacker, victim, sniffer] = vms;
  const taken = lab.arenaTaken;
  let leaked = 0, answered = 0;
  for (let i = 0; i < 1000; i++) {
    for (let j = 0; j < 100; j++) attacker.send(record(frame(1000 + 100 * i + j, 1, 0, 18)));
    victim.sendFrame(frame(2, 3, 0x5ec)); // 2 and 3 talk now and then, as VMs do
    sniffer.sendFrame(frame(3, 2, 0x5ec));
    lab.settle();
    answered += tagsOf(victim.receiveFrames()).filter((tag) => tag === 0x5ec).length;
    leaked += attacker.receiveFrames().length;
    sniffer.receive();
  }
  assertEquals([leaked, answered], [0, 1000]);
  assertEquals(lab.engine.fdb.size, 8192);
  assertEquals([lab.engine.fdb.countOf(2), lab.engine.fdb.countOf(3)], [1, 1]);
  assertEquals(lab.arenaTaken, taken);
  lab.stop();
});

// fault list 1
Deno.test("max-macs: addresses beyond it are forwarded, not learned, and counted", () => {
  const { lab, vms, heard } = start(2, { maxMacs: 3 });
  for (let i = 0; i < 10; i++) vms[0].sendFrame(frame(100 + i, 2, i));
  lab.settle();
  assertEquals(heard()[1], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assertEquals(lab.count("lan.1", "macsRefused"), 8);
  lab.stop();
});

// fault list 7
Deno.test("a VM that floods is limited, and the others' frames all arrive", () => {
  const { lab, vms, heard } = start(6);
  const [storm, a, b] = vms;
  let sent = 0, got = 0;
  for (let ms = 0; ms < 500; ms++) {
    for (let i = 0; i < 200; i++) storm.send(record(frame(1, BROADCAST, i, 60)));
    a.sendFrame(frame(2, 3, 0xabc));
    sent++;
    lab.run(1);
    got += heard()[2].filter((tag) => tag === 0xabc).length;
  }
  assertEquals(got, sent);
  assertEquals(b.ended, false);
  const copies = lab.sum("txFrames");
  assert(copies < 16_384 + 0.55 * 200_000, `${copies} frames went out in half a second`);
  assert(copies > 16_384 + 0.4 * 200_000, "the limit is not below what it promises");
  assert(lab.count("lan.1", "storm") > 50_000);
  // Its unicast is not limited.
  storm.sendFrame(frame(1, 2, 7));
  lab.settle();
  assertEquals(heard()[1].at(-1), 7);
  lab.assertBalanced();
  lab.stop();
});

// fault list 8
Deno.test("two ports bridged behind one VM cost a bounded rate, and the others go on", () => {
  const { lab, vms, heard } = start(4);
  const [left, right, a, b] = vms;
  // What comes out on one side goes in on the other, for ever: a loop without spanning tree.
  const bridge = () => {
    for (const each of left.receiveFrames()) right.sendFrame(each);
    for (const each of right.receiveFrames()) left.sendFrame(each);
  };
  a.sendFrame(frame(3, BROADCAST, 1));
  lab.settle();
  for (let ms = 0; ms < 300; ms++) {
    for (let i = 0; i < 100; i++) {
      bridge();
      lab.run(0.01);
    }
  }
  const before = lab.sum("txFrames");
  for (let i = 0; i < 20_000; i++) {
    bridge();
    lab.run(0.01);
  }
  const rate = (lab.sum("txFrames") - before) / 0.2;
  assert(rate < 2.2 * 200_000, `${Math.round(rate)} copies a second`);
  lab.settle();
  heard();
  a.sendFrame(frame(3, BROADCAST, 5)); // takes its address back
  lab.settle();
  b.sendFrame(frame(4, 3, 6));
  lab.settle();
  assertEquals(heard()[2], [6]);
  lab.assertBalanced();
  lab.stop();
});

// fault list 47
Deno.test("addresses age by the monotonic clock: 300 s of silence, a jump of an hour costs them once", () => {
  const { lab, vms, heard } = start(2);
  lab.run(250_000);
  vms[0].sendFrame(frame(1, 2, 1));
  lab.run(100_000);
  assertEquals(lab.engine.fdb.countOf(2), 0, "VM 2 was silent for 350 s");
  assertEquals(lab.engine.fdb.countOf(1), 1, "VM 1 was not");
  lab.kernel.clock.now += 3_600_000; // stopped, and continued
  vms[0].sendFrame(frame(1, BROADCAST, 2));
  vms[1].sendFrame(frame(2, BROADCAST, 3));
  lab.run(20_000);
  assertEquals(lab.engine.fdb.size, 2);
  heard();
  vms[0].sendFrame(frame(1, 2, 4));
  lab.settle();
  assertEquals(heard(), [[], [4]]);
  lab.stop();
});

// fault list 48
Deno.test("a guest cannot flood the log: some lines, then five a second, and exact counters", () => {
  const lab = new FakeSwitch().open({ name: "d", target: "/run/d" });
  const stranger = lab.kernel.peerDgram("/run/d");
  const start = lab.logs.length;
  for (let i = 0; i < 10_000; i++) {
    stranger.send(frame(1, BROADCAST));
    lab.run(1);
  }
  assertEquals(lab.count("d", "stranger"), 10_000);
  const lines = lab.logs.length - start;
  assert(lines < 8 + 11, `${lines} lines in ten seconds`);
  assertMatch(lab.logs.at(-1)!.text, /\(\d+ records left out before this\)/);
  lab.stop();
});

// fault list 49
Deno.test("the switch holds no more memory after a million frames than before", () => {
  const { lab, vms } = start(2);
  const batch = Uint8Array.from(
    Array.from({ length: 500 }, () => [...record(frame(1, 2, 1, 60))]).flat(),
  );
  const round = (times: number) => {
    for (let i = 0; i < times; i++) {
      vms[0].send(batch);
      lab.settle();
      vms[1].receive();
    }
  };
  round(50);
  const taken = lab.arenaTaken;
  round(2000);
  assertEquals(lab.arenaTaken, taken);
  assertEquals(lab.count("lan.2", "txFrames"), 2050 * 500);
  lab.stop();
});
