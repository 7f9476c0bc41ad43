/**
 * The matrix: VMs of every kind of offload, on ports of every kind, talk to each other.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { clients } from "../../src/offload/clients.ts";
import { Feature } from "../../src/offload/features.ts";
import { NO_OFFLOAD, type Policy } from "../../src/offload/policy.ts";
import { Errno } from "../../src/platform/errno.ts";
import type { PortConfig } from "../../src/port/config.ts";
import { filler, tcpFrame, type TcpShape } from "../offload/frames.ts";
import { receive } from "../offload/receiver.ts";
import { tcpWire } from "../offload/wire.ts";
import { start, type VnetVm, type Way, WAYS } from "../port/vnet_lab.ts";

const { CSUM, TSO4, TSO6, ECN } = Feature;
const TSO = CSUM | TSO4 | TSO6 | ECN;

/** What VMs there are. */
const VMS: Readonly<Record<string, Partial<PortConfig>>> = {
  off: {},
  csum: { sends: CSUM, accepts: CSUM },
  krunkit: {
    sends: clients["krunkit-offload"].sends,
    accepts: clients["krunkit-offload"].accepts,
    finish: true,
  },
  vmnet: { sends: TSO, accepts: TSO },
  "vnet 10": { sends: TSO, accepts: TSO, vnetHdr: 10 },
  "vnet 12": { sends: TSO, accepts: TSO, vnetHdr: 12 },
  "behind a vnet header, off": { vnetHdr: 12 },
  "forward-safe": { sends: TSO, accepts: TSO, mtu: 1280, forwardSafe: true },
};
const SEQ = 4_294_900_000, MSS = 1220;

function policyOf(options: Partial<PortConfig>): Policy {
  return { ...NO_OFFLOAD, ...options };
}

/** The frames of a connection of `version` as a VM sends it, as large as it may, and its bytes. */
function connection(from: number, version: 4 | 6, bytes: number, policy: Policy) {
  const to = 3 - from, data = filler(bytes, from), wires: Uint8Array[] = [];
  const large = (policy.sends & (version === 4 ? TSO4 : TSO6)) !== 0;
  const most = large ? 50_000 : MSS;
  for (let sent = 0; sent < bytes;) {
    const payload = data.subarray(sent, sent + most);
    const shape: TcpShape = {
      ...{ version, from, to, fromPort: 1000, seq: (SEQ + sent) % 2 ** 32, payload },
      id: Math.floor(sent / MSS) & 0xffff,
      flags: sent + most >= bytes ? 0x18 : 0x10,
      checksum: (policy.sends & CSUM) !== 0 ? "partial" : "full",
    };
    wires.push(tcpWire(shape, policy.vnetHdr, payload.length > MSS ? MSS : 0));
    sent += payload.length;
  }
  return { wires, data };
}

/** The bytes a VM got; it complains about everything its policy does not allow, and about gaps. */
function dataOf(wires: readonly Uint8Array[], policy: Policy): Uint8Array {
  const bytes: number[] = [];
  for (const { seq, payload } of wires.flatMap((wire) => receive(wire, policy))) {
    assertEquals(seq, (SEQ + bytes.length) % 2 ** 32, "in order, without a gap");
    bytes.push(...payload);
  }
  return Uint8Array.from(bytes);
}

/** Send a connection to the other VM, and fail unless it has all of it. */
function talk(
  { lab, from, to }: { lab: ReturnType<typeof start>["lab"]; from: VnetVm; to: VnetVm },
  [sender, receiver]: readonly [Policy, Policy],
  version: 4 | 6,
  bytes = 80_000,
): void {
  const { wires, data } = connection(from.port[0] === "a" ? 1 : 2, version, bytes, sender);
  for (const wire of wires) from.send(wire);
  lab.run(30);
  const got = dataOf(to.receive(), receiver);
  assert(
    got.length === data.length && got.every((byte, at) => byte === data[at]),
    "the same bytes",
  );
}

