/**
 * Every message of the command line, word for word: they are the manual of somebody in a hurry.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import { parseCommand } from "../../src/cli/parse.ts";
import { UsageError } from "../../src/cli/usage_error.ts";
import { WORLD } from "./world.ts";

/** A path of 130 bytes. */
const LONG = `/tmp/${"x".repeat(119)}ü.sock`.slice(0, 129);

/** What self-test can be asked for alone. */
const QUESTIONS =
  "layouts, memory, nonblocking, errno, paths, bulk, lengths, full, stream, strangers, end, " +
  "hangup, exit, descriptors, timer, wake or traffic";

type Case = readonly [args: readonly string[], message: string];

function check(cases: readonly Case[]): void {
  for (const [args, message] of cases) {
    const error = assertThrows(() => parseCommand(args, WORLD), UsageError, "", args.join(" "));
    assertEquals(error.message, message);
  }
}

Deno.test("parseCommand() tells about words that are not there", () => {
  check([
    [
      [],
      "Cannot start without a port; write for example vswitch --port a.sock --port b.sock, or try vswitch demo",
    ],
    [
      ["--"],
      "Cannot start without a port; write for example vswitch --port a.sock --port b.sock, or try vswitch demo",
    ],
    [
      ["--quiet"],
      "Cannot start without a port; write for example vswitch --port a.sock --port b.sock, or try vswitch demo",
    ],
    [["--port"], "Missing value of --port; give a socket path, as in --port a.sock"],
    [["--port="], "Missing value of --port; give a socket path, as in --port a.sock"],
    [
      ["--port", "--quiet"],
      'Missing value of --port before "--quiet"; give a socket path, as in --port a.sock',
    ],
    [["--port", "--", "a"], "Missing value of --port; give a socket path, as in --port a.sock"],
    [["--port", ""], 'The argument after "--port" is empty; is a variable of the shell not set?'],
    [[""], "The first argument is empty; is a variable of the shell not set?"],
    [["--pid-file"], "Missing value of --pid-file; give a path, as in --pid-file vswitch.pid"],
    [
      ["--ready-fd", "-1"],
      'Missing value of --ready-fd before "-1"; give a whole number from 0 to 65535',
    ],
    [["--stats-interval"], "Missing value of --stats-interval; give seconds from 0.1 to 86400"],
    [
      ["--log-level", "--port", "a"],
      'Missing value of --log-level before "--port"; give debug, info, warning or error',
    ],
    [["demo", "--seconds"], "Missing value of --seconds; give seconds from 0.2 to 60"],
    [["self-test", "--only"], `Missing value of --only; give ${QUESTIONS}`],
  ]);
});

Deno.test("parseCommand() tells about words that are not known", () => {
  check([
    [["--prot", "a"], 'Unknown option "--prot"; did you mean --port?'],
    [["--prt=a"], 'Unknown option "--prt"; did you mean --port?'],
    [["--POrt", "a"], 'Unknown option "--POrt"; did you mean --port?'],
    [["--stats", "5"], 'Unknown option "--stats"; did you mean --stats-interval?'],
    [["--loglevel=debug"], 'Unknown option "--loglevel"; did you mean --log-level?'],
    [["--zzzzzz"], 'Unknown option "--zzzzzz"; --help shows the options there are'],
    [["--no-quiet"], 'Unknown option "--no-quiet"; --help shows the options there are'],
    [["--no-port=a"], 'Unknown option "--no-port"; --help shows the options there are'],
    [["--no-quiet=x"], 'Unknown option "--no-quiet"; --help shows the options there are'],
    [["---port"], 'Unknown option "---port"; did you mean --port?'],
    [["--port.x=3"], 'Unknown option "--port.x"; did you mean --port?'],
    [["--__proto__=x"], 'Unknown option "--__proto__"; --help shows the options there are'],
    [["--constructor"], 'Unknown option "--constructor"; --help shows the options there are'],
    [["--toString=1"], 'Unknown option "--toString"; --help shows the options there are'],
    [["--mtu=1500"], 'Unknown option "--mtu": it belongs to a port; write --port TARGET,mtu=VALUE'],
    [
      ["--queue", "1M"],
      'Unknown option "--queue": it belongs to a port; write --port TARGET,queue=VALUE',
    ],
    [
      ["--seconds", "3"],
      'Unknown option "--seconds": it belongs to vswitch demo; see vswitch demo --help',
    ],
    [["demo", "--port", "a"], 'Unknown option "--port": it belongs to vswitch; see vswitch --help'],
    [["demo", "--sec=3"], 'Unknown option "--sec"; did you mean --seconds?'],
    [
      ["-pa.sock"],
      'Unknown option "-pa.sock": names of options have two dashes; did you mean --port?',
    ],
    [["-p", "a"], 'Unknown option "-p": names of options have two dashes; did you mean --port?'],
    [
      ["-port", "a"],
      'Unknown option "-port": names of options have two dashes; did you mean --port?',
    ],
    [["-q"], 'Unknown option "-q": names of options have two dashes; did you mean --quiet?'],
    [["-V"], 'Unknown option "-V": names of options have two dashes; did you mean --version?'],
    [
      ["-x"],
      'Unknown option "-x": names of options have two dashes; --help shows the options there are',
    ],
    [
      ["-1"],
      'Unknown option "-1": names of options have two dashes; --help shows the options there are',
    ],
    [["-hx"], 'Unknown option "-hx": names of options have two dashes; did you mean --help?'],
    [["--prot\u001b[2J"], `Unknown option "--prot\\u001b[2J"; --help shows the options there are`],
    [["--p\u202et"], `Unknown option "--p\\u202et"; --help shows the options there are`],
  ]);
});

