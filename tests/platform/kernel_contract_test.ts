/**
 * One contract, all kernels: what the switch may expect of a kernel, asked of the real one, of the fake Linux and of
 * the Darwin kernel over a fake libSystem, with its bulk calls and without. A case that only one of the Linuxes keeps,
 * or of the Darwins, is a defect of the fake, or of our idea of the system. Cases of one system say so; what they do
 * not say all keep. The real kernel is that of the machine this runs on.
 *
 * @module
 */
import type { BulkChoice } from "../../src/platform/darwin.ts";
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
import { openRealDarwin } from "./contract/real_darwin.ts";
import { openRealLinux } from "./contract/real_linux.ts";
import { streams } from "./contract/streams.ts";
import type { World } from "./contract/world.ts";

const { os } = Deno.build;

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
  const linux = clauses.filter(({ only }) => only !== "darwin");
  const darwin = clauses.filter(({ only }) => only !== "linux");
  for (const clause of linux) contract("fake", () => openFakeWorld(false), false, clause);
  contractsOfDarwin("fake", openDarwinWorld, darwin);
  if (os === "darwin") contractsOfDarwin("real", openRealDarwin, darwin);
  else linux.forEach((clause) => realLinux(false, clause));
}

/** Ask a Darwin kernel with its bulk calls, and without. */
function contractsOfDarwin(
  kernel: string,
  open: (bulk: BulkChoice) => World,
  clauses: readonly Case[],
): void {
  for (const clause of clauses) contract(`${kernel} Darwin`, () => open("auto"), false, clause);
  for (const clause of clauses) {
    contract(`${kernel} Darwin, one by one:`, () => open("off"), false, clause);
  }
}

/** Ask the Linuxes, with guest space; of the others the names are told. */
function sharingContracts(clauses: readonly Case[]): void {
  const skipped = (kernel: string, open: () => World, clause: Case) => {
    const name = `${clause.name} [SKIPPED: Darwin shares no memory with VMs]`;
    contract(kernel, open, true, { ...clause, name });
  };
  for (const clause of clauses) contract("fake", () => openFakeWorld(true), false, clause);
  for (const clause of clauses) skipped("fake Darwin", () => openDarwinWorld(), clause);
  for (const clause of clauses) {
    if (os === "darwin") skipped("real Darwin", () => openRealDarwin("auto"), clause);
    else realLinux(true, clause);
  }
}

function realLinux(guests: boolean, clause: Case): void {
  const isThere = os === "linux";
  const skip = isThere ? "" : ` [SKIPPED: no kernel of ours runs on ${os}]`;
  contract("real", () => openRealLinux(guests), !isThere, { ...clause, name: clause.name + skip });
}

contracts([datagrams, associations, streams, files, readiness, processes].flat());
sharingContracts([descriptors, memory].flat());
