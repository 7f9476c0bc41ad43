/**
 * No call of ours is malformed: a life with everything in it, and not one call that the kernel refuses as
 * nonsense (a closed descriptor, a bad address, a time that is none).
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ProcessLab } from "../support/process_lab.ts";
import { figure, pause } from "../support/time.ts";
import { straceTest } from "./strace.ts";
import { PORTS, Traffic } from "./traffic.ts";

const CALLS =
  "%network,epoll_pwait2,epoll_ctl,close,fcntl,pidfd_open,unlink,rename,lchown,eventfd2";

straceTest("vswitch makes no system call that the kernel refuses as malformed", async () => {
  await using lab = new ProcessLab();
  const output = lab.path("strace");
  const wrap = [
    "strace",
    "-D",
    "-f",
    "--seccomp-bpf",
    "-qq",
    "-o",
    output,
    "-e",
    `trace=${CALLS}`,
  ];
  const vswitch = await lab.start(lab.ports(...PORTS), { wrap });
  const traffic = new Traffic(lab);
  await traffic.meet();
  await traffic.talk(20);
  for (let i = 0; i < 20; i++) lab.stream(9, "b.sock").close();
  const killed = await lab.process(
    { like: "vfkit", name: "c.sock", station: 8, to: 1, role: "echo" },
  );
  await killed.kill();
  await pause(2500); // the ticks of an idle switch
  assertEquals((await vswitch.stop()).code, 0, vswitch.log);
  const lines = Deno.readTextFileSync(output).split("\n");
  const refused = lines.filter((line) => / = -1 (EBADF|EFAULT|EINVAL|ENOTSOCK|ENOSYS) /.test(line));
  figure(`${lines.length} system calls, ${refused.length} malformed`);
  assert(lines.some((line) => line.includes("epoll_pwait2")));
  assertEquals(refused, []);
});