Deno.test("parseCommand() tells about arguments that nobody takes", () => {
  check([
    [["a.sock"], 'Unexpected argument "a.sock"; to open a port there write --port "a.sock"'],
    [["vm=a"], 'Unexpected argument "vm=a"; to open a port there write --port "vm=a"'],
    [["/tmp/a"], 'Unexpected argument "/tmp/a"; to open a port there write --port "/tmp/a"'],
    [["--port", "a", "b"], 'Unexpected argument "b"; to open a port there write --port "b"'],
    [["--port", "a", "--", "b"], 'Unexpected argument "b"; to open a port there write --port "b"'],
    [
      ["--port", "a", "--", "--quiet"],
      'Unexpected argument "--quiet"; --help shows the options there are',
    ],
    [["-"], 'Unexpected argument "-"; --help shows the options there are'],
    [
      ["--quiet", "demo"],
      'Unexpected argument "demo": a command stands alone in front; write vswitch demo',
    ],
    [["demo", "x"], 'Unexpected argument "x"; --help shows the options there are'],
    [
      ["demo", "--seconds", "1", "2"],
      'Unexpected argument "2"; --help shows the options there are',
    ],
    [["dmo"], 'Unknown command "dmo"; did you mean demo?'],
    [["selftest"], 'Unknown command "selftest"; did you mean self-test?'],
    [["self-tset"], 'Unknown command "self-tset"; did you mean self-test?'],
    [
      ["--quiet", "self-test"],
      'Unexpected argument "self-test": a command stands alone in front; write vswitch self-test',
    ],
    [["self-test", "x"], 'Unexpected argument "x"; --help shows the options there are'],
    [
      ["--only", "bulk"],
      'Unknown option "--only": it belongs to vswitch self-test; see vswitch self-test --help',
    ],
    [["dem"], 'Unknown command "dem"; did you mean demo?'],
    [["help"], 'Unknown command "help"; did you mean --help?'],
    [["version"], 'Unknown command "version"; did you mean --version?'],
    [["verison"], 'Unknown command "verison"; did you mean --version?'],
    [["run"], 'Unknown command "run": none is needed; write vswitch --port a.sock'],
    [
      ["start"],
      'Unknown command "start"; the commands are demo and self-test, a port is --port PATH',
    ],
  ]);
});

