/**
 * Every probe passes over a kernel that keeps its word, and names what is wrong over one that does not.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Errno } from "../../src/platform/errno.ts";
import { PROBES } from "../../src/selftest/probes.ts";
import { ask } from "../../src/selftest/thread.ts";
import { benchOf, type Lie, lyingKernel, probeOver } from "./bench.ts";

const probes = Object.fromEntries(PROBES.map((probe) => [probe.name, probe]));

for (const probe of PROBES) {
  Deno.test(`probe ${probe.name} passes over the fake kernel and leaves nothing open`, () => {
    const { ok, details, open } = probeOver(probe);
    assert(ok, details);
    assertEquals(open, []);
  });
}

/** Lies by the probe that has to find them out, each with what it says then. */
const LIES: Readonly<Record<string, readonly (readonly [string, Lie, RegExp])[]>> = {
  layouts: [
    [
      "another option is read for SO_TYPE",
      () => ({ socketType: () => 2 }),
      /^SO_TYPE of a socket of type 1 gave 2 instead of 1$/,
    ],
    ["everybody has a peer", () => ({ isConnected: () => 1 }), /^getpeername gave 1 instead of 0$/],
    [
      "everybody listens",
      () => ({ isListening: () => 1 }),
      /^SO_ACCEPTCONN of a socket that does not listen gave 1/,
    ],
    [
      "the mode of a socket file is too wide",
      (real) => ({ bind: (fd, path) => real.bind(fd, path, 0o755) }),
      /^a socket file has the mode 755 instead of 600$/,
    ],
    [
      "an address lies a byte further",
      (real, kernel) => ({
        receiveFrom: (fd, at, length) => {
          const result = real.receiveFrom(fd, at, length);
          kernel.sender = { ...kernel.sender, address: kernel.sender.address.slice(1) };
          return result;
        },
      }),
      /^the sender of a single datagram is told as "tmp\/a", it was bound as "\/tmp\/a"$/,
    ],
    [
      "an address received in bulk is cut",
      (real) => ({
        receive: (fd, table, count) => {
          const result = real.receive(fd, table, count);
          if (table.names > 0) table.setName(0, table.nameStart(0), table.nameLength(0) - 3);
          return result;
        },
      }),
      /^the sender of a datagram received in bulk is told as/,
    ],
    [
      "getsockname tells something else",
      () => ({ ownAddress: () => new Uint8Array(2) }),
      /^the socket's own address is told as/,
    ],
    [
      "longer paths are taken than is said",
      (real) => ({ bind: (fd, path, mode) => path.includes("c") ? 0 : real.bind(fd, path, mode) }),
      /^binding a path that is too long gave 0 instead of ENAMETOOLONG$/,
    ],
  ],
  nonblocking: [
    ["an empty stream has ended", () => ({ read: () => 0 }), /^reading a stream pair .* gave 0/],
    [
      "accept fails",
      () => ({ accept: () => -Errno.EBADF }),
      /^accepting when nobody has come gave EBADF instead of EAGAIN$/,
    ],
    [
      "a stream takes everything",
      () => ({ write: (_fd, vector) => vector.length(0) }),
      /^a stream pair took \d+ bytes that nobody reads, and never was full$/,
    ],
    [
      "a full stream is broken",
      (real) => ({
        write: (fd, vector, count) => {
          const result = real.write(fd, vector, count);
          return result < 0 ? -Errno.EPIPE : result;
        },
      }),
      /^writing to a stream pair gave EPIPE$/,
    ],
    [
      "the flag was not set",
      () => ({ isNonBlocking: () => 0 }),
      /^F_GETFL of a datagram pair \(1: non-blocking\) gave 0 instead of 1$/,
    ],
  ],
  errno: [
    [
      "a number is that of another system",
      (real) => ({
        receive: (fd, table, count) => {
          const result = real.receive(fd, table, count);
          return result === -Errno.EAGAIN ? -35 : result;
        },
      }),
      /impossible number/,
    ],
    [
      "a number means something else",
      () => ({ close: () => -Errno.EINVAL }),
      /^closing a descriptor that is not open gave EINVAL instead of EBADF$/,
    ],
    ["a call that must fail succeeds", () => ({ unlink: () => 0 }), /^removing .* gave 0 instead/],
  ],
  bulk: [
    [
      "one more is told as sent than was",
      (real) => ({
        send: (fd, table, from, count) => {
          const result = real.send(fd, table, from, Math.max(1, count - 1));
          return result > 0 && result < count ? result + 1 : result;
        },
      }),
      /^datagram \d+ came where \d+ was due$/,
    ],
    [
      "one less is told as sent than was",
      (real) => ({
        send: (fd, table, from, count) => {
          const result = real.send(fd, table, from, count);
          return result > 1 ? result - 1 : result;
        },
      }),
      /^datagram \d+ came (where \d+ was due|but was not taken)$/,
    ],
    [
      "more is told as sent than there was",
      () => ({ send: (_fd, _table, _from, count) => count + 1 }),
      /^\d+ of \d+ datagrams are told as sent$/,
    ],
    [
      "datagrams are taken and thrown away",
      () => ({ send: (_fd, _table, _from, count) => count }),
      /^0 of 512 datagrams arrived, then none$/,
    ],
    [
      "lengths stand in another word",
      (real) => ({
        receive: (fd, table, count) => {
          const result = real.receive(fd, table, count);
          if (result > 1) table.setReceived(1, 0);
          return result;
        },
      }),
      /^the length of datagram 1 gave 0 instead of 60$/,
    ],
    [
      "a byte is another",
      (real, kernel) => ({
        receive: (fd, table, count) => {
          const result = real.receive(fd, table, count);
          if (result > 2) kernel.arena.u8[table.vector.start(2) + 700] ^= 1;
          return result;
        },
      }),
      /^datagram \d+ came with other bytes than it was sent with$/,
    ],
    [
      "pieces behind the first are left out",
      (real) => ({
        send: (fd, table, from, count) => {
          for (let i = from; i < from + count; i++) table.setPieces(i, table.firstPiece(i), 1);
          return real.send(fd, table, from, count);
        },
      }),
      /^the length of datagram 1 gave 30 instead of 60$/,
    ],
    [
      "the middle of a table cannot be sent",
      (real) => ({ send: (fd, table, _from, count) => real.send(fd, table, 0, count) }),
      /^datagram \d+ came where \d+ was due$/,
    ],
    [
      "flags are refused",
      () => ({ send: () => -Errno.EINVAL }),
      /^sending datagrams failed with EINVAL$/,
    ],
    [
      "the length of a cut datagram is another",
      (real) => ({
        receive: (fd, table, count) => {
          const result = real.receive(fd, table, count);
          if (result > 0 && table.vector.length(0) === 100) table.setReceived(0, 0);
          return result;
        },
      }),
      /^a cut datagram is told as 0 bytes long$/,
    ],
  ],
  full: [
    ["nobody is ever full", () => ({ send: () => 1 }), /^200000 datagrams .* none was refused$/],
    [
      "a full peer is a dead one",
      (real) => ({
        send: (fd, table, from, count) => {
          const result = real.send(fd, table, from, count);
          return result < 0 ? -Errno.ECONNREFUSED : result;
        },
      }),
      /^sending to a peer that does not read gave ECONNREFUSED$/,
    ],
    [
      "there is no way back",
      (real) => {
        let full = false;
        return {
          send: (fd, table, from, count) => {
            const result = full ? -Errno.ENOBUFS : real.send(fd, table, from, count);
            full ||= result < 0;
            return result;
          },
        };
      },
      /^a peer that was full and has read half of it was still full after 1000 ms and \d+ tries/,
    ],
    [
      "what was taken is lost",
      (real) => {
        let calls = 0;
        return {
          send: (fd, table, from, count) => ++calls === 5 ? 1 : real.send(fd, table, from, count),
        };
      },
      /^the number of a datagram gave 5 instead of 4$/,
    ],
  ],
  timer: [
    [
      "sleeps end at once",
      (real) => ({ wait: () => real.wait(0) }),
      /^a sleep of 50 us ended after \d+ us$/,
    ],
    ["a sleep finds something", () => ({ wait: () => 1 }), /^a sleep with nothing to wait for/],
  ],
  wake: [
    ["calls are not heard", () => ({ wake: () => 0 }), /was not heard within [15] s$/],
    [
      "a call is counted twice",
      (real) => ({ takeWakes: (fd) => 2 * real.takeWakes(fd) }),
      /^the count of a wake counter that was called once gave 2 instead of 1$/,
    ],
  ],
};

