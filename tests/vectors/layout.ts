/**
 * Where things are in a frame of IPv4 or IPv6, for frames that are what they claim to be.
 *
 * @module
 */

const ETHERNET_BYTES = 14, TAG_BYTES = 4, IPV6_BYTES = 40;
/** Numbers of the extension headers that may be in front of TCP and UDP. */
const HOP_BY_HOP = 0, ROUTING = 43, DESTINATION = 60;

/** An IPv6 extension header. */
export interface ExtensionHeader {
  readonly type: number;
  readonly at: number;
  readonly bytes: number;
}

/** How many tags are in front of the IP header. */
export function tagsOf(frame: Uint8Array): number {
  let tags = 0;
  while (isTag(frame, ETHERNET_BYTES - 2 + tags * TAG_BYTES)) tags++;
  return tags;
}

/** Offset of the IP header. */
export function l3Of(frame: Uint8Array): number {
  return ETHERNET_BYTES + tagsOf(frame) * TAG_BYTES;
}

/** IP version, as the IP header says. */
export function versionOf(frame: Uint8Array): number {
  return frame[l3Of(frame)] >> 4;
}

/** The extension headers of an IPv6 packet. */
export function extensionsOf(frame: Uint8Array): ExtensionHeader[] {
  if (versionOf(frame) !== 6) return [];
  const extensions = [], l3 = l3Of(frame);
  let at = l3 + IPV6_BYTES, type = frame[l3 + 6];
  while (isExtension(type) && at + 8 <= frame.length) {
    const bytes = 8 + frame[at + 1] * 8;
    extensions.push({ type, at, bytes });
    type = frame[at];
    at += bytes;
  }
  return extensions;
}

/** Offset of the TCP or UDP header. */
export function l4Of(frame: Uint8Array): number {
  const l3 = l3Of(frame);
  if (versionOf(frame) === 4) return l3 + (frame[l3] & 15) * 4;
  return extensionsOf(frame).reduce((at, { bytes }) => at + bytes, l3 + IPV6_BYTES);
}

/** Offset behind the TCP or UDP header. */
export function payloadOf(frame: Uint8Array): number {
  const l4 = l4Of(frame), l3 = l3Of(frame);
  const last = extensionsOf(frame).at(-1);
  const protocol = versionOf(frame) === 4 ? frame[l3 + 9] : frame[last?.at ?? l3 + 6];
  return l4 + (protocol === 17 ? 8 : (frame[l4 + 12] >> 4) * 4);
}

/** End of the IP packet, as its length says. */
export function endOf(frame: Uint8Array): number {
  const l3 = l3Of(frame);
  return versionOf(frame) === 4
    ? l3 + frame[l3 + 2] * 256 + frame[l3 + 3]
    : l3 + IPV6_BYTES + frame[l3 + 4] * 256 + frame[l3 + 5];
}

function isTag(frame: Uint8Array, at: number): boolean {
  return (frame[at] === 0x81 && frame[at + 1] === 0) ||
    (frame[at] === 0x88 && frame[at + 1] === 0xa8);
}

function isExtension(type: number): boolean {
  return type === HOP_BY_HOP || type === ROUTING || type === DESTINATION;
}
