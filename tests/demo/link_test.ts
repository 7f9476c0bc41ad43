/**
 * The demo's links over real sockets, with the test in the place of the switch.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { DemoError } from "../../src/demo/demo_error.ts";
import { DgramLink } from "../../src/demo/dgram_link.ts";
import { LINK_FRAME } from "../../src/demo/link.ts";
import { StreamLink } from "../../src/demo/stream_link.ts";
import { type Kernel, SocketType } from "../../src/platform/kernel.ts";
import { openKernel } from "../../src/platform/mod.ts";
import { Vector } from "../../src/platform/vectors.ts";

/** Run with a kernel and a folder of its own. */
function withKernel(use: (kernel: Kernel, folder: string) => void): void {
  const kernel = openKernel(8 << 20);
  const folder = Deno.makeTempDirSync();
  try {
    use(kernel, folder);
  } finally {
    kernel.dispose();
    Deno.removeSync(folder, { recursive: true });
  }
}

/** A stream link and the other end of its connection. */
function streamLink(kernel: Kernel, folder: string): { link: StreamLink; fd: number; end(): void } {
  const listener = kernel.socket(SocketType.STREAM);
  kernel.bind(listener, `${folder}/s`, 0o600);
  kernel.listen(listener, 1);
  const link = new StreamLink(kernel, `${folder}/s`);
  const fd = kernel.accept(listener);
  assert(fd >= 0);
  return { link, fd, end: () => [listener, fd].forEach((one) => kernel.close(one)) };
}

function send(kernel: Kernel, fd: number, octets: readonly number[]): void {
  const vector = new Vector(kernel.arena, 1);
  const at = kernel.arena.take(octets.length);
  kernel.arena.u8.set(octets, at);
  vector.set(0, at, octets.length);
  assertEquals(kernel.write(fd, vector, 1), octets.length);
  kernel.arena.give(at);
}

/** Frames of the last receive, as arrays of octets. */
function frames(kernel: Kernel, link: StreamLink | DgramLink, count: number): number[][] {
  const { u8 } = kernel.arena;
  return Array.from(
    { length: count },
    (_, i) => [...u8.subarray(link.at[i], link.at[i] + link.length[i])],
  );
}

Deno.test("StreamLink.receive() puts frames together that arrive byte by byte", () => {
  withKernel((kernel, folder) => {
    const { link, fd, end } = streamLink(kernel, folder);
    const bytes = [0, 0, 0, 2, 7, 8, 0, 0, 0, 1, 9, 0, 0, 0, 3, 1, 2, 3];
    const seen: number[][] = [];
    for (const octet of bytes) {
      send(kernel, fd, [octet]);
      seen.push(...frames(kernel, link, link.receive()));
    }
    assertEquals(seen, [[7, 8], [9], [1, 2, 3]]);
    send(kernel, fd, bytes);
    assertEquals(frames(kernel, link, link.receive()), [[7, 8], [9], [1, 2, 3]]);
    assertEquals(link.receive(), 0);
    link.close();
    end();
  });
});

Deno.test("StreamLink.receive() tells a length that cannot be, and the end of the stream", () => {
  withKernel((kernel, folder) => {
    const { link, fd, end } = streamLink(kernel, folder);
    send(kernel, fd, [0, 0, 0, 0]);
    const error = assertThrows(() => link.receive(), DemoError);
    assertEquals(error.message, "the switch sent a frame of 0 bytes on the stream");
    link.close();
    end();
  });
  withKernel((kernel, folder) => {
    const { link, end } = streamLink(kernel, folder);
    end();
    assertEquals(
      assertThrows(() => link.receive(), DemoError).message,
      "the switch closed the stream",
    );
    link.close();
  });
});

Deno.test("StreamLink.flush() goes on where a full peer stopped it", () => {
  withKernel((kernel, folder) => {
    const { link, fd, end } = streamLink(kernel, folder);
    const frame = kernel.arena.take(LINK_FRAME);
    for (let i = 0; i < LINK_FRAME; i++) kernel.arena.u8[frame + i] = i;
    const inbox = kernel.arena.take(1 << 20);
    let put = 0, blocked = 0, got = 0;
    while (blocked < 3 || got < put * (4 + LINK_FRAME)) {
      if (blocked < 3) { while (link.put(frame, LINK_FRAME)) put++; }
      if (!link.flush()) blocked++;
      const count = kernel.read(fd, inbox + got % 4096, 50_000); // less than a flush sends
      if (count > 0) got += count;
      assert(got < 1 << 22);
    }
    assertEquals(got, put * (4 + LINK_FRAME));
    link.close();
    end();
  });
});

Deno.test("DgramLink introduces itself, and sends and receives one frame a datagram", () => {
  withKernel((kernel, folder) => {
    const server = kernel.socket(SocketType.DGRAM);
    kernel.bind(server, `${folder}/d`, 0o600);
    const link = new DgramLink(kernel, `${folder}/d`, `${folder}/own`);
    const at = kernel.arena.take(4096);
    const received = () => {
      const count = kernel.receiveFrom(server, at, 4096);
      return count < 0 ? count : [...kernel.arena.u8.subarray(at, at + count)];
    };
    assertEquals(received(), [0x56, 0x46, 0x4b, 0x54]); // VFKT
    assertEquals(new TextDecoder().decode(kernel.sender.address), `${folder}/own`);
    kernel.connect(server, kernel.sender.address);
    kernel.arena.u8.set([1, 2, 3], at);
    assert(link.put(at, 3));
    assert(link.put(at, 1));
    assert(link.flush());
    assertEquals([received(), received(), received()], [[1, 2, 3], [1], -11]);
    send(kernel, server, [4, 5]);
    send(kernel, server, [6]);
    assertEquals(frames(kernel, link, link.receive()), [[4, 5], [6]]);
    link.close();
    kernel.close(server);
    assertEquals([...Deno.readDirSync(folder)].map((entry) => entry.name), ["d"]);
  });
});

Deno.test("DgramLink.put() refuses more than a batch until it is flushed", () => {
  withKernel((kernel, folder) => {
    const server = kernel.socket(SocketType.DGRAM);
    kernel.bind(server, `${folder}/d`, 0o600);
    const link = new DgramLink(kernel, `${folder}/d`, `${folder}/own`);
    const at = kernel.arena.take(4096);
    let put = 0;
    while (link.put(at, 14)) put++;
    assertEquals(put, 64);
    // Nobody reads. Eleven datagrams fill a receiver that is not connected on Linux, and its few KiB do on macOS.
    for (let round = 0; link.flush(); round++) {
      assert(round < 1000, "there is always room");
      while (link.put(at, 14));
    }
    assertEquals(link.put(at, 14), false);
    assertEquals(link.put(at, link.longest + 1), false);
    link.close();
    kernel.close(server);
  });
});

Deno.test("links name what they cannot do", () => {
  withKernel((kernel, folder) => {
    const error = assertThrows(() => new StreamLink(kernel, `${folder}/none`), DemoError);
    assertMatch(error.message, /^cannot connect to .*\/none: ENOENT$/);
  });
});
