/**
 * Sockets passed by name as systemd passes them: descriptors from 3 on, and three variables.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { SocketType } from "../../src/platform/kernel.ts";
import { ProcessLab } from "../support/process_lab.ts";
import { until } from "../support/time.ts";
import { Vswitch } from "../support/vswitch.ts";

/** Listening and bound sockets of ours, by these names, and how to start a switch with them. */
function passing(lab: ProcessLab, sockets: Record<string, SocketType>) {
  const descriptors = Object.entries(sockets).map(([name, type]) => {
    const fd = lab.kernel.socket(type);
    assertEquals(lab.kernel.bind(fd, lab.path(name), 0o600), 0);
    if (type === SocketType.STREAM) assertEquals(lab.kernel.listen(fd, 8), 0);
    return fd;
  });
  const moves = descriptors.map((fd, i) => `${3 + i}<&${fd}`).join(" ");
  return {
    descriptors,
    // The shell becomes the switch, so its id is the switch's.
    before: "export LISTEN_PID=$$",
    // Not by the plain shell, which knows descriptors up to 9 only.
    wrap: ["bash", "-c", `exec "$@" ${moves}`, "bash"],
    env: { LISTEN_FDS: `${descriptors.length}`, LISTEN_FDNAMES: Object.keys(sockets).join(":") },
  };
}

Deno.test("vswitch serves sockets that systemd made, by their names", async () => {
  await using lab = new ProcessLab();
  const options = passing(lab, { one: SocketType.DGRAM, lan: SocketType.STREAM });
  const ports = ["--port", "fd:lan,clients=many", "--port", "vm=fd:one"];
  const vswitch = await lab.start(ports, options);
  for (const fd of options.descriptors) lab.kernel.close(fd);
  const { ports: [lan, vm] } = await vswitch.ready();
  assertEquals([lan.name, lan.fdName, lan.fd, lan.socket], ["lan", "lan", undefined, "stream"]);
  assertEquals([vm.name, vm.fdName, vm.socket], ["vm", "one", "dgram"]);
  // Where VMs find them: the path is the socket's own.
  assertEquals([lan.path, vm.path], [lab.path("lan"), lab.path("one")]);
  assertStringIncludes(lan.connect.qemu!, lab.path("lan"));
  assertStringIncludes(vm.connect.vfkit!, lab.path("one"));
  const a = lab.stream(1, "lan"), b = lab.stream(2, "lan"), c = lab.dgram(3, "one");
  await lab.introduce(a, b, c);
  await lab.converse(a, c, 10, 1514);
  await lab.converse(c, b, 10, 1514);
  assertEquals((await vswitch.stop()).code, 0, vswitch.log);
  // They are systemd's files, for the next start.
  assert(Deno.lstatSync(lab.path("lan")).isSocket && Deno.lstatSync(lab.path("one")).isSocket);
});

Deno.test("vswitch refuses a name that was not passed, or not to it, and a socket twice", async () => {
  await using lab = new ProcessLab();
  const options = passing(lab, { lan: SocketType.STREAM });
  const ended = async (ports: string[], how: Parameters<typeof lab.launch>[1]) => {
    await using vswitch = new Vswitch(ports, how);
    assertEquals((await vswitch.ended()).code, 2, vswitch.log);
    return vswitch.log;
  };
  const log = await ended(["--port", "fd:wan"], options);
  assert(log.includes('Cannot open port "wan": no socket named "wan" was passed'), log);
  const other = await ended(["--port", "fd:lan"], { ...options, before: "export LISTEN_PID=1" });
  assert(other.includes('nobody passed a socket named "lan"'), other);
  const twice = await ended(["--port", "a=fd:3", "--port", "b=fd:lan"], options);
  assert(twice.includes('the socket named "lan" serves another port already'), twice);
});

Deno.test("a datagram VM stays connected through kill -9 where the launcher holds the socket, and is reached first", async () => {
  await using lab = new ProcessLab();
  const options = passing(lab, { lan: SocketType.STREAM, one: SocketType.DGRAM });
  const ports = ["--port", "fd:lan,clients=many", "--port", "fd:one"];
  let vswitch = await lab.start(ports, options);
  const before = lab.stream(1, "lan"), vm = lab.dgram(2, "one");
  await lab.introduce(before, vm);
  vswitch.signal("SIGKILL");
  await vswitch.ended();
  before.close();
  vswitch = await lab.start(ports, options);
  const after = lab.stream(3, "lan");
  await lab.converse(after, vm, 10); // the VM has said nothing to this switch
  await lab.converse(vm, after, 10);
  assert(vswitch.log.includes("one: VM connected: "), vswitch.log);
  vm.close();
  await until("its end to be noticed", () => {
    after.send(2);
    return vswitch.log.includes("waiting for a VM");
  });
  const next = lab.dgram(4, "one");
  await lab.introduce(after, next);
  assertEquals((await vswitch.stop()).code, 0, vswitch.log);
  for (const fd of options.descriptors) lab.kernel.close(fd);
});
