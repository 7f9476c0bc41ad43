/**
 * What to say about a word that the command does not know: the nearest thing that would work.
 *
 * @module
 */
import { COMMANDS, type OptionTable, PORT_OPTIONS } from "./options.ts";
import { didYouMean, suggest } from "./suggest.ts";
import { quote, UsageError } from "./usage_error.ts";

const dashed = (name: string): string => `--${name}`;
const SEE_HELP = "; --help shows the options there are";

/** The error for a word that starts with a dash and is no option of `table`. */
export function unknownOption(word: string, table: OptionTable): UsageError {
  if (!word.startsWith("--")) return unknownShort(word, table);
  const [written] = word.split("=", 1);
  const name = written.slice(2);
  const unknown = `Unknown option ${quote(written)}`;
  if (Object.hasOwn(PORT_OPTIONS, name)) {
    return new UsageError(`${unknown}: it belongs to a port; write --port TARGET,${name}=VALUE`);
  }
  for (const [command, options] of Object.entries(COMMANDS)) {
    if (!Object.hasOwn(options, name)) continue;
    const owner = command === "run" ? "vswitch" : `vswitch ${command}`;
    return new UsageError(`${unknown}: it belongs to ${owner}; see ${owner} --help`);
  }
  return new UsageError(unknown + (didYouMean(name, Object.keys(table), dashed) || SEE_HELP));
}

/** `-pa.sock`, `-port`, `-q`: only `-h` is known, so a long name is what was meant. */
function unknownShort(word: string, table: OptionTable): UsageError {
  const [typed] = word.slice(1).split("=", 1);
  const names = Object.keys(table);
  const meant = suggest(typed, names) ?? names.find((name) => name[0] === typed[0]?.toLowerCase());
  const hint = meant === undefined ? SEE_HELP : `; did you mean --${meant}?`;
  return new UsageError(`Unknown option ${quote(word)}: names of options have two dashes${hint}`);
}

/** The error for a word that is neither an option of `table` nor the value of one. */
export function unexpectedWord(word: string, table: OptionTable): UsageError {
  const unexpected = `Unexpected argument ${quote(word)}`;
  if (!Object.hasOwn(table, "port") || word.startsWith("-")) {
    return new UsageError(unexpected + SEE_HELP);
  }
  if (word === "demo" || word === "self-test") {
    return new UsageError(`${unexpected}: a command stands alone in front; write vswitch ${word}`);
  }
  return new UsageError(`${unexpected}; to open a port there write --port ${quote(word)}`);
}

/** The error for a first word that is no command. */
export function unknownCommand(word: string): UsageError {
  if (word === "run") {
    return new UsageError('Unknown command "run": none is needed; write vswitch --port a.sock');
  }
  if (/[/:.,=]/.test(word)) return unexpectedWord(word, COMMANDS.run);
  const hint = didYouMean(word, ["demo", "self-test"]) ||
    didYouMean(word, ["help", "version"], dashed) ||
    "; the commands are demo and self-test, a port is --port PATH";
  return new UsageError(`Unknown command ${quote(word)}${hint}`);
}
