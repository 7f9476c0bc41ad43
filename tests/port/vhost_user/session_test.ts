/**
 * The conversation with a front-end, message by message, as QEMU and others lead it.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { OFFLOAD_ON } from "../../../src/offload/features.ts";
import { Request } from "../../../src/port/vhost_user/requests.ts";
import type { RingState } from "../../../src/port/vhost_user/ring_state.ts";
import {
  ALWAYS,
  AVAIL,
  DESC,
  descriptors,
  type FrontEnd,
  GIB,
  longs,
  MIB,
  NEED_REPLY,
  places,
  plainRegion,
  run,
  setUp,
  table,
  USED,
  USER,
  withFrontEnd,
  words,
} from "./session_lab.ts";

function readiness({ session }: FrontEnd): boolean[] {
  return session.rings.map((ring) => ring.ready);
}

function offsets({ desc, avail, used }: RingState): number[] {
  return [desc, avail, used];
}

Deno.test("Session goes through QEMU's sequence: enabled rings first, memory and rings later", () =>
  withFrontEnd((front) => {
    const { session } = front, [receive, transmit] = session.rings;
    front.say(Request.GET_FEATURES);
    front.say(Request.GET_PROTOCOL_FEATURES);
    assertEquals(front.replies(), [[1, 5, ALWAYS + 2 ** 0 + 2 ** 1 + 0x980 + 0x1000, 1], [
      15,
      5,
      2 ** 3 + 2 ** 4 + 2 ** 13,
      0,
    ]]);
    front.say(Request.SET_PROTOCOL_FEATURES, longs(2 ** 3 + 2 ** 4 + 2 ** 13));
    front.say(Request.GET_QUEUE_NUM);
    assertEquals(front.replies(), [[17, 5, 1, 0]]);
    front.say(Request.SET_OWNER);
    for (const i of [0, 1]) {
      front.say(Request.SET_VRING_CALL, longs(i), [front.counter()]);
      front.say(Request.SET_VRING_ERR, longs(i), [front.counter()]);
    }
    const [call] = [receive.call];
    for (const i of [0, 1]) front.say(Request.SET_VRING_ENABLE, words(i, 1));
    front.say(Request.SET_FEATURES, longs(2 ** 32 + ALWAYS + 3 + 0x980 + 0x1000));
    assertEquals([session.features.sends, session.features.accepts], [OFFLOAD_ON, OFFLOAD_ON]);
    assertEquals([session.features.vnetHdr, session.features.mergeable], [12, true]);
    assertEquals(front.ask(Request.SET_MEM_TABLE, table(plainRegion()), [front.memory()]), 0);
    for (const i of [0, 1]) {
      assertEquals(readiness(front), [i > 0, false]);
      setUp(front, i, USER + i * 0x8000);
    }
    assertEquals(readiness(front), [true, true]);
    const at = session.memory.locate(0, MIB);
    assertEquals(offsets(receive), [at + DESC, at + AVAIL, at + USED]);
    assertEquals(offsets(transmit), [at + 0x8000 + DESC, at + 0x8000 + AVAIL, at + 0x8000 + USED]);
    assertEquals([receive.size, receive.base, transmit.size, transmit.base], [256, 7, 256, 7]);
    assert(call >= 0 && receive.err >= 0 && receive.kick !== receive.call);
    assertEquals(front.host.told, []);
  }, { sends: OFFLOAD_ON, accepts: OFFLOAD_ON }));

Deno.test("Session without PROTOCOL_FEATURES has its rings enabled from the start", () =>
  withFrontEnd((front) => {
    front.say(Request.SET_FEATURES, longs(0));
    assertEquals(front.session.features.vnetHdr, 10);
    front.say(Request.SET_MEM_TABLE, table(plainRegion()), [front.memory()]);
    setUp(front, 1);
    assertEquals(readiness(front), [false, true]);
  }));

Deno.test("Session stops a ring on GET_VRING_BASE, answers where it is, and goes on from the base it is given", () =>
  withFrontEnd((front) => {
    run(front);
    const { session, host } = front, [, transmit] = session.rings;
    host.onHalt = () => transmit.base = 0xfffe;
    const before = descriptors();
    front.say(Request.GET_VRING_BASE, words(1, 0));
    host.onHalt = () => {};
    assertEquals(front.replies(), [[11, 5, 1, 0xfffe]]);
    assertEquals([transmit.kick, transmit.call, transmit.enabled], [-1, -1, true]);
    assertEquals([readiness(front), descriptors()], [[true, false], before - 2]);
    front.say(Request.SET_VRING_BASE, words(1, 0xffff));
    front.say(Request.SET_VRING_KICK, longs(1), [front.counter()]);
    assertEquals([readiness(front), transmit.base, transmit.call], [[true, true], 0xffff, -1]);
  }));

Deno.test("Session changes call, err and kick at run time, and closes those before", () =>
  withFrontEnd((front) => {
    run(front);
    const [receive] = front.session.rings;
    const counters: [number, () => number][] = [
      [Request.SET_VRING_CALL, () => receive.call],
      [Request.SET_VRING_ERR, () => receive.err],
      [Request.SET_VRING_KICK, () => receive.kick],
    ];
    for (const [request, ours] of counters) {
      front.say(request, longs(0), [front.counter()]);
      const before = descriptors(), another = front.counter();
      for (let i = 0; i < 5; i++) front.say(request, longs(0), [another]);
      assertEquals([descriptors(), readiness(front)], [before + 1, [true, true]]);
      front.kernel.wake(ours());
      assertEquals(front.kernel.takeWakes(another), 1);
    }
    front.say(Request.SET_VRING_CALL, longs(0x100));
    front.say(Request.SET_VRING_ERR, longs(0x100));
    assertEquals([receive.call, receive.err, readiness(front)], [-1, -1, [true, true]]);
  }));

Deno.test("Session disables and enables a ring, as often as it is told to", () =>
  withFrontEnd((front) => {
    run(front);
    for (const on of [0, 0, 1, 1, 0, 1]) {
      front.say(Request.SET_VRING_ENABLE, words(0, on));
      assertEquals(readiness(front), [on === 1, true]);
    }
  }));

Deno.test("Session finds running rings again in another memory table", () =>
  withFrontEnd((front) => {
    run(front);
    const { session } = front, file = front.own[0];
    const before = session.rings.map(offsets);
    front.say(
      Request.SET_MEM_TABLE,
      table(plainRegion(), { guest: 4 * GIB, size: MIB, user: USER + 4 * GIB, offset: 0 }),
      [file, front.memory()],
    );
    assertEquals(readiness(front), [true, true]);
    session.rings.forEach((ring, i) => assertNotEquals(offsets(ring), before[i]));
    assertEquals(session.rings[0].desc, session.memory.locate(DESC, 1));
    assert(session.memory.locate(4 * GIB, MIB) > 0);
  }));

Deno.test("Session says that a table leaves a running ring nowhere, and does not run it", () =>
  withFrontEnd((front) => {
    run(front);
    const elsewhere = table({ guest: GIB, size: MIB, user: USER + GIB, offset: 0 });
    assertEquals(front.ask(Request.SET_MEM_TABLE, elsewhere, [front.memory()]), 1);
    assertEquals(front.host.told, [
      "warning: refused: its ring 0 does not lie in the memory of its guest",
    ]);
    assertEquals(readiness(front), [false, false]);
    front.say(Request.SET_VRING_ENABLE, words(0, 0));
    assertEquals(front.session.reason, "its ring 1 does not lie in the memory of its guest");
  }));

Deno.test("Session takes another size and place of a ring that is disabled, in either order", () => {
  const size = (front: FrontEnd) => front.say(Request.SET_VRING_NUM, words(0, 32_768));
  const place = (front: FrontEnd) => {
    const at = USER + 2 * MIB;
    front.say(Request.SET_VRING_ADDR, places(0, at, at + MIB, at + MIB + 0x2_0000));
  };
  for (const steps of [[size, place], [place, size]]) {
    withFrontEnd((front) => {
      run(front);
      front.say(Request.SET_MEM_TABLE, table(plainRegion(4)), [front.memory(4 * MIB)]);
      front.say(Request.SET_VRING_ENABLE, words(0, 0));
      for (const step of steps) step(front);
      front.say(Request.SET_VRING_ENABLE, words(0, 1));
      assertEquals([front.session.reason, readiness(front)], ["", [true, true]]);
    });
  }
});

Deno.test("Session needs all of a ring in the guest's memory, event indexes included", () => {
  const end = USER + MIB;
  // each part where it just fits, and by its alignment further on
  const last: [string, number, number, number, number][] = [
    ["descriptors", 16, end - 4096, USER, USER + 0x8000],
    ["available ring", 2, USER, end - 518, USER + 0x8000],
    ["used ring", 4, USER, USER + 0x8000, end - 2056],
  ];
  for (const [what, step, ...parts] of last) {
    for (const by of [0, 1]) {
      withFrontEnd((front) => {
        run(front);
        const [desc, avail, used] = parts.map((at) => at >= end - 4096 ? at + by * step : at);
        assertEquals(front.ask(Request.SET_VRING_ADDR, places(0, desc, avail, used)), by, what);
        assertEquals(readiness(front), [by === 0, true]);
      });
    }
  }
});

Deno.test("Session.RESET_OWNER disables both rings and keeps the rest", () =>
  withFrontEnd((front) => {
    run(front);
    front.say(Request.RESET_OWNER);
    assertEquals(readiness(front), [false, false]);
    for (const i of [0, 1]) front.say(Request.SET_VRING_ENABLE, words(i, 1));
    assertEquals(readiness(front), [true, true]);
  }));

Deno.test("Session.RESET_DEVICE forgets rings and features, and can be set up again", () =>
  withFrontEnd((front) => {
    run(front);
    front.say(Request.SET_VRING_ERR, longs(0), [front.counter()]);
    const before = descriptors(), { session } = front;
    front.say(Request.RESET_DEVICE);
    assertEquals([readiness(front), descriptors()], [[false, false], before - 4]);
    for (const { size, base, enabled, desc, kick } of session.rings) {
      assertEquals([size, base, enabled, desc, kick], [0, 0, false, -1, -1]);
    }
    assertEquals([session.features.mergeable, session.memory.regions], [false, 1]);
    assert(session.rings[0].err >= 0);
    run(front);
  }));

Deno.test("Session.NET_SET_MTU is stored and told, and not above the port's", () =>
  withFrontEnd((front) => {
    front.agree();
    assertEquals(front.ask(Request.NET_SET_MTU, longs(9000)), 0);
    for (const mtu of [9001, 65_536, 67, 0, 2 ** 32 + 1500, 2n ** 63n]) {
      assertEquals(front.ask(Request.NET_SET_MTU, longs(mtu)), 1, String(mtu));
    }
    assertEquals([front.session.mtu, front.host.halts], [9000, 0]);
    assertEquals(front.host.told.slice(0, 2), [
      "info: its guest's MTU is 9000",
      "warning: refused: its guest's MTU is 9001, which is not within 68 to 9000",
    ]);
  }, { mtu: 9000 }));

Deno.test("Session acknowledges only what asks for it, and only once REPLY_ACK is agreed on", () =>
  withFrontEnd((front) => {
    front.say(Request.SET_OWNER, undefined, [], NEED_REPLY);
    assertEquals(front.replies(), []);
    front.say(Request.SET_PROTOCOL_FEATURES, longs(2 ** 3), [], NEED_REPLY);
    front.say(Request.SET_OWNER);
    front.say(Request.SET_OWNER, undefined, [], NEED_REPLY);
    front.say(Request.GET_QUEUE_NUM, undefined, [], NEED_REPLY);
    assertEquals(front.replies(), [[16, 5, 0, 0], [3, 5, 0, 0], [17, 5, 1, 0]]);
  }));

Deno.test("Session halts the rings around what they depend on, and not for questions", () =>
  withFrontEnd((front) => {
    run(front);
    const { host } = front, before = host.halts;
    front.say(Request.GET_FEATURES);
    front.say(Request.SET_OWNER);
    front.say(Request.GET_QUEUE_NUM);
    assertEquals(host.halts, before);
    front.say(Request.SET_VRING_CALL, longs(0), [front.counter()]);
    assertEquals(host.halts, before + 1);
    front.replies();
    front.kernel.close(front.far);
    assertEquals([front.session.read(), host.halts], [false, before + 2]);
    assertEquals(front.session.reason, "it closed the connection");
    assertEquals([front.session.read(), host.halts], [false, before + 2]);
    assertEquals([readiness(front), front.session.memory.regions], [[false, false], 0]);
    front.hungUp = true;
  }));