Deno.test("parseCommand() tells about values that do not fit", () => {
  check([
    [
      ["self-test", "--only", "layout"],
      `Cannot use --only "layout": give ${QUESTIONS}; did you mean layouts?`,
    ],
    [["self-test", "--only=all"], `Cannot use --only "all": give ${QUESTIONS}`],
    [
      ["self-test", "--only=bulk", "--only=wake"],
      'Cannot use --only "bulk" and --only "wake": --only may be given once; keep one of them',
    ],
    [["--quiet=yes"], 'Cannot use "--quiet=yes": --quiet takes no value; write only --quiet'],
    [["--quiet="], 'Cannot use "--quiet=": --quiet takes no value; write only --quiet'],
    [["--quiet", "true"], 'Cannot use "--quiet true": --quiet takes no value; write only --quiet'],
    [
      ["--log-json", "false"],
      'Cannot use "--log-json false": --log-json takes no value; write only --log-json',
    ],
    [["-h=yes"], 'Cannot use "-h=yes": -h takes no value; write only -h'],
    [["--help=x"], 'Cannot use "--help=x": --help takes no value; write only --help'],
    [
      ["--stats-interval", "5s"],
      'Cannot use --stats-interval "5s": give seconds from 0.1 to 86400',
    ],
    [["--stats-interval=0"], 'Cannot use --stats-interval "0": give seconds from 0.1 to 86400'],
    [
      ["--stats-interval=86401"],
      'Cannot use --stats-interval "86401": give seconds from 0.1 to 86400',
    ],
    [["--stats-interval=1e3"], 'Cannot use --stats-interval "1e3": give seconds from 0.1 to 86400'],
    [["--ready-fd=-1"], 'Cannot use --ready-fd "-1": give a whole number from 0 to 65535'],
    [["--ready-fd=70000"], 'Cannot use --ready-fd "70000": give a whole number from 0 to 65535'],
    [["--ready-fd=0x3"], 'Cannot use --ready-fd "0x3": give a whole number from 0 to 65535'],
    [["--ready-fd=1.5"], 'Cannot use --ready-fd "1.5": give a whole number from 0 to 65535'],
    [
      ["--log-level", "warn"],
      'Cannot use --log-level "warn": give debug, info, warning or error; did you mean warning?',
    ],
    [
      ["--log-level=INFO"],
      'Cannot use --log-level "INFO": give debug, info, warning or error; did you mean info?',
    ],
    [["--log-level", "loud"], 'Cannot use --log-level "loud": give debug, info, warning or error'],
    [["demo", "--seconds", "0.1"], 'Cannot use --seconds "0.1": give seconds from 0.2 to 60'],
    [["demo", "--seconds=61"], 'Cannot use --seconds "61": give seconds from 0.2 to 60'],
  ]);
});

Deno.test("parseCommand() tells about options that do not go together", () => {
  check([
    [
      ["--json"],
      "Cannot use --json alone: it goes with --version, or behind self-test; for a log in JSON write --log-json",
    ],
    [
      ["--json", "--port", "a"],
      "Cannot use --json alone: it goes with --version, or behind self-test; for a log in JSON write --log-json",
    ],
    [
      ["--quiet", "--log-level=debug", "--port", "a"],
      'Cannot use --quiet and --log-level "debug": --quiet is the level warning; keep one',
    ],
    [
      ["--stats-interval", "5", "--stats-interval=6", "--port", "a"],
      'Cannot use --stats-interval "5" and --stats-interval "6": --stats-interval may be given once; keep one of them',
    ],
    [
      ["--pid-file=a", "--pid-file=a", "--port", "a"],
      'Cannot use --pid-file "a" and --pid-file "a": --pid-file may be given once; keep one of them',
    ],
    [
      ["demo", "--seconds=1", "--seconds=2"],
      'Cannot use --seconds "1" and --seconds "2": --seconds may be given once; keep one of them',
    ],
  ]);
});

