/**
 * What may be left unfinished in a frame: the offloads of virtio-net, by the names libvirt and libkrun use.
 *
 * A set of them is a number, one bit each, so that the hot path compares policies with one AND.
 *
 * @module
 */

/** Bits of a feature set (virtio 1.2, 5.1.3; `sends` is HOST_*, `accepts` is GUEST_*). */
export const Feature = {
  /** A TCP or UDP checksum of which only the pseudo-header's part is there (VIRTIO_NET_F_CSUM). */
  CSUM: 1,
  /** A TCP segment over IPv4 longer than the MTU (VIRTIO_NET_F_HOST_TSO4). */
  TSO4: 2,
  /** The same over IPv6. */
  TSO6: 4,
  /** A UDP datagram longer than the MTU that becomes IP fragments (VIRTIO_NET_F_HOST_UFO). */
  UFO: 8,
  /** Several UDP datagrams of one size in one frame (VIRTIO_NET_F_HOST_USO). */
  USO: 16,
  /** TSO frames with the CWR flag (VIRTIO_NET_F_HOST_ECN). */
  ECN: 32,
} as const;

/** A set of {@linkcode Feature} bits. */
export type Features = number;

/** Names of the features on the command line and in reports. */
export const FEATURE_NAMES = ["csum", "tso4", "tso6", "ufo", "uso", "ecn"] as const;
/** One of {@linkcode FEATURE_NAMES}. */
export type FeatureName = typeof FEATURE_NAMES[number];

/** Features that make frames longer than the MTU. */
export const LARGE: Features = Feature.TSO4 | Feature.TSO6 | Feature.UFO | Feature.USO;
/** Both TCP segmentation offloads. */
export const TSO: Features = Feature.TSO4 | Feature.TSO6;
/** What `offload=on` stands for: what every virtio-net driver of today can do. */
export const OFFLOAD_ON: Features = Feature.CSUM | Feature.TSO4 | Feature.TSO6;

/** Names of the features of a set, in the order of {@linkcode FEATURE_NAMES}. */
export function namesOf(features: Features): FeatureName[] {
  return FEATURE_NAMES.filter((_, bit) => (features & (1 << bit)) !== 0);
}

/** The bit of a name; 0 when there is no such feature. */
export function featureOf(name: string): Features {
  const bit = (FEATURE_NAMES as readonly string[]).indexOf(name);
  return bit < 0 ? 0 : 1 << bit;
}

/** A set as on the command line: `csum+tso4`, `none`. */
export function formatFeatures(features: Features): string {
  return features === 0 ? "none" : namesOf(features).join("+");
}

/** The set that a text names; undefined when a word of it is no feature. */
export function parseFeatures(text: string): Features | undefined {
  if (text === "none") return 0;
  const bits = text.split("+").map(featureOf);
  return bits.includes(0) ? undefined : bits.reduce((set, bit) => set | bit, 0);
}
