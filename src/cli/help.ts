/**
 * `--help`: what a newcomer needs first. Examples that can be pasted, then every option in groups with
 * its default, then the exit codes. The options come from the table, so none can be missing.
 *
 * @module
 */
import { defaultKind, type Kinds } from "./environment.ts";
import {
  type CommandName,
  DEMO_OPTIONS,
  type OptionTable,
  PORT_OPTIONS,
  RUN_OPTIONS,
  SELF_TEST_OPTIONS,
} from "./options.ts";
import { describeValue, formatValue } from "./value.ts";

const WIDTH = 96;
/** Column where explanations start. */
const COLUMN = 28;
/** Letters of choices from which on they are listed in the explanation. */
const LONG = 32;

/** Lines of help; a heading is a line that starts without a space. */
type Lines = readonly string[];

const RUN_EXAMPLES: Lines = [
  "vswitch: an Ethernet switch for virtual machines, in one process and without root.",
  "",
  "Examples",
  "  vswitch --port a.sock --port b.sock",
  "      Two VMs, each on a datagram socket of its own (vfkit, krunkit, QEMU -netdev dgram).",
  "  vswitch --port lan=stream:lan.sock",
  "      Any number of QEMU (-netdev stream) and Lima VMs, all on one stream socket.",
  "  vswitch --port a.sock,client=krunkit-offload --port b.sock",
  "      One VM with offloads and one without: each gets frames it can use.",
  "  vswitch --port vm1=vhost-user:vm1.sock --port vm2=vhost-user:vm2.sock",
  "      Two QEMU VMs (-netdev vhost-user): through shared memory, each with its own offloads.",
  "  vswitch --port vm1=fd:3 --port b.sock",
  "      A VM whose launcher passed one end of a socket pair as descriptor 3, and another VM.",
  "  vswitch demo",
  "      No VM needed: two built-in hosts ping each other through a switch.",
  "  vswitch self-test --json",
  "      Does this system do what the switch relies on? One line to paste into a report of a fault.",
  "",
  "Usage",
  "  vswitch --port PORT [--port PORT]... [OPTION]...",
  "  vswitch demo [--seconds N]",
  "  vswitch self-test [--json] [--only NAME]",
  "",
];

const DEMO_EXAMPLES: Lines = [
  "vswitch demo: see the switch work, and check an installation, without any VM.",
  "",
  "Examples",
  "  vswitch demo",
  "      Two built-in hosts ping each other through a switch, then measure its throughput.",
  "  vswitch demo --seconds 10",
  "      The same with a longer measurement.",
  "",
];

const SELF_TEST_EXAMPLES: Lines = [
  "vswitch self-test: ask this system whether it does what the switch relies on.",
  "",
  "Examples",
  "  vswitch self-test",
  "      Structures, bulk calls, full peers, error numbers, wakes, then traffic: a line for each.",
  "  vswitch self-test --json",
  "      The same as one line of JSON. It names the system and versions, and nothing of you.",
  "  vswitch self-test --only bulk",
  "      One question again, in the process that was started: to look at it with a debugger.",
  "",
];

const RUN_EXIT: Lines = [
  "Exit codes",
  "  0   stopped as asked (SIGTERM, SIGINT)",
  "  1   the switch or a port failed while it ran",
  "  2   the command line or the configuration cannot be used",
  "  70  a fault of vswitch itself; please report it",
];

const DEMO_EXIT: Lines = [
  "Exit codes",
  "  0   the hosts reached each other",
  "  1   they did not, or the switch failed",
  "  2   the command line cannot be used",
  "  70  a fault of vswitch itself; please report it",
];

const SELF_TEST_EXIT: Lines = [
  "Exit codes",
  "  0   every probe passed",
  "  1   a probe failed; it is named",
  "  2   the command line or the temporary folder cannot be used",
  "  70  a fault of vswitch itself; please report it",
];

/** The help text of a command. `color` makes headings bold: for a terminal that wants it. */
export function helpText(topic: CommandName, kinds: Kinds, color: boolean): string {
  const lines = linesOf(topic, kinds);
  const bold = (line: string) => /^\S/.test(line) ? `\x1b[1m${line}\x1b[22m` : line;
  return lines.map(color ? bold : (line) => line).join("\n") + "\n";
}

function linesOf(topic: CommandName, kinds: Kinds): Lines {
  switch (topic) {
    case "demo":
      return [...DEMO_EXAMPLES, ...optionGroups(DEMO_OPTIONS, "--"), ...DEMO_EXIT];
    case "self-test":
      return [
        ...SELF_TEST_EXAMPLES,
        ...optionGroups(SELF_TEST_OPTIONS, "--"),
        ...SELF_TEST_EXIT,
      ];
    case "run":
      return [...RUN_EXAMPLES, ...runGroups(kinds), ...RUN_EXIT];
  }
}

function runGroups(kinds: Kinds): Lines {
  const groups = optionGroups(RUN_OPTIONS, "--");
  const rest = groups.indexOf("") + 1; // the first group is Ports; what a port is follows it
  return [...groups.slice(0, rest), ...portGrammar(kinds), ...groups.slice(rest)];
}

function portGrammar(kinds: Kinds): Lines {
  const named = Object.entries(kinds).map(([name, kind]) => {
    const target = kind.target === "path" ? "PATH" : "N|NAME";
    const rule = name === defaultKind(kinds) ? "; the kind of a PORT that names none" : "";
    return entry(`${name}:${target}`, `${kind.help} (clients=${kind.clients}${rule})`);
  });
  return [
    "PORT is [NAME=][KIND:]TARGET[,OPTION=VALUE]...",
    ...named.flat(),
    ...entry("NAME", "Name in logs and counters (default: the file's name without its ending)"),
    "",
    ...optionGroups(PORT_OPTIONS, "", "Port options: "),
  ];
}

/** Options of a table under the headings of their groups, each group followed by an empty line. */
function optionGroups(table: OptionTable, dashes: string, before = ""): string[] {
  const names = new Set(Object.values(table).map((option) => option.group));
  return [...names].flatMap((group) => [
    before + (before === "" ? group : group.toLowerCase()),
    ...Object.entries(table)
      .filter(([, option]) => option.group === group)
      .flatMap(([name, option]) => describeOption(name, option, dashes)),
    "",
  ]);
}

function describeOption(name: string, option: OptionTable[string], dashes: string): string[] {
  const { value, metavar, short } = option;
  const all = value.kind === "choice" && dashes === "" ? value.values.join("|") : metavar;
  const what = all.length < LONG ? all : metavar;
  const link = dashes === "" ? "=" : " ";
  const term = `${short ? `-${short}, ` : ""}${dashes}${name}${what ? link + what : ""}`;
  const fallback = option.default === undefined
    ? ""
    : ` (default:\u00a0${formatValue(value, option.default)})`;
  const choices = value.kind === "choice" && what === metavar ? `: ${describeValue(value)}` : "";
  return entry(term, option.help + choices + fallback);
}

/** A term and its explanation, the latter in lines of its column; U+00A0 is a space where no line ends. */
function entry(term: string, explanation: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of explanation.split(" ")) {
    if (COLUMN + line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  const left = `  ${term}`;
  const [first, ...rest] = [...lines, line].map((text) =>
    " ".repeat(COLUMN) + text.replaceAll("\u00a0", " ")
  );
  const fits = left.length < COLUMN - 1;
  return fits ? [left + first.slice(left.length), ...rest] : [left, first, ...rest];
}
