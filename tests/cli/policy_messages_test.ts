/**
 * Every message about the offload options of a port, word for word.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import { parseCommand } from "../../src/cli/parse.ts";
import { UsageError } from "../../src/cli/usage_error.ts";
import { WORLD } from "./world.ts";

/** Ports and what is wrong with them. */
function check(cases: readonly (readonly [port: string, reason: string])[]): void {
  for (const [port, reason] of cases) {
    const error = assertThrows(() => parseCommand(["--port", port], WORLD), UsageError, "", port);
    assertEquals(error.message, `Cannot use --port ${JSON.stringify(port)}: ${reason}`);
  }
}

const CLIENTS =
  "qemu, vfkit, krunkit, krunkit-offload, libkrun, libkrun-offload, lima, socket_vmnet, passt, vmnet-helper or vmnet-helper-offload";
const FEATURES = "none, or any of csum tso4 tso6 ufo uso ecn with + between them";

Deno.test("parseCommand() tells about values of offload options", () => {
  check([
    ["a,client=qemux", `client is "qemux"; give ${CLIENTS}; did you mean qemu?`],
    [
      "a,client=krunkit-ofload",
      `client is "krunkit-ofload"; give ${CLIENTS}; did you mean krunkit-offload?`,
    ],
    ["a,client=bhyve", `client is "bhyve"; give ${CLIENTS}`],
    ["a,client=", `client has no value; write client=NAME: ${CLIENTS}`],
    ["a,client=many", `client is "many"; give ${CLIENTS}; did you mean clients=many?`],
    [
      "a,clients=qemu",
      'clients is "qemu"; give many, replace or refuse; did you mean client=qemu?',
    ],
    ["a,sends=csum+tso", `sends is "csum+tso"; give ${FEATURES}; did you mean tso4?`],
    ["a,accepts=CSUM", `accepts is "CSUM"; give ${FEATURES}; did you mean csum?`],
    ["a,accepts=off", `accepts is "off"; give ${FEATURES}`],
    ["a,sends=none+csum", `sends is "none+csum"; give ${FEATURES}`],
    ["a,sends=csum+", `sends is "csum+"; give ${FEATURES}`],
    ["a,sends=", `sends has no value; write sends=FEATURES: ${FEATURES}`],
    [
      "a,sends=csum,tso4",
      '"tso4" is not an option of a port; features have + between them, as in sends=csum+tso4',
    ],
    ["a,offload=yes", 'offload is "yes"; give on or off'],
    ["a,offload=", "offload has no value; write offload=SWITCH: on or off"],
    ["a,vnet-hdr=11", 'vnet-hdr is "11"; give 0, 10 or 12; did you mean 10?'],
    ["a,finish=onn", 'finish is "onn"; give on or off; did you mean on?'],
    ["a,forward-safe=1", 'forward-safe is "1"; give on or off'],
    ["a,clamp-mss=1460", 'clamp-mss is "1460"; give on or off'],
    ["a,accept=csum", '"accept" is not an option of a port; did you mean accepts?'],
    ["a,vnet=12", '"vnet" is not an option of a port; did you mean vnet-hdr?'],
  ]);
});

Deno.test("parseCommand() tells that a wire with a header needs no finish", () => {
  const reason = "the vnet header says which checksums are unfinished; leave finish out";
  check([["a,offload=on,vnet-hdr=12,finish=on", reason], ["a,vnet-hdr=10,finish=on", reason]]);
});

