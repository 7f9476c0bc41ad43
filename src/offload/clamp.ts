/**
 * MSS clamping: a TCP connection between VMs with different MTUs is told the smaller one.
 *
 * Each side of a connection names in its SYN the longest segment it takes (RFC 9293 3.7.1), and knows only
 * its own MTU. Lowering the number on the way spares what ICMP would have to mend, or could not
 * (iptables' `TCPMSS --set-mss`, net/netfilter/xt_TCPMSS.c).
 *
 * @module
 */
import { replace } from "../frame/checksum.ts";
import { type Headers, IPV4_BYTES, IPV6_BYTES, Kind, TCP_BYTES } from "../frame/headers.ts";

/** Offset of the flags in a TCP header; SYN. */
const TCP_FLAGS = 13, SYN = 0x02;
/** Kinds of TCP options, and the length of the one with the MSS (RFC 9293 3.1, 3.2). */
const END = 0, NOP = 1, MSS = 2, MSS_BYTES = 4;

/**
 * Lower the MSS option of a TCP SYN, with or without ACK, to what an MTU has room for. An MSS is never
 * raised, and none is added. The frame is changed in place, its checksum with it.
 *
 * @param headers walked
 * @param mtu bytes of the largest IP packet
 * @param partial the checksum is unfinished: its seed does not cover options
 * @returns true when the frame was changed
 */
export function clampMss(
  view: DataView,
  headers: Headers,
  mtu: number,
  partial: boolean,
): boolean {
  const { l4, payload, version } = headers;
  if (headers.kind !== Kind.TCP || (view.getUint8(l4 + TCP_FLAGS) & SYN) === 0) return false;
  const most = mtu - TCP_BYTES - (version === 4 ? IPV4_BYTES : IPV6_BYTES);
  if (most <= 0) return false;
  let changed = false;
  for (let at = l4 + TCP_BYTES; at < payload;) {
    const kind = view.getUint8(at);
    if (kind === END) break;
    if (kind === NOP) {
      at++;
      continue;
    }
    if (at + 1 === payload) break;
    const bytes = view.getUint8(at + 1);
    if (bytes < 2 || at + bytes > payload) break;
    if (kind === MSS && bytes === MSS_BYTES && view.getUint16(at + 2) > most) {
      setMss(view, headers, at + 2, most, partial);
      changed = true;
    }
    at += bytes;
  }
  return changed;
}

function setMss(view: DataView, headers: Headers, at: number, mss: number, partial: boolean): void {
  const old = view.getUint16(at);
  view.setUint16(at, mss);
  if (partial) return;
  const { l4, checksumOffset } = headers;
  const field = l4 + checksumOffset, checksum = view.getUint16(field);
  // At an odd offset each byte is in the other half of a word: the sum sees the number with its bytes swapped.
  const odd = ((at - l4) & 1) !== 0;
  view.setUint16(field, replace(checksum, odd ? swap(old) : old, odd ? swap(mss) : mss));
}

function swap(word: number): number {
  return (word & 0xff) << 8 | word >>> 8;
}
