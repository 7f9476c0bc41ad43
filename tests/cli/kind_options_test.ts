/**
 * Options that not every kind of port has, and what a vhost-user port is without any.
 *
 * @module
 */
import {
  assertEquals,
  assertMatch,
  assertObjectMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { helpText } from "../../src/cli/help.ts";
import { parseCommand } from "../../src/cli/parse.ts";
import { parsePort } from "../../src/cli/port_spec.ts";
import { UsageError } from "../../src/cli/usage_error.ts";
import { Feature, FEATURE_NAMES, OFFLOAD_ON, parseFeatures } from "../../src/offload/features.ts";
import { policyOf } from "../../src/offload/policy.ts";
import type { PortConfig } from "../../src/port/config.ts";
import { WORLD } from "./world.ts";

const parse = (text: string): PortConfig => parsePort(text, WORLD);
const DGRAM_OPTIONS =
  "clients, max-macs, full, pause-ms, queue, client, offload, sends, accepts, " +
  "vnet-hdr, finish, forward-safe, clamp-mss, mtu, max-frame, mode, group";
const VHOST_KINDS = ["vhost-user", "vhost-user-client"];

/** Ports and what is wrong with them. */
function check(cases: readonly (readonly [port: string, reason: string])[]): void {
  for (const [port, reason] of cases) {
    const error = assertThrows(() => parse(port), UsageError, "", port);
    assertEquals(error.message, `Cannot use --port ${JSON.stringify(port)}: ${reason}`);
  }
}

Deno.test("parsePort() gives vhost-user ports everything to offer but ufo", () => {
  for (const kind of VHOST_KINDS) {
    const port = parse(`vm1=${kind}:/run/a.sock`);
    assertObjectMatch(port, { name: "vm1", kind, target: "/run/a.sock" });
    assertEquals(port.clients, kind === "vhost-user" ? "refuse" : "replace");
    assertObjectMatch(port, { client: "", asked: "", pollUs: 10, unsealed: false });
    const all = parseFeatures("csum+tso4+tso6+uso+ecn")!;
    assertEquals(all, 2 ** FEATURE_NAMES.length - 1 - Feature.UFO);
    assertEquals(policyOf(port), {
      sends: all,
      accepts: all,
      vnetHdr: 12,
      mtu: 0,
      maxFrame: 65_550,
      finish: false,
      forwardSafe: false,
      clampMss: false,
    });
  }
});

Deno.test("parsePort() narrows and widens what vhost-user ports offer", () => {
  const { sends: all } = parse("vhost-user:a");
  for (
    const [options, sends, accepts] of [
      ["sends=none", 0, all],
      ["accepts=csum+tso4", all, Feature.CSUM | Feature.TSO4],
      ["offload=off", 0, 0],
      ["offload=on", OFFLOAD_ON, OFFLOAD_ON],
      ["sends=csum+ufo,accepts=csum+uso", Feature.CSUM | Feature.UFO, Feature.CSUM | Feature.USO],
    ] as const
  ) {
    for (const kind of VHOST_KINDS) {
      const port = parse(`${kind}:a,${options}`);
      assertObjectMatch(port, { sends, accepts, vnetHdr: 12, asked: options });
    }
  }
  const lan = "forward-safe=on,clamp-mss=on,mtu=9000";
  assertObjectMatch(parse(`vhost-user:a,full=pause,${lan}`), {
    full: "pause",
    forwardSafe: true,
    clampMss: true,
    mtu: 9000,
    maxFrame: 65_550,
    asked: lan,
  });
});

Deno.test("parsePort() reads the options of shared memory", () => {
  for (const kind of VHOST_KINDS) {
    assertObjectMatch(parse(`${kind}:a,poll-us=0,unsealed=on`), { pollUs: 0, unsealed: true });
    assertObjectMatch(parse(`${kind}:a,poll-us=1000000,unsealed=off`), {
      pollUs: 1_000_000,
      unsealed: false,
      asked: "",
    });
  }
  for (const clients of ["many", "replace", "refuse"]) {
    assertEquals(parse(`vhost-user:a,mode=660,group=kvm,clients=${clients}`).clients, clients);
  }
  assertEquals(parse("vhost-user-client:a,clients=replace").clients, "replace");
});

Deno.test("parsePort() refuses what a kind does not have", () => {
  const one = "vhost-user-client connects to one VM and has no other clients; leave clients out";
  const file = (option: string, kind: string) =>
    `${option} is for socket files that vswitch makes, not for ${kind}; leave it out`;
  check([
    ["a,poll-us=20", "poll-us is for vhost-user ports, not for dgram; leave it out"],
    ["stream:a,poll-us=0", "poll-us is for vhost-user ports, not for stream; leave it out"],
    ["fd:3,unsealed=off", "unsealed is for vhost-user ports, not for fd; leave it out"],
    ["a,unsealed=on", "unsealed is for vhost-user ports, not for dgram; leave it out"],
    ["fd:3,mode=600", file("mode", "fd")],
    ["vhost-user-client:a,mode=600", file("mode", "vhost-user-client")],
    ["vhost-user-client:a,group=kvm", file("group", "vhost-user-client")],
    ["vhost-user-client:a,clients=many", one],
    ["vhost-user-client:a,clients=refuse", one],
  ]);
  for (const kind of VHOST_KINDS) {
    check([
      [
        `${kind}:a,client=qemu`,
        "client is for VMs that negotiate nothing, and a vhost-user guest says what it can; leave it out",
      ],
      [`${kind}:a,vnet-hdr=12`, "vnet-hdr is negotiated with a vhost-user guest; leave it out"],
      [
        `${kind}:a,finish=off`,
        "finish is for sockets without a header, and every vhost-user frame has one; leave it out",
      ],
      [
        `${kind}:a,sends=tso4`,
        "sends is tso4: a large frame cannot have the checksums of what it is cut into; write sends=csum+tso4",
      ],
    ]);
  }
});

Deno.test("parsePort() tells about values of the options of shared memory", () => {
  check([
    [
      "vhost-user:a,poll-us=1000001",
      'poll-us is "1000001"; give a whole number of microseconds from 0 to 1000000',
    ],
    [
      "vhost-user:a,poll-us=20us",
      'poll-us is "20us"; give a whole number of microseconds from 0 to 1000000',
    ],
    ["vhost-user:a,unsealed", "unsealed has no value; write unsealed=SWITCH: on or off"],
    ["vhost-user:a,unseal=on", '"unseal" is not an option of a port; did you mean unsealed?'],
    ["vhost-user:a,poll=20", '"poll" is not an option of a port; did you mean poll-us?'],
  ]);
});

Deno.test("parsePort() lists and guesses only options that the kind has", () => {
  const flow = "max-macs, full, pause-ms, queue, offload, sends, accepts, forward-safe, clamp-mss";
  const ours = `${flow}, mtu, max-frame, poll-us, unsealed`;
  const none = (name: string) => `"${name}" is not an option of a port; there are`;
  check([
    ["vhost-user:a,zzz", `${none("zzz")} clients, ${ours}, mode, group`],
    ["vhost-user:a,finnish=on", `${none("finnish")} clients, ${ours}, mode, group`],
    ["vhost-user-client:a,zzz", `${none("zzz")} ${ours}`],
    ["a,unseal=on", `${none("unseal")} ${DGRAM_OPTIONS}`],
  ]);
});

Deno.test("parsePort() knows arguments that are the VM monitor's", () => {
  const elsewhere = "it belongs to the VM monitor's arguments; leave it out here";
  for (
    const name of ["reconnect", "reconnect-ms", "share", "server", "chardev", "mac", "vectors"]
  ) {
    for (const kind of [...VHOST_KINDS, "stream"]) {
      check([[`${kind}:a,${name}=on`, `"${name}" is not an option of a port: ${elsewhere}`]]);
    }
  }
  const pair = "is not an option of a port: there is one queue pair a VM; leave it out";
  check([
    ["vhost-user:a,queues=2", `"queues" ${pair}`],
    ["vhost-user-client:a,num_queues=4", `"num_queues" ${pair}`],
    ["vhost-user:a,wait", `"wait" is not an option of a port: ${elsewhere}`],
  ]);
});

Deno.test("helpText() says of each option that vhost-user ports do not have that it is not for them", () => {
  const help = helpText("run", WORLD.kinds, false).replace(/\s+/g, " ");
  for (
    const [option, next] of [["client", "offload"], ["vnet-hdr", "finish"], [
      "finish",
      "forward-safe",
    ]]
  ) {
    const text = help.slice(help.indexOf(` ${option}=`), help.indexOf(` ${next}=`));
    assertMatch(text, /; not for vhost-user/, option);
  }
});

Deno.test("parsePort() guesses a kind that was meant, and keeps two ports from one path", () => {
  const kinds = "use dgram, stream, fd, vhost-user or vhost-user-client";
  check([
    [
      "vm=vhost:a",
      `"vhost" is not a kind; ${kinds}, or write "./vhost:a" if it is a path; did you mean vhost-user?`,
    ],
    ["vhost-user:vm=a", 'the name comes before the kind; write "vm=vhost-user:a"'],
  ]);
  const words = ["--port", "vm1=vhost-user:/run/a", "--port", "vm2=vhost-user-client:/run//a"];
  assertThrows(() => parseCommand(words, WORLD), UsageError, "a path serves one port");
});

Deno.test("helpText() has vhost-user among the examples and its options under their heading", () => {
  const help = helpText("run", WORLD.kinds, false);
  assertStringIncludes(help, "\n  vswitch --port vm1=vhost-user:vm1.sock ");
  const options = help.slice(help.indexOf("\nPort options: shared memory (vhost-user)\n"));
  assertStringIncludes(options, "\n  poll-us=US ");
  assertStringIncludes(options, "\n  unsealed=on|off ");
  assertStringIncludes(options, "(default: 10)");
});
