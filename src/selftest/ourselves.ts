/**
 * How this program starts itself once more, whatever it was made into.
 *
 * A compiled program is its own command. All else is run by deno: a bundle, which must look at nothing but itself,
 * as it was packed to be; sources by the configuration they lie in. Either gets the permissions that we have of
 * those we use, so that one that is missing is found out there, too.
 *
 * @module
 */

/** Flags for a bundle: no configuration, lock file or package of a folder that it happens to lie in. */
const ALONE = ["--no-config", "--no-lock", "--no-remote", "--no-npm"];

/** Everything this program uses. */
const USED: readonly Deno.PermissionDescriptor[] = [
  { name: "ffi" },
  { name: "read" },
  { name: "write" },
  { name: "sys" },
  { name: "run" },
  { name: "env", variable: "VSWITCH_SENDMSG_X" },
];

/** A program, and its first arguments. */
export interface Start {
  readonly program: string;
  readonly args: readonly string[];
}

/**
 * The words that start this program.
 *
 * @param url main module
 * @param compiled made by `deno compile`
 */
export function startOfOurselves(url: string, compiled: boolean = Deno.build.standalone): Start {
  const program = Deno.execPath();
  if (compiled) return { program, args: [] };
  const bundled = url.startsWith("file:") && url.endsWith(".js");
  const flags = ["--quiet", "--no-prompt", ...bundled ? ALONE : [], ...permissions()];
  return { program, args: ["run", ...flags, url] };
}

function permissions(): string[] {
  const granted = USED.filter((each) => Deno.permissions.querySync(each).state === "granted");
  return granted.map((each) => {
    const what = each.name === "env" ? `=${each.variable}` : "";
    return `--allow-${each.name}${what}`;
  });
}
