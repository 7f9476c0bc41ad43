/**
 * Debian packages for the lab: installed when the test needs them on the host, or fetched and unpacked.
 *
 * Fetching uses package lists of its own in a scratch folder, so the machine's lists, packages and pins
 * stay as they are, backports can be read on a machine that does not enable them, and no privilege is
 * needed. The mirror is the one the machine's apt uses. apt otherwise downloads as user `_apt`, who may
 * not enter a checkout below a private home; the files are checked against signed lists either way, so
 * that is switched off for these downloads.
 *
 * @module
 */

/** The lab cannot be had on this machine; the message says what to do. A reason to skip, outside of CI. */
export class Unavailable extends Error {}

/** Run a program to its end and return its stdout; its other output is in the error when it fails. */
export async function output(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<string> {
  const command = new Deno.Command(program, { args: [...args], stdin: "null", ...options });
  const { success, code, stdout, stderr } = await command.output().catch((cause) => {
    throw new Error(`Cannot run ${program}: it is not installed`, { cause });
  });
  const text = new TextDecoder().decode(stdout);
  if (success) return text;
  const said = (text + new TextDecoder().decode(stderr)).trim().slice(-1500);
  throw new Error(`${program} ${args.slice(0, 3).join(" ")} ended with ${code}: ${said}`);
}

/** Install what is missing of `packages`, or say why that is impossible. */
export async function ensureInstalled(packages: readonly string[]): Promise<void> {
  const installed = await output("sh", [
    "-c",
    "command -v dpkg-query >/dev/null && dpkg-query -W -f '${Package} ${db:Status-Status}\\n' \"$@\" 2>/dev/null; true",
    "sh",
    ...packages,
  ]);
  const missing = packages.filter((name) => !installed.includes(`${name} installed\n`));
  if (missing.length === 0) return;
  const fix = `apt-get install --no-install-recommends ${missing.join(" ")}`;
  if (Deno.uid() !== 0) {
    throw new Unavailable(
      `Cannot build the test guest: missing ${missing.join(", ")}; as root: ${fix}`,
    );
  }
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  try {
    await output("apt-get", ["update", "-q"], { env });
    await output("apt-get", ["install", "-yq", "--no-install-recommends", ...missing], { env });
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new Unavailable(`Cannot install ${missing.join(", ")}: run \`${fix}\` by hand; ${said}`, {
      cause,
    });
  }
}

/** Package lists of our own: this Debian release and its backports. */
export class PackageLists {
  /** Release name of this machine, e.g. `bookworm`. */
  readonly release: string;
  readonly #scratch: string;
  readonly #apt: string[];

  private constructor(scratch: string, release: string, apt: string[]) {
    this.#scratch = scratch;
    this.release = release;
    this.#apt = apt;
  }

  /** Download lists into a scratch folder below `folder` and use them. */
  static async using(folder: string, use: (lists: PackageLists) => Promise<void>): Promise<void> {
    const scratch = await Deno.makeTempDir({ dir: folder, prefix: "apt." });
    try {
      await use(await PackageLists.#open(scratch));
    } finally {
      await Deno.remove(scratch, { recursive: true });
    }
  }

  static async #open(scratch: string): Promise<PackageLists> {
    const { mirror, release } = await machineSource();
    for (const folder of ["lists/partial", "archives/partial"]) {
      await Deno.mkdir(`${scratch}/${folder}`, { recursive: true });
    }
    const key = "/usr/share/keyrings/debian-archive-keyring.gpg";
    const source = (suite: string) => `deb [signed-by=${key}] ${mirror} ${suite} main\n`;
    await Deno.writeTextFile(
      `${scratch}/sources.list`,
      source(release) + source(`${release}-backports`),
    );
    const settings = {
      "Dir::Etc::sourcelist": `${scratch}/sources.list`,
      "Dir::Etc::sourceparts": "/dev/null",
      "Dir::Etc::preferences": "/dev/null",
      "Dir::Etc::preferencesparts": "/dev/null",
      "Dir::State": scratch,
      "Dir::State::status": "/dev/null",
      "Dir::Cache": scratch,
      "Acquire::Languages": "none",
      "APT::Sandbox::User": "",
    };
    const apt = [
      "-q",
      ...Object.entries(settings).flatMap(([key, value]) => ["-o", `${key}=${value}`]),
    ];
    const lists = new PackageLists(scratch, release, apt);
    await lists.#run("apt-get", "update", "-o", "APT::Update::Error-Mode=any");
    return lists;
  }

  /** The versioned package a meta-package stands for: its first dependency whose name begins with `prefix`. */
  async dependency(meta: string, prefix: string): Promise<string> {
    const text = await this.#run("apt-cache", "depends", meta);
    const name = text.match(/Depends: (\S+)/g)?.map((line) => line.slice(9)).find((one) =>
      one.startsWith(prefix)
    );
    if (name) return name;
    throw new Unavailable(`Cannot find the package behind ${meta}: this release has none`);
  }

  /** Fetch packages (`name` or `name/suite`) and unpack them over each other; if `root` exists, it is complete. */
  async unpack(packages: readonly string[], root: string): Promise<void> {
    const debs = `${this.#scratch}/debs`, part = `${this.#scratch}/part`;
    await Deno.mkdir(debs);
    await this.#run("apt-get", "download", ...packages, { cwd: debs });
    for (const file of Deno.readDirSync(debs)) {
      await output("dpkg", ["-x", `${debs}/${file.name}`, part]);
    }
    await Deno.rename(part, root);
    await Deno.remove(debs, { recursive: true });
  }

  async #run(program: string, ...rest: (string | { cwd: string })[]): Promise<string> {
    const args = rest.filter((one) => typeof one === "string");
    const options = rest.find((one) => typeof one !== "string") ?? {};
    try {
      return await output(program, [...this.#apt, ...args], options);
    } catch (cause) {
      const said = cause instanceof Error ? cause.message : String(cause);
      throw new Unavailable(
        `Cannot fetch packages for the test guest: check the network; ${said}`,
        { cause },
      );
    }
  }
}

/** The mirror of this machine's own Debian release. */
async function machineSource(): Promise<{ mirror: string; release: string }> {
  const os = await Deno.readTextFile("/etc/os-release").catch(() => "");
  const release = os.match(/^VERSION_CODENAME=(\w+)$/m)?.[1];
  if (!/^ID=debian$/m.test(os) || !release || Deno.build.arch !== "x86_64") {
    throw new Unavailable(
      "Cannot build the test guest here: it takes Debian on x86-64; run the tests in such a container",
    );
  }
  const format = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)";
  const targets = await output("apt-get", [
    "indextargets",
    "--format",
    format,
    "Identifier: Packages",
  ]);
  const lines = targets.trim().split("\n").map((line) => line.split("|"));
  const mirror = lines.find((line) => line[1] === release && line[2] === "main")?.[0];
  if (mirror) return { mirror, release };
  throw new Unavailable(`Cannot find a mirror of ${release}: add its "main" to the sources of apt`);
}
