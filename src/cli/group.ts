/**
 * Groups by name, from /etc/group (group(5)).
 *
 * Other sources (LDAP, Directory Services) need the C library's lookups; their groups can be given by
 * number. The file is read only when a command line names a group.
 *
 * @module
 */
import { quote, UsageError } from "./usage_error.ts";

/** Number of the group called `name` in the text of a group file; undefined when it is not there. */
export function findGroup(name: string, file: string): number | undefined {
  for (const line of file.split("\n")) {
    const [group, , gid] = line.split(":");
    if (group === name && gid !== undefined && /^\d+$/.test(gid)) return Number(gid);
  }
  return undefined;
}

/**
 * Number of the group called `name` on this machine; undefined when there is none. Throws a
 * {@linkcode UsageError} if the file is there and cannot be read.
 */
export function groupId(name: string, path = "/etc/group"): number | undefined {
  try {
    return findGroup(name, Deno.readTextFileSync(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`Cannot look up group ${quote(name)}: ${reason}; give its number`);
  }
}