Deno.test("parseCommand() tells about ports without a target, name or kind", () => {
  check([
    [["--port", ","], 'Cannot use --port ",": the target is empty; write "a.sock"'],
    [
      ["--port", "=a"],
      'Cannot use --port "=a": the name before "=" is empty; write NAME=TARGET, or TARGET alone',
    ],
    [["--port", "a="], 'Cannot use --port "a=": the target after "a=" is empty; write "a=a.sock"'],
    [
      ["--port", "dgram:"],
      'Cannot use --port "dgram:": the target after "dgram:" is empty; write "dgram:a.sock"',
    ],
    [["--port", "fd:"], 'Cannot use --port "fd:": the target after "fd:" is empty; write "fd:3"'],
    [
      ["--port", "vm=fd:"],
      'Cannot use --port "vm=fd:": the target after "vm=fd:" is empty; write "vm=fd:3"',
    ],
    [
      ["--port", "="],
      'Cannot use --port "=": the name before "=" is empty; write NAME=TARGET, or TARGET alone',
    ],
    [
      ["--port", ":"],
      'Cannot use --port ":": the kind before ":" is empty; use dgram, stream, fd, vhost-user or vhost-user-client',
    ],
    [
      ["--port", ":x"],
      'Cannot use --port ":x": the kind before ":" is empty; use dgram, stream, fd, vhost-user or vhost-user-client',
    ],
    [
      ["--port", "foo:/x"],
      'Cannot use --port "foo:/x": "foo" is not a kind; use dgram, stream, fd, vhost-user or vhost-user-client, or write "./foo:/x" if it is a path',
    ],
    [
      ["--port", "streem:/x"],
      'Cannot use --port "streem:/x": "streem" is not a kind; use dgram, stream, fd, vhost-user or vhost-user-client, or write "./streem:/x" if it is a path; did you mean stream?',
    ],
    [
      ["--port", "vm=Stream:/x"],
      'Cannot use --port "vm=Stream:/x": "Stream" is not a kind; use dgram, stream, fd, vhost-user or vhost-user-client, or write "./Stream:/x" if it is a path; did you mean stream?',
    ],
    [
      ["--port", "unix:/x"],
      'Cannot use --port "unix:/x": "unix" is not a kind; use dgram, stream, fd, vhost-user or vhost-user-client, or write "./unix:/x" if it is a path',
    ],
    [
      ["--port", "dgram:x=y.sock"],
      'Cannot use --port "dgram:x=y.sock": the name comes before the kind; write "x=dgram:y.sock"',
    ],
    [
      ["--port", "a b=c"],
      'Cannot use --port "a b=c": "a b" is not a name; use 1 to 32 of A-Z a-z 0-9 _ . -, not starting with . or - (if it is part of a path, put ./ in front)',
    ],
    [
      ["--port", ".vm=a"],
      'Cannot use --port ".vm=a": ".vm" is not a name; use 1 to 32 of A-Z a-z 0-9 _ . -, not starting with . or - (if it is part of a path, put ./ in front)',
    ],
    [
      ["--port=-vm=a"],
      'Cannot use --port "-vm=a": "-vm" is not a name; use 1 to 32 of A-Z a-z 0-9 _ . -, not starting with . or - (if it is part of a path, put ./ in front)',
    ],
    [
      ["--port", "0123456789012345678901234567890123=a"],
      'Cannot use --port "0123456789012345678901234567890123=a": "0123456789012345678901234567890123" is not a name; use 1 to 32 of A-Z a-z 0-9 _ . -, not starting with . or - (if it is part of a path, put ./ in front)',
    ],
    [
      ["--port", "vhost-user=/x/a.sock"],
      'Cannot use --port "vhost-user=/x/a.sock": "vhost-user" is a kind; write "vhost-user:/x/a.sock"',
    ],
    [
      ["--port", "stream=/x"],
      'Cannot use --port "stream=/x": "stream" is a kind; write "stream:/x"',
    ],
    [["--port", "dgram="], 'Cannot use --port "dgram=": "dgram" is a kind; write "dgram:PATH"'],
    [["--port", "fd=3"], 'Cannot use --port "fd=3": "fd" is a kind; write "fd:3"'],
    [
      ["--port", "vhost-user"],
      'Cannot use --port "vhost-user": "vhost-user" is a kind; write "vhost-user:PATH", or "./vhost-user" if it is a path',
    ],
    [
      ["--port", "vm=stream,mtu=1500"],
      'Cannot use --port "vm=stream,mtu=1500": "stream" is a kind; write "vm=stream:PATH", or "./stream" if it is a path',
    ],
    [
      ["--port", "fd"],
      'Cannot use --port "fd": "fd" is a kind; write "fd:3", or "./fd" if it is a path',
    ],
    [
      ["--port", `vhost-user:${LONG}`],
      `Cannot use --port "vhost-user:${LONG}": its path is 130 bytes, the limit is 107; use a shorter path`,
    ],
    [
      ["--port", "a b"],
      'Cannot use --port "a b": its file gives the name "a b", which is not one (1 to 32 of A-Z a-z 0-9 _ . -, not starting with . or -); write "NAME=a b"',
    ],
    [
      ["--port", "/tmp/.sock"],
      'Cannot use --port "/tmp/.sock": its file gives the name ".sock", which is not one (1 to 32 of A-Z a-z 0-9 _ . -, not starting with . or -); write "NAME=/tmp/.sock"',
    ],
    [
      ["--port", "/tmp/a=b.sock"],
      'Cannot use --port "/tmp/a=b.sock": its file gives the name "a=b", which is not one (1 to 32 of A-Z a-z 0-9 _ . -, not starting with . or -); write "NAME=/tmp/a=b.sock"',
    ],
    [
      ["--port", "/tmp/"],
      'Cannot use --port "/tmp/": "/tmp/" is a directory; name a file, e.g. "/tmp/a.sock"',
    ],
    [["--port", "."], 'Cannot use --port ".": "." is a directory; name a file, e.g. "./a.sock"'],
    [
      ["--port", ".."],
      'Cannot use --port "..": ".." is a directory; name a file, e.g. "../a.sock"',
    ],
    [
      ["--port", "a/.."],
      'Cannot use --port "a/..": "a/.." is a directory; name a file, e.g. "a/../a.sock"',
    ],
    [["--port", "/"], 'Cannot use --port "/": "/" is a directory; name a file, e.g. "/a.sock"'],
    [
      ["--port", "~/a.sock"],
      'Cannot use --port "~/a.sock": the shell did not replace "~"; write $HOME/a.sock instead',
    ],
    [
      ["--port", "vm=stream:~/a.sock"],
      'Cannot use --port "vm=stream:~/a.sock": the shell did not replace "~"; write $HOME/a.sock instead',
    ],
    [
      ["--port", "fd:x y"],
      'Cannot use --port "fd:x y": "x y" is not a descriptor; write the number the launcher uses, e.g. fd:3, or the name of a socket that launchd or systemd passes, e.g. fd:lan',
    ],
    [
      ["--port", "fd:03"],
      'Cannot use --port "fd:03": "03" is not a descriptor; write the number the launcher uses, e.g. fd:3, or the name of a socket that launchd or systemd passes, e.g. fd:lan',
    ],
    [
      ["--port", "fd:-1"],
      'Cannot use --port "fd:-1": "-1" is not a descriptor; write the number the launcher uses, e.g. fd:3, or the name of a socket that launchd or systemd passes, e.g. fd:lan',
    ],
    [
      ["--port", "fd:1000000000"],
      'Cannot use --port "fd:1000000000": "1000000000" is not a descriptor; write the number the launcher uses, e.g. fd:3, or the name of a socket that launchd or systemd passes, e.g. fd:lan',
    ],
    [
      ["--port", "\u001b]0;x\u0007"],
      `Cannot use --port "\\u001b]0;x\\u0007": its file gives the name "\\u001b]0;x\\u0007", which is not one (1 to 32 of A-Z a-z 0-9 _ . -, not starting with . or -); write "NAME=\\u001b]0;x\\u0007"`,
    ],
  ]);
});

