/**
 * Lies about memory and names.
 *
 * @module
 */
import { Arena } from "../../../src/platform/arena.ts";
import { Errno } from "../../../src/platform/errno.ts";
import type { Lies } from "./lie.ts";

/** An arena of pages of 4096 bytes that gives memory back as told; all of it is `octet` at first. */
function arenaThat(give: (u8: Uint8Array, at: number, bytes: number) => void, octet = 0): Arena {
  const u8 = new Uint8Array(8 << 20).fill(octet);
  return new Arena(u8.buffer, 1, (at, bytes) => give(u8, at, bytes), u8.length, 4096);
}

/** See the head of this file. */
export const STORE_LIES: Lies = {
  memory: [
    [
      "nothing is given back",
      () => ({ arena: arenaThat(() => {}) }),
      /^byte 0 of 4096 bytes taken again is 1 instead of 0$/,
    ],
    [
      "it is given back by pages of 16 KiB",
      () => ({
        arena: arenaThat((u8, at, bytes) => {
          const page = 16_384, first = Math.floor(at / page) * page;
          u8.fill(0, first, Math.ceil((at + bytes) / page) * page);
        }),
      }),
      /^byte 0 of 12288 bytes beside 4096 bytes that were given back is 0 instead of 2$/,
    ],
    [
      "only whole pages of 16 KiB are given back",
      () => ({
        arena: arenaThat((u8, at, bytes) => {
          if (at % 16_384 === 0 && bytes % 16_384 === 0) u8.fill(0, at, at + bytes);
        }),
      }),
      /^byte 0 of 4096 bytes taken again is 1 instead of 0$/,
    ],
    [
      "what nobody has had is no zeros",
      () => ({ arena: arenaThat(() => {}, 7) }),
      /^byte 0 of 4096 bytes taken is 7 instead of 0$/,
    ],
    [
      "neighbours that went together are not zeros",
      () => {
        let calls = 0;
        return {
          arena: arenaThat((u8, at, bytes) => ++calls <= 81 ? u8.fill(0, at, at + bytes) : {}),
        };
      },
      /^byte 0 of \d+ bytes taken again in one piece is \d+ instead of 0$/,
    ],
  ],
  paths: [
    [
      "files are readable for everybody",
      (real) => ({ bind: (fd, path, mode) => real.bind(fd, path, mode | 0o044) }),
      /^a socket file asked for with mode 600 has 644$/,
    ],
    ["no file appears", () => ({ bind: () => 0 }), /^a bound path is not there$/],
    [
      "a name is taken twice",
      (real) => ({
        bind: (fd, path, mode) => {
          const result = real.bind(fd, path, mode);
          return result === -Errno.EADDRINUSE ? 0 : result;
        },
      }),
      /^binding a path that is in use gave 0 instead of EADDRINUSE$/,
    ],
    [
      "a name that is taken is replaced",
      (real, kernel) => ({
        bind: (fd, path, mode) => {
          const result = real.bind(fd, path, mode);
          if (result === -Errno.EADDRINUSE) kernel.files.plant(path, "socket");
          return result;
        },
      }),
      /^binding a path that is in use has put another file in its place$/,
    ],
    [
      "a stale name is told as none",
      (real) => ({
        connect: (fd, address) => {
          const result = real.connect(fd, address);
          return result === -Errno.ECONNREFUSED ? -Errno.ENOENT : result;
        },
      }),
      /^connecting to a stale path gave ENOENT instead of ECONNREFUSED$/,
    ],
    [
      "links are followed",
      (real, kernel) => ({
        bind: (fd, path, mode) => real.bind(fd, kernel.files.follow(path), mode),
      }),
      /^binding a link that leads nowhere made a file behind it$/,
    ],
    [
      "links are told as something else",
      (real) => ({
        bind: (fd, path, mode) => path.endsWith("link") ? -Errno.ELOOP : real.bind(fd, path, mode),
      }),
      /^binding a link that leads nowhere gave ELOOP instead of EADDRINUSE$/,
    ],
    [
      "links are looked through",
      (real, kernel) => ({ stat: (path) => real.stat(kernel.files.follow(path)) }),
      /^a link is told as not there$/,
    ],
    [
      "nothing is renamed",
      () => ({ rename: () => 0 }),
      /^a socket that was put in place of another is not there$/,
    ],
    [
      "renaming fails over a file that is there",
      () => ({ rename: () => -Errno.EEXIST }),
      /^cannot put a socket in place of another: EEXIST$/,
    ],
    [
      "renaming ends the old socket",
      (real) => {
        const bound = new Map<string, number>();
        return {
          bind: (fd, path, mode) => {
            bound.set(path, fd);
            return real.bind(fd, path, mode);
          },
          rename: (from, to) => {
            real.close(bound.get(to)!);
            return real.rename(from, to);
          },
        };
      },
      /^sending a datagram to a socket whose path was taken over gave ECONNREFUSED instead of 1$/,
    ],
    [
      "a renamed socket is not reached",
      (real) => {
        let renamed = false;
        return {
          rename: (from, to) => {
            renamed = true;
            return real.rename(from, to);
          },
          connect: (fd, address) => renamed ? 0 : real.connect(fd, address),
        };
      },
      /^sending a datagram by a path that was taken over gave ENOTCONN instead of 1$/,
    ],
    [
      "a lock holds nobody off",
      (real) => ({ lockFolder: () => real.openWake() }),
      /^locking a folder that is locked gave 0 instead of EAGAIN$/,
    ],
    [
      "a lock is not let go",
      (real) => {
        let held = false;
        return {
          lockFolder: (path) => {
            if (held) return -Errno.EAGAIN;
            held = true;
            return real.lockFolder(path);
          },
        };
      },
      /^cannot lock a folder that was locked before: EAGAIN$/,
    ],
  ],
};