Deno.test("VMs of every kind of offload talk to each other, both ways", () => {
  const names = Object.keys(VMS);
  names.forEach((nameA, i) => {
    names.slice(i).forEach((nameB, k) => {
      const policies = [VMS[nameA], VMS[nameB]].map(policyOf);
      const ways: [Way, Way] = [WAYS[(i + k) % WAYS.length], WAYS[(2 * i + k + 1) % WAYS.length]];
      const { lab, a, b } = start(ways, VMS[nameA], VMS[nameB]);
      for (const version of [4, 6] as const) {
        talk({ lab, from: a, to: b }, [policies[0], policies[1]], version);
        talk({ lab, from: b, to: a }, [policies[1], policies[0]], version);
      }
      assertEquals(lab.sum("bad-vnet") + lab.sum("undeclared") + lab.sum("queue-full"), 0);
      const told = lab.logs.filter(({ level }) => level === "warning");
      assertEquals(told, [], `${nameA} over ${ways[0]}, ${nameB} over ${ways[1]}`);
      lab.stop();
    });
  });
});

Deno.test("a VM with offload and one without talk over ports of every kind, whatever the kernel does", () => {
  const policies = [policyOf(VMS.krunkit), policyOf(VMS.off)] as const;
  let struck = 0;
  WAYS.forEach((wayOfA, i) => {
    const wayOfB = WAYS[(i + 2) % WAYS.length];
    const { lab, a, b } = start([wayOfA, wayOfB], VMS.krunkit, VMS.off);
    lab.kernel.faults.random(7 + i, 0.5, ["send", "write", "receive", "read", "writable"]);
    talk({ lab, from: a, to: b }, policies, 4, 300_000);
    talk({ lab, from: b, to: a }, [policies[1], policies[0]], 4, 300_000);
    assert(lab.sum("segments") >= 200, "it was cut");
    for (const count of lab.kernel.faults.struck.values()) struck += count;
    lab.kernel.faults.clear();
    lab.stop();
  });
  assert(struck > 50, `${struck} faults`);
});

Deno.test("a VM that dies among segments costs nothing but itself", () => {
  for (const way of WAYS) {
    for (let nth = 1; nth <= 4; nth++) {
      const { lab, a, b } = start([way, way], VMS.krunkit, VMS.off);
      const { faults } = lab.kernel;
      for (const call of ["send", "write"] as const) {
        for (let n = 1; n < nth; n++) faults.on(call, { nth: n, short: 5 });
        faults.on(call, { nth, error: Errno.EAGAIN });
      }
      const { wires } = connection(1, 4, 200_000, policyOf(VMS.krunkit));
      for (const wire of wires) a.send(wire);
      lab.settle();
      b.kill();
      lab.run(50);
      lab.assertBalanced();
      for (const wire of wires) a.send(wire);
      lab.settle();
      assert(lab.states.includes(`${a.port} up`), "the other one is still there");
      lab.stop();
    }
  }
});

Deno.test("House.stop() among segments lets a stream's VM read all of a frame that was begun", () => {
  const { lab, a, b } = start(["dgram", "stream"], VMS.krunkit, VMS.off);
  const { faults } = lab.kernel;
  faults.on("write", { nth: 1, short: 2000 });
  for (let nth = 2; nth < 6; nth++) faults.on("write", { nth, error: Errno.EAGAIN });
  const { wires } = connection(1, 4, 60_000, policyOf(VMS.krunkit));
  for (const wire of wires) a.send(wire);
  lab.engine.turn();
  lab.stop();
  const frames = b.receive();
  assertEquals(frames.map(({ length }) => length), [54 + 1460, 54 + 1460], "and no more");
});

Deno.test("a VM with offload on a port that was not told so is named once, and heard of no more", () => {
  const { lab, a, b } = start("dgram", {}, {});
  const frame = tcpFrame({ payload: filler(60_000), checksum: "partial" });
  for (let second = 0; second < 9; second++) {
    a.send(frame);
    lab.run(1000);
  }
  assertEquals(b.receive().length, 9, "forwarded as it is");
  const told = lab.logs.filter(({ level }) => level === "warning").map(({ text }) => text);
  assertEquals(told, [
    "59 KiB frame with an unfinished checksum from a port declared offload=off; " +
    "use client=krunkit-offload, or sends= with what this VM offloads",
  ]);
  lab.stop();
});
