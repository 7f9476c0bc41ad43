/** The archive of a package is read by the tar of the machine it is unpacked on. */
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { tar, type TarFile } from "../../dist/tar.ts";
import { bareEnv, inRoom, run } from "./room.ts";

const file: fc.Arbitrary<TarFile> = fc.record({
  name: fc.stringMatching(/^[a-z][a-z.]{0,60}$/),
  mode: fc.constantFrom(0o600, 0o700, 0o644),
  bytes: fc.uint8Array({ maxLength: 1500 }),
});

Deno.test("tar() is unpacked by tar to the same files", () =>
  inRoom(async (room) => {
    let round = 0;
    const files = fc.uniqueArray(file, { minLength: 1, maxLength: 4, selector: (f) => f.name });
    await fc.assert(
      fc.asyncProperty(files, async (files) => {
        const folder = `${room}/${round++}`;
        await Deno.mkdir(folder);
        await Deno.writeFile(`${folder}.tar`, tar(files));
        const here = { cwd: folder, env: bareEnv(room) };
        const unpacked = await run(["tar", "-xpf", `${folder}.tar`], here);
        assertEquals([unpacked.code, unpacked.stderr], [0, ""]);
        const found = Array.from(Deno.readDirSync(folder), ({ name }) => ({
          name,
          mode: Deno.statSync(`${folder}/${name}`).mode! & 0o7777,
          bytes: Deno.readFileSync(`${folder}/${name}`),
        }));
        const byName = (a: TarFile, b: TarFile) => a.name < b.name ? -1 : 1;
        assertEquals(found.sort(byName), files.toSorted(byName));
      }),
      { numRuns: 20 },
    );
  }));

Deno.test("tar() gives the same bytes whatever the order", () => {
  fc.assert(
    fc.property(fc.uniqueArray(file, { maxLength: 4, selector: (f) => f.name }), (files) => {
      assertEquals(tar(files), tar(files.toReversed()));
    }),
  );
});

Deno.test("tar() refuses a name that does not fit", () => {
  assertThrows(
    () => tar([{ name: "x".repeat(101), mode: 0o600, bytes: new Uint8Array() }]),
    RangeError,
    "longer than 100 bytes",
  );
});
