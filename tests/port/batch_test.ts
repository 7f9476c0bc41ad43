/**
 * The memory ports share: nothing is ever written beside the slots and windows it belongs in.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Batch, HEADROOM, MESSAGES, RECORD_BYTES, WINDOW_BYTES } from "../../src/port/batch.ts";
import { MAX_FRAME } from "../../src/port/config.ts";
import { FakeSwitch } from "../support/fake_switch.ts";
import { dice } from "../support/faults.ts";
import { BROADCAST, concat, frame, record } from "../switch/frames.ts";

const CANARY = 0xa5;

/** Where nothing may be written: between a slot's last byte and the next slot's headroom, and after the window. */
function gaps(lab: FakeSwitch): [from: number, to: number][] {
  const { slot, slotBytes, window } = lab.engine.memory;
  const between = Array.from({ length: MESSAGES - 1 }, (_, i): [number, number] => [
    slot[i] + slotBytes,
    slot[i + 1] - HEADROOM,
  ]);
  const end = window + WINDOW_BYTES, page = Math.ceil(end / 4096) * 4096;
  return [...between, [slot[0] - 60, slot[0] - HEADROOM], [end, page]];
}

// fault list 50
Deno.test("Memory keeps slots apart: canaries survive the longest frames, floods and rubbish", () => {
  const lab = new FakeSwitch().open(
    { name: "d", target: "/run/d", maxFrame: MAX_FRAME },
    { name: "m", target: "/run/m", clients: "many", maxFrame: MAX_FRAME },
    { name: "s", kind: "stream", target: "/run/s", maxFrame: MAX_FRAME },
  );
  const { arena } = lab.kernel;
  const places = gaps(lab);
  assert(places.slice(0, -1).every(([from, to]) => to > from), "there is something between slots");
  for (const [from, to] of places) arena.u8.fill(CANARY, from, to);

  const d = lab.kernel.peerDgram("/run/d", { bind: "/run/vm-d" });
  const m = lab.kernel.peerDgram("/run/m", { bind: "/run/vm-m".padEnd(107, "m") });
  const s = lab.kernel.peerStream("/run/s"), t = lab.kernel.peerStream("/run/s");
  for (const vm of [d, m, s, t]) vm.socket.sendLimit = 32 << 20;
  const roll = dice(7);
  const rubbish = (length: number) => Uint8Array.from({ length }, () => Math.floor(roll() * 256));
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < MESSAGES; i++) {
      const length =
        [0, 1, 60, MAX_FRAME - 1, MAX_FRAME, MAX_FRAME + 1, MAX_FRAME + 5000][(i + round) % 7];
      d.send(frame(1, BROADCAST, i, length));
      m.send(frame(2, BROADCAST, i, length));
    }
    d.send(rubbish(2000));
    s.send(concat([MAX_FRAME, 1, 60].map((length) => record(frame(3, BROADCAST, 1, length)))));
    t.send(record(frame(4, BROADCAST, 1, MAX_FRAME)).subarray(0, MAX_FRAME + 3 - round));
    lab.settle();
    t.send(record(frame(4, BROADCAST, 1, MAX_FRAME)).subarray(MAX_FRAME + 3 - round));
    const liar = lab.kernel.peerStream("/run/s");
    liar.send(rubbish(5000));
    lab.settle();
    liar.close();
  }
  lab.run(100);
  for (const [from, to] of places) {
    const bytes = arena.u8.subarray(from, to);
    assertEquals(
      bytes.findIndex((byte) => byte !== CANARY),
      -1,
      `written between ${from} and ${to}`,
    );
  }
  assert(lab.sum("oversize") > 0 && lab.sum("runt") > 0 && lab.sum("txFrames") > 1000);
  lab.assertBalanced();
  lab.stop();
});

Deno.test("Memory has room in front of the window for the longest frame that was cut", () => {
  const { engine } = new FakeSwitch();
  const { slot, slotBytes, window } = engine.memory;
  assertEquals(slotBytes, 12 + MAX_FRAME + 1, "a datagram that fills the slot was too long");
  assert(window - RECORD_BYTES > slot[MESSAGES - 1] + slotBytes);
});

Deno.test("Batch.add() stores the length in front of the frame, big-endian", () => {
  const view = new DataView(new ArrayBuffer(32)), batch = new Batch();
  batch.add(view, 8, 0x0102, 0);
  assertEquals([batch.count, batch.at[0], batch.length[0], view.getUint32(4)], [1, 8, 258, 258]);
});
