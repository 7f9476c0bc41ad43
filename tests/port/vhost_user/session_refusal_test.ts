/**
 * What a front-end may not say, in the words it is told to the log.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { Request } from "../../../src/port/vhost_user/requests.ts";
import {
  descriptors,
  type FrontEnd,
  longs,
  NEED_REPLY,
  places,
  plainRegion,
  table,
  USER,
  VERSION,
  withFrontEnd,
  words,
} from "./session_lab.ts";

/** A message, what comes with it, and why it is refused. */
interface Case {
  readonly request: number;
  readonly payload?: Uint8Array;
  readonly fds?: (front: FrontEnd) => number[];
  readonly reason: string;
}

const counter = (front: FrontEnd) => [front.counter()];
const NO_RING = (index: number) =>
  `it has a ring ${index}: a port has one pair of queues, the rings 0 and 1`;
const UNALIGNED = "its ring is not aligned as rings are, to 16, 2 and 4 bytes";

const cases: Case[] = [
  { request: 0, reason: "it sent the request 0, which we do not know" },
  { request: 0xffff_ffff, reason: "it sent the request 4294967295, which we do not know" },
  { request: 6, payload: longs(0), reason: "it sent SET_LOG_BASE, which was not offered" },
  { request: 24, payload: longs(0), reason: "it sent GET_CONFIG, which was not offered" },
  { request: 31, payload: longs(0), reason: "it sent GET_INFLIGHT_FD, which was not offered" },
  { request: 37, payload: longs(0), reason: "it sent ADD_MEM_REG, which was not offered" },
  { request: 3, payload: words(0), reason: "it sent SET_OWNER with 4 bytes" },
  { request: 2, payload: words(0), reason: "it sent SET_FEATURES with 4 bytes" },
  { request: 9, payload: longs(0), reason: "it sent SET_VRING_ADDR with 8 bytes" },
  { request: 5, reason: "it sent SET_MEM_TABLE with 0 bytes" },
  { request: 5, payload: words(1, 0), reason: "it sent SET_MEM_TABLE with 8 bytes" },
  {
    request: 5,
    payload: new Uint8Array([...table(plainRegion()), ...longs(0)]),
    reason: "it sent SET_MEM_TABLE with 48 bytes",
  },
  {
    request: 5,
    payload: words(0x0800_0000, 0),
    reason: "it sent SET_MEM_TABLE with 8 bytes",
  },
  {
    request: 5,
    payload: table(...Array(9).fill(plainRegion())),
    reason: "it has 9 memory regions, of at most 8",
  },
  {
    request: 5,
    payload: table(plainRegion()),
    reason: "it sent 0 descriptors for 1 memory regions",
  },
  {
    request: 5,
    payload: table(plainRegion(), plainRegion()),
    fds: (front) => [front.memory(), front.memory()],
    reason: "it has memory regions that overlap",
  },
  { request: 2, payload: longs(2 ** 26), reason: "it took features that were not offered: 26" },
  {
    request: 2,
    payload: longs(2n ** 63n + 3n),
    reason: "it took features that were not offered: 0, 1, 63",
  },
  {
    request: 16,
    payload: longs(2 ** 3 + 2 ** 15),
    reason: "it took protocol features that were not offered: 15",
  },
  { request: 8, payload: words(2, 256), reason: NO_RING(2) },
  { request: 10, payload: words(0xffff_ffff, 0), reason: NO_RING(4294967295) },
  { request: 12, payload: longs(255), fds: counter, reason: NO_RING(255) },
  {
    request: 8,
    payload: words(0, 0),
    reason: "it has a ring of 0 descriptors, which is no power of two up to 32768",
  },
  {
    request: 8,
    payload: words(0, 100),
    reason: "it has a ring of 100 descriptors, which is no power of two up to 32768",
  },
  {
    request: 8,
    payload: words(0, 65_536),
    reason: "it has a ring of 65536 descriptors, which is no power of two up to 32768",
  },
  {
    request: 8,
    payload: words(0, 0x8000_0000),
    reason: "it has a ring of 2147483648 descriptors, which is no power of two up to 32768",
  },
  {
    request: 10,
    payload: words(0, 65_536),
    reason: "its ring begins at the index 65536, which has over 16 bits",
  },
  {
    request: 18,
    payload: words(0, 2),
    reason: "it sent SET_VRING_ENABLE with 2, which is neither on nor off",
  },
  { request: 9, payload: places(0, 8, 0, 0), reason: UNALIGNED },
  { request: 9, payload: places(0, 0, 1, 0), reason: UNALIGNED },
  { request: 9, payload: places(0, 0, 0, 2), reason: UNALIGNED },
  { request: 9, payload: places(0, 2 ** 53, 0, 0), reason: UNALIGNED },
  {
    request: 9,
    payload: places(0, USER, USER, USER, 1),
    reason: "it wants changes to a ring logged, which was not offered",
  },
  { request: 12, payload: longs(0), reason: "it sent SET_VRING_KICK without a descriptor" },
  { request: 13, payload: longs(1), reason: "it sent SET_VRING_CALL without a descriptor" },
  {
    request: 14,
    payload: longs(1),
    fds: (front) => [front.memory()],
    reason: "it sent SET_VRING_ERR with a descriptor that is no eventfd",
  },
  {
    request: 12,
    payload: longs(0x100),
    reason: "it gave a ring no kick descriptor: the ring would have to be looked at all the time",
  },
  {
    request: 20,
    payload: longs(65_536),
    reason: "its guest's MTU is 65536, which is not within 68 to 65535",
  },
];

