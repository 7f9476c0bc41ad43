/**
 * Offsets and bits of the vnet header against headers that the tests write by themselves.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { Gso, Vnet } from "../../src/frame/vnet.ts";
import { GSO_TCPV4, GSO_TCPV6, NEEDS_CSUM, VNET_BYTES, withVnet } from "../support/vnet_header.ts";

Deno.test("the fields are where struct virtio_net_hdr has them", () => {
  const bytes = withVnet({
    flags: 0x11,
    gsoType: 0x22,
    headerLength: 0x3344,
    gsoSize: 0x5566,
    checksumStart: 0x7788,
    checksumOffset: 0x99aa,
  }, Uint8Array.of());
  const view = new DataView(bytes.buffer);
  assertEquals(view.getUint8(Vnet.FLAGS), 0x11);
  assertEquals(view.getUint8(Vnet.GSO_TYPE), 0x22);
  assertEquals(view.getUint16(Vnet.HDR_LEN, true), 0x3344);
  assertEquals(view.getUint16(Vnet.GSO_SIZE, true), 0x5566);
  assertEquals(view.getUint16(Vnet.CSUM_START, true), 0x7788);
  assertEquals(view.getUint16(Vnet.CSUM_OFFSET, true), 0x99aa);
  assertEquals(Vnet.NUM_BUFFERS, VNET_BYTES - 2);
});

Deno.test("flags and GSO types have the numbers of virtio", () => {
  assertEquals([Vnet.NEEDS_CSUM, Vnet.DATA_VALID, Vnet.RSC_INFO], [NEEDS_CSUM, 2, 4]);
  assertEquals([Gso.NONE, Gso.TCPV4, Gso.UDP], [0, GSO_TCPV4, 3]);
  assertEquals([Gso.TCPV6, Gso.UDP_L4, Gso.ECN], [GSO_TCPV6, 5, 0x80]);
});
