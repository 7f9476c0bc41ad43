/**
 * The contract of names in the file system.
 *
 * @module
 */
import { assert, assertEquals, assertGreaterOrEqual, assertNotEquals } from "@std/assert";
import { SocketType } from "../../../src/platform/kernel.ts";
import { ok, refused, text } from "./expect.ts";
import type { Case } from "./lab.ts";

const { DGRAM } = SocketType;

/** See the head of this file. */
export const files: readonly Case[] = [
  {
    name: "bind() makes a socket file with exactly the mode",
    run(lab) {
      for (const mode of [0o600, 0o660, 0o777, 0o000]) {
        const name = `mode-${mode.toString(8)}`;
        lab.bound(name, mode);
        const info = lab.kernel.stat(lab.path(name));
        assertEquals([info?.kind, info?.mode, info?.uid], ["socket", mode, lab.world.uid]);
      }
    },
  },
  {
    name: "bind() refuses a name that is taken, by whatever, and leaves it alone",
    run(lab) {
      lab.close(lab.bound("stale"));
      lab.bound("live");
      lab.world.plant(lab.path("file"), "file");
      lab.world.plant(lab.path("folder"), "directory");
      lab.world.plant(lab.path("dangling"), "symlink", lab.path("nowhere"));
      for (const name of ["stale", "live", "file", "folder", "dangling"]) {
        const before = lab.kernel.stat(lab.path(name));
        const fd = lab.socket(DGRAM);
        refused(lab.kernel.bind(fd, lab.path(name), 0o600), "EADDRINUSE");
        assertEquals(lab.kernel.stat(lab.path(name)), before);
      }
      assertEquals(lab.kernel.stat(lab.path("nowhere")), undefined);
    },
  },
  {
    name: "bind() needs its folder, and a socket has one name",
    run(lab) {
      lab.world.plant(lab.path("file"), "file");
      const fd = lab.socket(DGRAM);
      refused(lab.kernel.bind(fd, lab.path("missing/a"), 0o600), "ENOENT");
      refused(lab.kernel.bind(fd, lab.path("file/a"), 0o600), "ENOTDIR");
      ok(lab.kernel.bind(fd, lab.path("a"), 0o600));
      refused(lab.kernel.bind(fd, lab.path("b"), 0o600), "EINVAL");
    },
  },
  {
    name: "bind() takes a path of pathLimit bytes",
    run(lab) {
      const name = "n".repeat(lab.kernel.pathLimit - lab.folder.length - 1);
      const fd = lab.bound(name), sender = lab.socket(DGRAM);
      assertEquals(lab.kernel.stat(lab.path(name))?.kind, "socket");
      ok(lab.kernel.connect(sender, lab.address(name)));
      assertEquals(lab.send(sender, text("x")), 1);
      assertEquals(lab.receive(fd), text("x"));
    },
  },
  {
    name: "stat() tells what a path is and does not follow links",
    run(lab) {
      lab.bound("socket");
      lab.world.plant(lab.path("file"), "file");
      lab.world.plant(lab.path("folder"), "directory");
      lab.world.plant(lab.path("link"), "symlink", lab.path("socket"));
      const kinds = ["socket", "file", "folder", "link", "missing"]
        .map((name) => lab.kernel.stat(lab.path(name))?.kind);
      assertEquals(kinds, ["socket", "file", "directory", "symlink", undefined]);
    },
  },
  {
    name: "stat() gives another identity to a socket that took over the name",
    run(lab) {
      const first = lab.bound("a"); // open: a file system may give a freed number out again
      const identity = () => lab.kernel.stat(lab.path("a"))?.identity;
      const before = identity();
      assert(before);
      assertEquals(identity(), before);
      assertEquals(lab.kernel.unlink(lab.path("a")), 0);
      assertEquals(identity(), undefined);
      lab.bound("a");
      assertNotEquals(identity(), before);
      lab.close(first);
      assertEquals(lab.kernel.stat(lab.path("a"))?.kind, "socket");
    },
  },
  {
    name: "unlink() takes the name and leaves the socket",
    run(lab) {
      const [port, vm] = lab.mutual("port", "vm");
      assertEquals(lab.kernel.unlink(lab.path("port")), 0);
      refused(lab.kernel.unlink(lab.path("port")), "ENOENT");
      assertEquals(lab.send(vm, text("still there")), 1);
      assertEquals(lab.receive(port), text("still there"));
      refused(lab.sendTo(lab.socket(DGRAM), "port", text("by name")), "ENOENT");
    },
  },
  {
    name: "rename() moves a socket in one step, over what had the name",
    run(lab) {
      lab.close(lab.bound("old"));
      const fd = lab.bound("new"), vm = lab.socket(DGRAM);
      const before = lab.kernel.stat(lab.path("new"));
      assertEquals(lab.kernel.rename(lab.path("new"), lab.path("old")), 0);
      assertEquals(lab.kernel.stat(lab.path("old")), before);
      assertEquals(lab.kernel.stat(lab.path("new")), undefined);
      assertEquals(lab.sendTo(vm, "old", text("x")), 1);
      assertEquals(lab.receive(fd), text("x"));
      refused(lab.kernel.rename(lab.path("new"), lab.path("old")), "ENOENT");
    },
  },
  {
    name: "lockFolder() holds a folder until its descriptor is closed",
    run(lab) {
      const folder = lab.path("any").replace(/\/[^/]*$/, "");
      const held = lab.kernel.lockFolder(folder);
      assertGreaterOrEqual(held, 0);
      refused(lab.kernel.lockFolder(folder), "EAGAIN");
      assertEquals(lab.kernel.close(held), 0);
      const again = lab.kernel.lockFolder(folder);
      assertGreaterOrEqual(again, 0);
      lab.kernel.close(again);
    },
  },
  {
    name: "chgrp() gives a file to a group",
    run(lab) {
      lab.bound("a", 0o660);
      const { otherGroup } = lab.world;
      assertEquals(lab.kernel.chgrp(lab.path("a"), otherGroup), 0);
      assertEquals(lab.world.group(lab.path("a")), otherGroup);
      assertEquals(lab.kernel.stat(lab.path("a"))?.mode, 0o660);
      refused(lab.kernel.chgrp(lab.path("missing"), otherGroup), "ENOENT");
    },
  },
];
