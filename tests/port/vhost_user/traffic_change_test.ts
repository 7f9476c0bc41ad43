import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Doorway } from "../../support/vhost_frontend/channel.ts";
import type { FrontEnd } from "../../support/vhost_frontend/front_end.ts";
import { APART, WHOLE } from "../../support/vhost_frontend/layout.ts";
import {
  boot,
  hello,
  start,
  startRing,
  type Step,
  stop,
} from "../../support/vhost_frontend/qemu.ts";
import { Request, words32 } from "../../support/vhost_frontend/wire.ts";
import { machine, TrafficLab } from "./traffic_lab.ts";
import type { Station } from "./traffic_station.ts";

const KIND = "vhost-user";

function say(steps: readonly Step[]): void {
  for (const step of steps) step.run();
}

function again(front: FrontEnd): void {
  front.connect();
  say([...hello(front), ...start(front)]);
  for (const ring of front.guest.rings) ring.forceKick();
}

/** Two guests, with traffic between them both ways, a few frames at a time. */
class Talk {
  readonly lab = new TrafficLab().open("a", KIND).open("b", KIND);
  readonly a: Station = this.lab.guest("a", { plan: { acks: "all" } });
  readonly b: Station = this.lab.guest("b", { plan: { acks: "table" } });
  #seq = 0;
  #oneWay = 0;

