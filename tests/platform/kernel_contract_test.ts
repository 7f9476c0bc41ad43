/**
 * One contract, all kernels: what the switch may expect of a kernel, asked of the real one, of the fake Linux and of
 * the Darwin kernel over a fake libSystem, with its bulk calls and without. A case that only one of the Linuxes keeps is
 * a defect of the fake, or of our idea of Linux. Cases of one system say so; what they do not say all keep.
 *
 * @module
 */
import { associations } from "./contract/associations.ts";
import { datagrams } from "./contract/datagrams.ts";
import { openDarwinWorld } from "./contract/darwin_world.ts";
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

/** The Darwin kernel with its bulk calls and without. */
const DARWIN = [["fake Darwin", "auto"], ["fake Darwin, one by one:", "off"]] as const;

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

/** Ask all kernels what each of them keeps. */
function contracts(clauses: readonly Case[]): void {
  const of = (system: string) => clauses.filter(({ only = system }) => only === system);
  for (const clause of of("linux")) contract("fake", () => openFakeWorld(false), false, clause);
  for (const [name, bulk] of DARWIN) {
    for (const clause of of("darwin")) contract(name, () => openDarwinWorld(bulk), false, clause);
  }
  for (const clause of of("linux")) real(false, clause);
}

/** Ask the Linuxes, with guest space; of the others the names are told. */
function sharingContracts(clauses: readonly Case[]): void {
  for (const clause of clauses) contract("fake", () => openFakeWorld(true), false, clause);
  for (const clause of clauses) {
    const name = `${clause.name} [SKIPPED: Darwin shares no memory with VMs]`;
    contract("fake Darwin", () => openDarwinWorld(), true, { ...clause, name });
  }
  for (const clause of clauses) real(true, clause);
}

function real(guests: boolean, clause: Case): void {
  const skip = supported ? "" : ` [SKIPPED: no kernel of ours runs on ${Deno.build.os}]`;
  const named = { ...clause, name: clause.name + skip };
  contract("real", () => openRealWorld(guests), !supported, named);
}

contracts([datagrams, associations, streams, files, readiness, processes].flat());
sharingContracts([descriptors, memory].flat());
