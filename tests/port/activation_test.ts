/**
 * Sockets passed by name: systemd's variables, launchd's call, and the port that asks for one.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Unpassed } from "../../src/platform/activation.ts";
import { type Kernel, SocketType } from "../../src/platform/kernel.ts";
import { launchdSocket, type LaunchdSymbols } from "../../src/platform/launchd.ts";
import { listenFd } from "../../src/platform/listen_fds.ts";
import { FakeSwitch } from "../support/fake_switch.ts";
import { BROADCAST, frame, tagsOf } from "../switch/frames.ts";

/** What systemd would have passed to process 7. */
function listening(
  variables: Record<string, string>,
  inherited = 1,
): Parameters<typeof listenFd>[1] {
  return { variable: (name) => variables[name], pid: 7, isInherited: () => inherited };
}

Deno.test("listenFd() finds a socket by its name, from descriptor 3 on", () => {
  const three = { LISTEN_PID: "7", LISTEN_FDS: "3", LISTEN_FDNAMES: "a:lan:unknown" };
  assertEquals(listenFd("a", listening(three)), 3);
  assertEquals(listenFd("lan", listening(three)), 4);
  assertEquals(listenFd("unknown", listening(three)), 5);
  assertEquals(listenFd("unknown", listening({ LISTEN_PID: "7", LISTEN_FDS: "1" })), 3);
});

Deno.test("listenFd() says why there is none", () => {
  const two = { LISTEN_PID: "7", LISTEN_FDS: "2", LISTEN_FDNAMES: "a:a" };
  assertEquals(listenFd("a", listening({})), Unpassed.NOBODY);
  assertEquals(listenFd("a", listening({ ...two, LISTEN_PID: "8" })), Unpassed.NOBODY);
  for (const LISTEN_FDS of ["0", "", "x", "-1"]) {
    assertEquals(listenFd("a", listening({ ...two, LISTEN_FDS })), Unpassed.NOBODY);
  }
  assertEquals(listenFd("b", listening(two)), Unpassed.UNKNOWN);
  assertEquals(listenFd("a", listening(two)), Unpassed.SEVERAL);
  // A name behind the count is of nobody's descriptor.
  const one = { LISTEN_PID: "7", LISTEN_FDS: "1", LISTEN_FDNAMES: "a:b" };
  assertEquals(listenFd("b", listening(one)), Unpassed.UNKNOWN);
  assertEquals(listenFd("a", listening(one, 0)), Unpassed.TAKEN);
});

/** launchd as its manual has it, with one entry `name` of these descriptors. */
class Launchd implements LaunchdSymbols {
  freed = 0;
  readonly closed: number[] = [];
  readonly #name: string;
  readonly #fds: Int32Array<ArrayBuffer>;
  #told = false;

  constructor(name: string, ...fds: number[]) {
    this.#name = name;
    this.#fds = Int32Array.from(fds);
  }

  readonly launch_activate_socket = (
    name: AllowSharedBufferSource | null,
    list: AllowSharedBufferSource | null,
    count: AllowSharedBufferSource | null,
  ): number => {
    assert(list instanceof BigUint64Array && count instanceof BigUint64Array);
    if (new TextDecoder().decode(name as Uint8Array) !== `${this.#name}\0`) return 2;
    if (this.#told) return 37;
    this.#told = true;
    list[0] = Deno.UnsafePointer.value(Deno.UnsafePointer.of(this.#fds));
    count[0] = BigInt(this.#fds.length);
    return 0;
  };
  readonly free = (): void => void this.freed++;
  readonly close = (fd: number): number => this.closed.push(fd);
}

Deno.test("launchdSocket() takes the one descriptor of an entry and gives the list back", () => {
  const launchd = new Launchd("lan", 11);
  assertEquals(launchdSocket("LAN", launchd), Unpassed.UNKNOWN);
  assertEquals(launchdSocket("lan", launchd), 11);
  assertEquals([launchd.freed, launchd.closed], [1, []]);
  assertEquals(launchdSocket("lan", launchd), Unpassed.TAKEN);
});

Deno.test("launchdSocket() refuses an entry of several, and knows who is not its child", () => {
  const several = new Launchd("lan", 11, 12);
  assertEquals(launchdSocket("lan", several), Unpassed.SEVERAL);
  assertEquals([several.freed, several.closed], [1, [11, 12]]);
  const answer = (error: number) => ({
    ...{ free: () => {}, close: () => 0 },
    launch_activate_socket: () => error,
  });
  assertEquals(launchdSocket("lan", answer(3)), Unpassed.NOBODY);
  assertEquals(launchdSocket("lan", answer(12)), -12);
  assertEquals(launchdSocket("lan", answer(0)), Unpassed.UNKNOWN); // a list of nothing
});

/** A switch whose kernel answers for names. */
function labWith(inheritedByName: (name: string) => number): FakeSwitch {
  const lab = new FakeSwitch();
  Object.assign(lab.kernel, { inheritedByName } satisfies Partial<Kernel>);
  return lab;
}

Deno.test("openFd() takes a socket by its name, listening as launchd passes it", () => {
  const asked: string[] = [];
  let fd = -1;
  const lab = labWith((name) => {
    asked.push(name);
    return fd;
  });
  fd = lab.kernel.socket(SocketType.STREAM);
  assertEquals(lab.kernel.bind(fd, "/run/lan", 0o600), 0);
  assertEquals(lab.kernel.listen(fd, 8), 0);
  const event = lab.tryOpen({ name: "vms", kind: "fd", target: "lan", clients: "many" });
  assert(event.kind === "opened", JSON.stringify(event));
  assertEquals([asked, event.ports[0].socket], [["lan"], "stream"]);
  const a = lab.kernel.peerStream("/run/lan"), b = lab.kernel.peerStream("/run/lan");
  lab.settle();
  a.sendFrame(frame(1, BROADCAST, 9));
  lab.settle();
  assertEquals(tagsOf(b.receiveFrames()), [9]);
  lab.stop();
});

Deno.test("openFd() says why a named socket cannot be had, and what to do", () => {
  for (
    const [reason, why] of [
      [Unpassed.NOBODY, 'nobody passed a socket named "lan"; start vswitch by launchd or systemd'],
      [Unpassed.UNKNOWN, 'no socket named "lan" was passed; write the name of'],
      [Unpassed.SEVERAL, 'several sockets named "lan" were passed; give each a name'],
      [Unpassed.TAKEN, 'the socket named "lan" serves another port already'],
      [-13, 'the socket named "lan" cannot be had (EACCES)'],
    ] as const
  ) {
    const event = labWith(() => reason).tryOpen({ name: "vm", kind: "fd", target: "lan" });
    assert(event.kind === "failed" && event.usage);
    assertStringIncludes(event.message, `Cannot open port "vm": ${why}`);
  }
  // A kernel that knows no names is one that nobody passed anything to.
  const event = new FakeSwitch().tryOpen({ name: "vm", kind: "fd", target: "lan" });
  assert(event.kind === "failed");
  assertStringIncludes(event.message, "nobody passed a socket");
});