Deno.test("parseCommand() tells about options of ports", () => {
  check([
    [
      ["--port", "a.sock,"],
      'Cannot use --port "a.sock,": there is nothing after a comma; remove the comma',
    ],
    [
      ["--port", "a.sock,,queue=1M"],
      'Cannot use --port "a.sock,,queue=1M": there is nothing after a comma; remove the comma',
    ],
    [
      ["--port", "a,b.sock"],
      'Cannot use --port "a,b.sock": a comma starts an option and "b.sock" is none; a path cannot contain a comma',
    ],
    [
      ["--port", "/tmp/a,dir/b"],
      'Cannot use --port "/tmp/a,dir/b": a comma starts an option and "dir/b" is none; a path cannot contain a comma',
    ],
    [
      ["--port", "a.sock,qeue=1M"],
      'Cannot use --port "a.sock,qeue=1M": "qeue" is not an option of a port; did you mean queue?',
    ],
    [
      ["--port", "a.sock,pause=3"],
      'Cannot use --port "a.sock,pause=3": "pause" is not an option of a port; did you mean pause-ms?',
    ],
    [
      ["--port", "a.sock,zzz"],
      'Cannot use --port "a.sock,zzz": "zzz" is not an option of a port; there are clients, max-macs, full, pause-ms, queue, client, offload, sends, accepts, vnet-hdr, finish, forward-safe, clamp-mss, mtu, max-frame, mode, group',
    ],
    [
      ["--port", "a.sock,=3"],
      'Cannot use --port "a.sock,=3": "" is not an option of a port; there are clients, max-macs, full, pause-ms, queue, client, offload, sends, accepts, vnet-hdr, finish, forward-safe, clamp-mss, mtu, max-frame, mode, group',
    ],
    [
      ["--port", "a.sock,port=3"],
      'Cannot use --port "a.sock,port=3": "port" is not an option of a port; there are clients, max-macs, full, pause-ms, queue, client, offload, sends, accepts, vnet-hdr, finish, forward-safe, clamp-mss, mtu, max-frame, mode, group',
    ],
    [
      ["--port", "a.sock,queue"],
      'Cannot use --port "a.sock,queue": queue has no value; write queue=BYTES: bytes from 128K to 64M (K: KiB, M: MiB)',
    ],
    [
      ["--port", "a.sock,full="],
      'Cannot use --port "a.sock,full=": full has no value; write full=HOW: drop or pause',
    ],
    [
      ["--port", "a.sock,group="],
      'Cannot use --port "a.sock,group=": group has no value; write group=GROUP: the name or number of a group of this machine',
    ],
    [
      ["--port", "a.sock,queue=1G"],
      'Cannot use --port "a.sock,queue=1G": queue is "1G"; give bytes from 128K to 64M (K: KiB, M: MiB)',
    ],
    [
      ["--port", "a.sock,queue=131071"],
      'Cannot use --port "a.sock,queue=131071": queue is "131071"; give bytes from 128K to 64M (K: KiB, M: MiB)',
    ],
    [
      ["--port", "a.sock,queue=64K"],
      'Cannot use --port "a.sock,queue=64K": queue is "64K"; give bytes from 128K to 64M (K: KiB, M: MiB)',
    ],
    [
      ["--port", "a.sock,queue=65M"],
      'Cannot use --port "a.sock,queue=65M": queue is "65M"; give bytes from 128K to 64M (K: KiB, M: MiB)',
    ],
    [
      ["--port", "a.sock,full=dorp"],
      'Cannot use --port "a.sock,full=dorp": full is "dorp"; give drop or pause; did you mean drop?',
    ],
    [
      ["--port", "a.sock,full=Drop"],
      'Cannot use --port "a.sock,full=Drop": full is "Drop"; give drop or pause; did you mean drop?',
    ],
    [
      ["--port", "a.sock,clients=one"],
      'Cannot use --port "a.sock,clients=one": clients is "one"; give many, replace or refuse',
    ],
    [
      ["--port", "a.sock,mtu=9000,mtu=1500"],
      'Cannot use --port "a.sock,mtu=9000,mtu=1500": mtu is given twice; keep one of them',
    ],
    [
      ["--port", "a.sock,mtu=67"],
      'Cannot use --port "a.sock,mtu=67": mtu is "67"; give a whole number of bytes from 68 to 65535',
    ],
    [
      ["--port", "a.sock,mtu=65536"],
      'Cannot use --port "a.sock,mtu=65536": mtu is "65536"; give a whole number of bytes from 68 to 65535',
    ],
    [
      ["--port", "a.sock,mtu=9000,max-frame=9013"],
      'Cannot use --port "a.sock,mtu=9000,max-frame=9013": mtu 9000 needs frames of 9014 bytes and max-frame is 9013; leave max-frame out, it follows mtu',
    ],
    [
      ["--port", "a.sock,max-frame=59"],
      'Cannot use --port "a.sock,max-frame=59": max-frame is "59"; give a whole number of bytes from 60 to 69632',
    ],
    [
      ["--port", "a.sock,max-frame=69633"],
      'Cannot use --port "a.sock,max-frame=69633": max-frame is "69633"; give a whole number of bytes from 60 to 69632',
    ],
    [
      ["--port", "a.sock,max-frame=9K"],
      'Cannot use --port "a.sock,max-frame=9K": max-frame is "9K"; give a whole number of bytes from 60 to 69632',
    ],
    [
      ["--port", "a.sock,pause-ms=0"],
      'Cannot use --port "a.sock,pause-ms=0": pause-ms is "0"; give a whole number of milliseconds from 1 to 60000',
    ],
    [
      ["--port", "a.sock,pause-ms=1.5"],
      'Cannot use --port "a.sock,pause-ms=1.5": pause-ms is "1.5"; give a whole number of milliseconds from 1 to 60000',
    ],
    [
      ["--port", "a.sock,pause-ms=60001"],
      'Cannot use --port "a.sock,pause-ms=60001": pause-ms is "60001"; give a whole number of milliseconds from 1 to 60000',
    ],
    [
      ["--port", "a.sock,max-macs=0"],
      'Cannot use --port "a.sock,max-macs=0": max-macs is "0"; give a whole number from 1 to 8192',
    ],
    [
      ["--port", "a.sock,max-macs=8193"],
      'Cannot use --port "a.sock,max-macs=8193": max-macs is "8193"; give a whole number from 1 to 8192',
    ],
    [
      ["--port", "a.sock,mode=0999"],
      'Cannot use --port "a.sock,mode=0999": mode is "0999"; give an octal number from 0 to 777',
    ],
    [
      ["--port", "a.sock,mode=1000"],
      'Cannot use --port "a.sock,mode=1000": mode is "1000"; give an octal number from 0 to 777',
    ],
    [
      ["--port", "a.sock,mode=rw"],
      'Cannot use --port "a.sock,mode=rw": mode is "rw"; give an octal number from 0 to 777',
    ],
    [
      ["--port", "a.sock,group=nosuch"],
      'Cannot use --port "a.sock,group=nosuch": there is no group "nosuch"; give the name or number of a group of this machine',
    ],
    [
      ["--port", "a.sock,group=4294967295"],
      'Cannot use --port "a.sock,group=4294967295": there is no group "4294967295"; give the name or number of a group of this machine',
    ],
    [
      ["--port", "fd:3,mode=0600"],
      'Cannot use --port "fd:3,mode=0600": mode is for socket files that vswitch makes, not for fd; leave it out',
    ],
    [
      ["--port", "fd:3,group=kvm"],
      'Cannot use --port "fd:3,group=kvm": group is for socket files that vswitch makes, not for fd; leave it out',
    ],
  ]);
});

