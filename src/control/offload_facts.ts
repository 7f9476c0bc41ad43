/**
 * The offload policy of a port as programs read it: in the ready line whole, and in each statistics line
 * what explains the counters beside it.
 *
 * What was asked and what is in effect differ: a preset stands for many things, and options take some of
 * them back.
 *
 * @module
 */
import type { OpenedPort } from "../engine/protocol.ts";
import { type FeatureName, namesOf } from "../offload/features.ts";
import { accepted } from "../offload/policy.ts";

/** The offload policy in effect, see Policy in offload/policy.ts. */
export interface OffloadFacts {
  /** What was asked on the command line; may be empty. */
  readonly asked: string;
  readonly sends: readonly FeatureName[];
  /** What the VM really gets unfinished: without what `finish` and `forward_safe` take back. */
  readonly accepts: readonly FeatureName[];
  readonly vnet_hdr: number;
  /** 0: not given. */
  readonly mtu: number;
  readonly max_frame: number;
  readonly finish: boolean;
  readonly forward_safe: boolean;
  readonly clamp_mss: boolean;
}

/** Tell the policy of a port. */
export function offloadFacts(
  { asked, policy }: Pick<OpenedPort, "asked" | "policy">,
): OffloadFacts {
  return {
    asked,
    sends: namesOf(policy.sends),
    accepts: namesOf(accepted(policy)),
    vnet_hdr: policy.vnetHdr,
    mtu: policy.mtu,
    max_frame: policy.maxFrame,
    finish: policy.finish,
    forward_safe: policy.forwardSafe,
    clamp_mss: policy.clampMss,
  };
}