for (const [i, { request, payload, fds, reason }] of cases.entries()) {
  Deno.test(`Session refuses, case ${i}: ${reason}`, () => {
    withFrontEnd((front) => {
      front.agree();
      const sent = fds?.(front) ?? [], before = descriptors();
      assertEquals(front.ask(request, payload, sent), 1);
      assertEquals(front.host.told, [`warning: refused: ${reason}`]);
      assertEquals(descriptors(), before);
      front.say(Request.SET_OWNER);
      assertEquals([front.session.reason, front.replies()], ["", []], "it goes on");
    });
    withFrontEnd((front) => {
      const sent = fds?.(front) ?? [], before = descriptors();
      assertEquals(front.say(request, payload, sent, VERSION), false, "not asked for: it ends");
      assertEquals([front.session.reason, front.replies()], [reason, []]);
      assertEquals([descriptors(), front.session.read()], [before, false]);
    });
  });
}

Deno.test("Session ends on GET_VRING_BASE of no ring, as that is never acknowledged", () =>
  withFrontEnd((front) => {
    front.agree();
    assertEquals(front.say(Request.GET_VRING_BASE, words(2, 0), [], NEED_REPLY), false);
    assertEquals([front.session.reason, front.replies()], [NO_RING(2), []]);
  }));

Deno.test("Session closes descriptors that come with a message that has none", () =>
  withFrontEnd((front) => {
    const fd = front.counter(), before = descriptors();
    front.say(Request.GET_FEATURES, undefined, [fd, fd, fd]);
    front.say(Request.SET_VRING_NUM, words(0, 256), [fd]);
    front.say(Request.SET_VRING_CALL, longs(0x100), [fd]);
    assertEquals([descriptors(), front.session.reason], [before, ""]);
    front.say(Request.SET_VRING_CALL, longs(0), [fd, fd, fd]);
    assertEquals(descriptors(), before + 1);
  }));

Deno.test("Session takes memory that is not sealed only with unsealed=on", () => {
  for (const unsealed of [false, true]) {
    withFrontEnd((front) => {
      front.agree();
      const file = front.memory(2 ** 20, false);
      assertEquals(
        front.ask(Request.SET_MEM_TABLE, table(plainRegion()), [file]),
        unsealed ? 0 : 1,
      );
    }, { unsealed });
  }
});

Deno.test("Session ends with a front-end that asks and does not read, and waits for none", () =>
  withFrontEnd((front) => {
    let said = 0;
    while (front.say(Request.GET_FEATURES) && said < 100_000) said++;
    assertEquals(front.session.reason, "it does not read our replies");
  }));