Deno.test("parseCommand() tells about offloads that need others", () => {
  const large = "a large frame cannot have the checksums of what it is cut into; write";
  const ecn = "ecn is a way of tso4 and tso6; add one of them, or leave ecn out";
  const uso =
    "without a vnet header nothing says where a datagram ends; add vnet-hdr=12, or leave uso out";
  check([
    ["a,sends=tso4", `sends is tso4: ${large} sends=csum+tso4`],
    ["a,accepts=tso6", `accepts is tso6: ${large} accepts=csum+tso6`],
    ["a,accepts=ufo", `accepts is ufo: ${large} accepts=csum+ufo`],
    ["a,sends=uso,vnet-hdr=12", `sends is uso: ${large} sends=csum+uso`],
    ["a,sends=ecn+tso4", `sends is tso4+ecn: ${large} sends=csum+tso4+ecn`],
    ["a,client=krunkit-offload,sends=tso4", `sends is tso4: ${large} sends=csum+tso4`],
    ["a,sends=csum+ecn", `sends is csum+ecn: ${ecn}`],
    ["a,accepts=csum+ufo+ecn", `accepts is csum+ufo+ecn: ${ecn}`],
    ["a,sends=csum+uso", `sends is csum+uso: ${uso}`],
    ["a,accepts=csum+uso,vnet-hdr=0", `accepts is csum+uso: ${uso}`],
    [
      "a,offload=on,sends=csum",
      "offload stands for sends and accepts; leave offload or sends out",
    ],
    [
      "a,accepts=none,offload=off",
      "offload stands for sends and accepts; leave offload or accepts out",
    ],
  ]);
});

Deno.test("parseCommand() tells about what a client cannot do", () => {
  check([
    ["a,client=qemu,accepts=csum", "client qemu offloads nothing; leave accepts out"],
    ["a,client=vfkit,offload=on", "client vfkit offloads nothing; leave offload out"],
    [
      "a,client=krunkit,offload=on",
      "client krunkit offloads nothing; for one that does write client=krunkit-offload and leave offload out",
    ],
    [
      "a,client=vmnet-helper,sends=csum",
      "client vmnet-helper offloads nothing; for one that does write client=vmnet-helper-offload and leave sends out",
    ],
    [
      "a,client=krunkit-offload,offload=on",
      "client krunkit-offload never uses tso6; leave offload out",
    ],
    [
      "a,client=libkrun-offload,accepts=csum+tso6+uso",
      "client libkrun-offload never uses uso; give some of csum+tso4+tso6+ufo",
    ],
    ["a,client=lima", 'client lima uses a stream socket; write "stream:a"'],
    ["lan=stream:a,client=vfkit", 'client vfkit uses a datagram socket; write "dgram:a"'],
    [
      "a,client=qemu,vnet-hdr=12",
      "client qemu has no vnet header on its socket; leave vnet-hdr out",
    ],
    [
      "stream:a,client=lima,max-frame=32769",
      "client lima reads frames of at most 32768 bytes and max-frame is 32769; leave max-frame out",
    ],
    [
      "a,client=krunkit,max-frame=69632",
      "client krunkit reads frames of at most 65550 bytes and max-frame is 69632; leave max-frame out",
    ],
    [
      "stream:a,client=passt,mtu=65535",
      "mtu 65535 needs frames of 65549 bytes and client passt reads frames of at most 65535 bytes; give an mtu of at most 65521",
    ],
    [
      "fd:3,client=vmnet-helper,mtu=1501",
      "mtu 1501 needs frames of 1515 bytes and client vmnet-helper reads frames of at most 1514 bytes; give an mtu of at most 1500",
    ],
  ]);
});

Deno.test("parseCommand() tells about a max-frame without room for large frames", () => {
  const room = (features: string, mtu: number, maxFrame: number) =>
    `max-frame is ${maxFrame}, which leaves no room for the large frames of ${features} (mtu ${mtu}); leave max-frame out`;
  check([
    ["a,offload=on,max-frame=1522", room("tso4+tso6", 1500, 1522)],
    ["a,accepts=csum+ufo,max-frame=60", room("ufo", 1500, 60)],
    ["a,sends=csum+tso4,mtu=9000,max-frame=9022", room("tso4", 9000, 9022)],
    [
      "a,sends=csum+tso4,mtu=9000,max-frame=9013",
      "mtu 9000 needs frames of 9014 bytes and max-frame is 9013; leave max-frame out, it follows mtu",
    ],
  ]);
});