Deno.test("parseCommand() tells about ports in conflict", () => {
  check([
    [
      ["--port", "/x/a.sock", "--port", "/y/a.sock"],
      'Cannot use --port "/x/a.sock" and --port "/y/a.sock": both are named "a"; write NAME= before one of them',
    ],
    [
      ["--port", "vm=a", "--port", "b", "--port", "vm=stream:c"],
      'Cannot use --port "vm=a" and --port "vm=stream:c": both are named "vm"; write NAME= before one of them',
    ],
    [
      ["--port", "a.sock", "--port", "b=./a.sock"],
      'Cannot use --port "a.sock" and --port "b=./a.sock": a path serves one port (with clients=many any number of VMs); give one of them another path',
    ],
    [
      ["--port", "/x//a", "--port", "b=stream:/x/./a"],
      'Cannot use --port "/x//a" and --port "b=stream:/x/./a": a path serves one port (with clients=many any number of VMs); give one of them another path',
    ],
    [
      ["--port", "a=fd:3", "--port", "b=fd:3"],
      'Cannot use --port "a=fd:3" and --port "b=fd:3": a descriptor serves one port; have the launcher pass another for the second',
    ],
    [
      ["--port", "lan=stream:a", "--port", "lan.1=b"],
      'Cannot use --port "lan=stream:a" and --port "lan.1=b": clients of "lan" are named like "lan.1"; write another NAME= before one of them',
    ],
    [
      ["--port", "lan.12=b", "--port", "lan=stream:a"],
      'Cannot use --port "lan.12=b" and --port "lan=stream:a": clients of "lan" are named like "lan.12"; write another NAME= before one of them',
    ],
    [
      ["--port", "fd:1"],
      'Cannot use --port "fd:1": the ready line goes to 1; give another number, here or to --ready-fd',
    ],
    [
      ["--port", "fd:2"],
      'Cannot use --port "fd:2": the log goes to 2; have the launcher pass another number',
    ],
    [
      ["--ready-fd=5", "--port", "vm=fd:5"],
      'Cannot use --port "vm=fd:5": the ready line goes to 5; give another number, here or to --ready-fd',
    ],
  ]);
});