  /** Frames that are under way when this returns. */
  some(): void {
    for (let i = 0; i < 5; i++) {
      this.#seq++;
      const length = 60 + this.#seq * 331 % 20_000;
      this.lab.send(this.a, this.b, this.#seq, length, this.#seq % 2 === 0 ? WHOLE : APART);
      this.lab.send(this.b, this.a, this.#seq, length);
    }
  }

  /** Frames of the one in its ring, while the switch gets no turn to take them. */
  list(frames: number): void {
    for (let i = 0; i < frames; i++) this.lab.list(this.a, this.b, ++this.#seq, 60 + i);
    this.#oneWay += frames;
  }

  /** All have arrived, and the switch wrote nowhere else. */
  check(): void {
    this.lab.finish();
    assertEquals([this.a.arrived, this.b.arrived], [this.#seq - this.#oneWay, this.#seq]);
    this.lab.verify();
  }
}

/** What a front-end may do while frames are under way. */
const WHILE_RUNNING: Record<string, (front: FrontEnd) => void> = {
  "other call descriptors": (front) => {
    for (const ring of [0, 1]) {
      front.guest.rings[ring].swapCall();
      front.setVringCall(ring);
    }
  },
  "the same kick descriptors": (front) => {
    for (const ring of [0, 1]) front.setVringKick(ring);
  },
  "memory told in more regions": (front) => {
    const { memory } = front.guest;
    const i = memory.regions.findIndex(({ bytes }) => bytes > 2 << 20);
    if (i < 0) return;
    memory.split(i, 1 << 20);
    front.setMemTable();
  },
  "the places of rings": (front) => {
    for (const ring of [0, 1]) front.setVringAddr(ring);
  },
  "enabled again": (front) => {
    for (const ring of [0, 1]) front.setVringEnable(ring, true);
  },
};

/** What takes a ring down for a while: nothing may be under way. */
const WHILE_QUIET: Record<string, (front: FrontEnd) => void> = {
  "stopped and started": (front) => {
    say([...stop(front), ...startRing(front, 1), ...startRing(front, 0)]);
  },
  "memory replaced": (front) => {
    say(stop(front));
    front.guest.move();
    front.setMemTable();
    say([...startRing(front, 0), ...startRing(front, 1)]);
  },
  "disabled and enabled": (front) => {
    for (const ring of [0, 1]) front.setVringEnable(ring, false);
    for (const ring of [0, 1]) front.setVringEnable(ring, true);
  },
  "connected again": (front) => {
    front.disconnect();
    again(front);
  },
  "the guest reboots": (front) => {
    say(stop(front));
    front.resetDevice();
    front.disconnect();
    front.guest.start(front.guest.features);
    front.guest.receive.fill(1600);
    again(front);
  },
};

Deno.test("vhost-user traffic: nothing is lost by what a front-end changes while it runs", () => {
  for (const [name, change] of Object.entries(WHILE_RUNNING)) {
    const talk = new Talk();
    for (let i = 0; i < 20; i++) {
      talk.some();
      for (const { front } of [talk.a, talk.b]) change(front!);
    }
    try {
      talk.check();
      talk.lab.close();
    } catch (error) {
      throw new Error(`${name}: ${error}; ${talk.lab.text}`);
    }
  }
});

Deno.test("vhost-user traffic: a port that was down for a while goes on where it was", () => {
  for (const [name, change] of Object.entries(WHILE_QUIET)) {
    const talk = new Talk();
    try {
      for (let i = 0; i < 5; i++) {
        talk.some();
        talk.check();
        for (const station of [talk.a, talk.b]) {
          change(station.front!);
          talk.lab.settle();
          talk.lab.introduce(station);
        }
      }
      talk.some();
      talk.check();
      talk.lab.close();
    } catch (error) {
      throw new Error(`${name}: ${error}; ${talk.lab.text}`);
    }
  }
});

Deno.test("vhost-user traffic: any changes, in any order", () => {
  const running = Object.keys(WHILE_RUNNING), quiet = Object.keys(WHILE_QUIET);
  const step = fc.record({
    of: fc.integer({ min: 0, max: 1 }),
    name: fc.constantFrom("talk", "talk", ...running, ...quiet),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const talk = new Talk();
      for (const { of, name } of steps) {
        const station = [talk.a, talk.b][of];
        talk.some();
        if (name in WHILE_RUNNING) WHILE_RUNNING[name](station.front!);
        if (!(name in WHILE_QUIET)) continue;
        talk.check();
        WHILE_QUIET[name](station.front!);
        talk.lab.settle();
        talk.lab.introduce(station);
      }
      talk.check();
      talk.lab.close();
    }),
    { numRuns: 15 },
  );
});

Deno.test("vhost-user traffic: a front-end may go at every message, and in the middle of one", () => {
  const lab = new TrafficLab().open("a", KIND).open("b", KIND);
  const b = lab.guest("b"), front = lab.front("a");
  front.connect();
  const count = [...hello(front), ...start(front)].length;
  for (let k = 0; k <= count; k++) {
    for (const half of [new Uint8Array(), words32(Request.SET_MEM_TABLE, 1, 40, 1).slice(0, 11)]) {
      front.connect();
      say([...hello(front), ...start(front)].slice(0, k));
      front.channel.sendBytes(
        half,
        half.length === 0 ? [] : [front.guest.memory.table().descriptors[0]],
      );
      if (k % 2 === 0) lab.settle();
      front.disconnect();
      lab.settle();
    }
  }
  boot(front);
  const a = lab.adopt(front);
  for (let k = 0; k < 50; k++) {
    lab.send(a, b, k, 60 + k * 40);
    lab.send(b, a, k, 60 + k * 40);
  }
  lab.finish();
  lab.close();
});

Deno.test("vhost-user traffic: frames in the ring wait for the end of a connection, and of the switch", () => {
  const talk = new Talk(), { lab, a, b } = talk;
  talk.some();
  talk.check();
  const wait = (away: () => void) => {
    // The receiver is there first: who sends to nobody loses it.
    talk.list(100);
    away();
    if (b.front!.channel.isOver) again(b.front!);
    again(a.front!);
  };
  wait(() => a.front!.disconnect());
  talk.check();
  wait(() => lab.restart());
  talk.check();
  lab.close();
});

Deno.test("vhost-user traffic: to a front-end that listens", () => {
  const lab = new TrafficLab().open("b", KIND);
  const door = new Doorway(machine, lab.path("a"));
  lab.open("a", "vhost-user-client");
  const way = () => {
    lab.skip(1000);
    return door.accept(() => lab.turn());
  };
  const a = lab.guest("a", { way }), b = lab.guest("b");
  for (let round = 0; round < 3; round++) {
    for (let k = 0; k < 50; k++) {
      lab.send(a, b, k, 60 + k * 40);
      lab.send(b, a, k, 60 + k * 40);
    }
    lab.finish();
    a.front!.disconnect();
    lab.settle();
    again(a.front!);
    lab.settle();
    lab.introduce(a);
  }
  door.close();
  lab.close();
});
