/**
 * An offload policy in words, for the log.
 *
 * @module
 */
import { type Features, formatFeatures } from "./features.ts";
import { accepted, type Policy } from "./policy.ts";

/** A policy in one line: `sends csum+tso4, accepts nothing, frames to 65550`. */
export function describePolicy(policy: Policy): string {
  const { sends, mtu, maxFrame, vnetHdr } = policy;
  return [
    `sends ${spell(sends)}`,
    `accepts ${spell(accepted(policy))}`,
    ...(policy.finish ? ["checksums finished"] : []),
    ...(vnetHdr === 0 ? [] : [`vnet header of ${vnetHdr} bytes`]),
    ...(mtu === 0 ? [] : [`mtu ${mtu}`]),
    `frames to ${maxFrame}`,
    ...(policy.forwardSafe ? ["forward-safe"] : []),
    ...(policy.clampMss ? ["MSS clamped"] : []),
  ].join(", ");
}

function spell(features: Features): string {
  return features === 0 ? "nothing" : formatFeatures(features);
}
