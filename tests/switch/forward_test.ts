/**
 * What a bridge does and does not do, from VM to VM through the whole switch.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { BROADCAST, frame, mac } from "./frames.ts";
import { start } from "./lan.ts";

Deno.test("the switch sends unicast to one VM and floods groups and unknown addresses to all others", () => {
  const { lab, vms, heard } = start(4);
  vms[0].sendFrame(frame(1, 3, 1));
  lab.settle();
  assertEquals(heard(), [[], [], [1], []]);
  // Broadcast, IPv6 neighbour discovery, mDNS, and an address nobody has.
  for (const to of [BROADCAST, "33:33:ff:00:00:01", "01:00:5e:00:00:fb", mac(77)]) {
    vms[0].sendFrame(frame(1, to, 2));
    lab.settle();
    assertEquals(heard(), [[], [2], [2], [2]], to);
  }
  assertEquals(lab.sum("copies"), 4 * 2 + 0 + 1 + 2, "of 4 floods to 3, and of the greetings");
  lab.assertBalanced();
  lab.stop();
});

// fault list 5
Deno.test("the switch drops frames from sources no station has, and learns nothing of them", () => {
  for (const source of [BROADCAST, "01:00:5e:00:00:01", "00:00:00:00:00:00"]) {
    const { lab, vms, heard } = start(3);
    const bytes = frame(1, 2, 1);
    bytes.set(source.split(":").map((octet) => parseInt(octet, 16)), 6);
    const known = lab.engine.fdb.size;
    vms[0].sendFrame(bytes);
    lab.settle();
    assertEquals([heard().flat(), lab.engine.fdb.size], [[], known]);
    assertEquals(lab.count("lan.1", "bad-source"), 1, source);
    lab.stop();
  }
});

// fault list 6
Deno.test("the switch keeps link-local groups to itself, but for spanning tree", () => {
  const { lab, vms, heard } = start(2);
  for (let last = 0; last <= 0x10; last++) {
    vms[0].sendFrame(frame(1, `01:80:c2:00:00:${last.toString(16).padStart(2, "0")}`, last));
  }
  lab.settle();
  assertEquals(heard(), [[], [0, 16]]);
  assertEquals(lab.count("lan.1", "reserved"), 15);
  lab.assertBalanced();
  lab.stop();
});

// fault list 9
Deno.test("the switch sends nothing back to the VM it came from", () => {
  const { lab, vms, heard } = start(2);
  vms[0].sendFrame(frame(50, BROADCAST)); // a second address behind VM 1
  lab.settle();
  heard();
  vms[0].sendFrame(frame(1, 50, 1));
  vms[0].sendFrame(frame(1, 1, 2));
  lab.settle();
  assertEquals(heard(), [[], []]);
  assertEquals(lab.count("lan.1", "hairpin"), 2);
  lab.stop();
});

// fault list 3, 4
Deno.test("the switch lets an address move, counts it, and tells it once", () => {
  const { lab, vms, heard } = start(3);
  for (let i = 0; i < 1000; i++) {
    vms[i % 2].sendFrame(frame(9, BROADCAST));
    lab.settle();
  }
  heard();
  vms[2].sendFrame(frame(3, 9, 5));
  lab.settle();
  assertEquals(heard(), [[], [5], []], "the last one who spoke has it");
  assertEquals(lab.sum("macMoves"), 999);
  const told = lab.logs.filter(({ text }) => /52:54:00:00:00:09 moved here from port/.test(text));
  assert(told.length >= 1 && told.length <= 2, `${told.length} lines`);
  lab.stop();
});

// fault list 11
Deno.test("the switch forwards frames of 14 to 59 bytes as they are", () => {
  const { lab, vms } = start(2);
  for (let length = 14; length < 60; length++) {
    vms[0].sendFrame(frame(1, 2, length, length));
    lab.settle();
    assertEquals(vms[1].receiveFrames(), [frame(1, 2, length, length)]);
  }
  lab.stop();
});