Deno.test("every probe has been seen to fail", () => {
  assertEquals(Object.keys(LIES).sort(), Object.keys(probes).sort());
});

for (const [name, lies] of Object.entries(LIES)) {
  for (const [what, lie, message] of lies) {
    Deno.test(`probe ${name} finds out when ${what}`, () => {
      const { ok, details } = probeOver(probes[name], lie);
      assertEquals(ok, false, `it passed: ${details}`);
      assertMatch(details, message);
    });
  }
}

Deno.test("probe errno forgives a rare number that a call cannot have, and tells of it", () => {
  let calls = 0;
  const { ok, details, figures } = probeOver(probes.errno, (real) => ({
    unlink: (path) => ++calls === 77 ? -999 : real.unlink(path),
  }));
  assert(ok, details);
  assertEquals(figures.overwritten, 1);
});

Deno.test("probe full recovers by the timer when the writable event never comes, and tells of it", () => {
  const kernel = lyingKernel((real) => ({
    send: (fd, table, from, count) => {
      const result = real.send(fd, table, from, count);
      return result === -Errno.EAGAIN ? -Errno.ENOBUFS : result;
    },
  }));
  kernel.faults.on("writable", { every: 1 });
  const answer = ask(probes.full, benchOf(kernel));
  assert(answer.ok, answer.details);
  const { refusedAs, byEvent, byTimer, eventsMissed, rounds } = answer.figures;
  assertEquals({ refusedAs, byEvent, byTimer, eventsMissed }, {
    refusedAs: "ENOBUFS",
    byEvent: 0,
    byTimer: rounds,
    eventsMissed: rounds,
  });
});

Deno.test("probe wake fails when the other thread does not start", () => {
  const answer = ask(probes.wake, benchOf(lyingKernel(() => ({})), false));
  assertEquals(answer, {
    ok: false,
    details: "the start of the other thread was not heard within 5 s",
  });
});

Deno.test("probe layouts says what to do when the folder's path is too long", () => {
  const bench = { ...benchOf(lyingKernel(() => ({}))), folder: `/tmp/${"x".repeat(120)}` };
  const answer = ask(probes.layouts, bench);
  assertEquals(answer.ok, false);
  assertMatch(answer.details, /set TMPDIR to a shorter one$/);
});

Deno.test("a fault of a probe itself is told with its stack", () => {
  const answer = ask({
    name: "x",
    label: "",
    run: () => {
      throw new TypeError("ours");
    },
  }, benchOf(lyingKernel(() => ({}))));
  assertEquals(answer.ok, false);
  assertMatch(answer.details, /TypeError: ours\n {4}at/);
});
