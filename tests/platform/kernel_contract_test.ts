/**
 * One contract, two kernels: what the switch may expect of a kernel, asked of the fake one and of the
 * real one. A case that only one of them keeps is a defect of the fake, or of our idea of Linux.
 *
 * @module
 */
import { associations } from "./contract/associations.ts";
import { datagrams } from "./contract/datagrams.ts";
import { descriptors } from "./contract/descriptors.ts";
import { openFakeWorld } from "./contract/fake_world.ts";
import { files } from "./contract/files.ts";
import { type Case, Lab } from "./contract/lab.ts";
import { memory } from "./contract/memory.ts";
import { processes } from "./contract/processes.ts";
import { readiness } from "./contract/readiness.ts";
import { openRealWorld } from "./contract/real_world.ts";
import { streams } from "./contract/streams.ts";
import type { World } from "./contract/world.ts";

const supported = Deno.build.os === "linux";

function contract(kernel: string, open: () => World, ignore: boolean, clause: Case): void {
  Deno.test({
    name: `${kernel} kernel: ${clause.name}`,
    ignore,
    fn: async () => {
      const lab = new Lab(open());
      try {
        await clause.run(lab);
      } catch (error) {
        try {
          lab.end();
        } catch {
          // what the case left behind follows from its failure
        }
        throw error;
      }
      lab.end();
    },
  });
}

/** Ask both kernels; `guests` gives them guest space. */
function contracts(clauses: readonly Case[], guests: boolean): void {
  for (const clause of clauses) contract("fake", () => openFakeWorld(guests), false, clause);
  for (const clause of clauses) {
    const skip = supported ? "" : ` [SKIPPED: no kernel of ours runs on ${Deno.build.os}]`;
    const named = { ...clause, name: clause.name + skip };
    contract("real", () => openRealWorld(guests), !supported, named);
  }
}

contracts([datagrams, associations, streams, files, readiness, processes].flat(), false);
contracts([descriptors, memory].flat(), true);
