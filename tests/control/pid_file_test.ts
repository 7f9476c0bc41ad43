import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Exit, Failure } from "../../src/control/failure.ts";
import { PidFile } from "../../src/control/pid_file.ts";

/** Run with a path in a folder of its own. */
function withPath(use: (path: string, folder: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    use(`${folder}/vs.pid`, folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("PidFile holds our id from write() to remove() and leaves nothing else", () => {
  withPath((path, folder) => {
    const file = PidFile.claim(path);
    assertThrows(() => Deno.statSync(path), Deno.errors.NotFound);
    file.write();
    assertEquals(Deno.readTextFileSync(path), `${Deno.pid}\n`);
    assertEquals([...Deno.readDirSync(folder)].map((entry) => entry.name), ["vs.pid"]);
    file.remove();
    assertEquals([...Deno.readDirSync(folder)], []);
  });
});

Deno.test("PidFile.claim() refuses the file of a living process and keeps it", () => {
  withPath((path) => {
    Deno.writeTextFileSync(path, `${Deno.ppid}\n`);
    const error = assertThrows(() => PidFile.claim(path), Failure);
    assertEquals(error.exitCode, Exit.FAILED);
    assertEquals(
      error.message,
      `Cannot use pid file ${path}: process ${Deno.ppid} is running; stop it, or remove the file if that is not vswitch`,
    );
    assertEquals(Deno.readTextFileSync(path), `${Deno.ppid}\n`);
  });
});

Deno.test("PidFile.claim() replaces a file of a process that is gone, of our own id, or empty", async () => {
  const { pid, status } = new Deno.Command("true").spawn();
  await status;
  withPath((path) => {
    for (const text of [`${pid}\n`, `${Deno.pid}\n`, ""]) {
      Deno.writeTextFileSync(path, text);
      PidFile.claim(path).write();
      assertEquals(Deno.readTextFileSync(path), `${Deno.pid}\n`);
    }
  });
});

Deno.test("PidFile.claim() refuses a file that holds something else", () => {
  withPath((path) => {
    Deno.writeTextFileSync(path, "precious\n");
    const error = assertThrows(() => PidFile.claim(path), Failure);
    assert(error.usage);
    assertMatch(error.message, /it holds something else than a process id; use another path$/);
    assertEquals(Deno.readTextFileSync(path), "precious\n");
  });
});

Deno.test("PidFile.write() tells a folder that is not there", () => {
  withPath((_, folder) => {
    const error = assertThrows(() => PidFile.claim(`${folder}/no/vs.pid`).write(), Failure);
    assertEquals(error.exitCode, Exit.FAILED);
    assertMatch(
      error.message,
      /^Cannot write pid file .*\/no\/vs\.pid: .*; use a folder you may write to$/,
    );
  });
});

Deno.test("PidFile.remove() leaves the file of a successor", () => {
  withPath((path) => {
    const file = PidFile.claim(path);
    file.write();
    Deno.writeTextFileSync(path, "1\n");
    file.remove();
    assertEquals(Deno.readTextFileSync(path), "1\n");
  });
});

Deno.test("PidFile with an empty path does nothing", () => {
  const file = PidFile.claim("");
  file.write();
  file.remove();
});
