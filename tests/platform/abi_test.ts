/**
 * The layouts as data, against the system's own headers and against what the living kernel writes.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { type Abi, LINUX, LINUX_NUMBERS, type PosixNumbers } from "../../src/platform/abi.ts";
import { SocketType } from "../../src/platform/kernel.ts";
import { openKernel } from "../../src/platform/mod.ts";
import { MessageTable } from "../../src/platform/vectors.ts";

const linux = Deno.build.os === "linux";
const compiler = linux && await found("cc");

/** True if a program can be started. */
async function found(program: string): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args: ["--version"] }).output()).success;
  } catch {
    return false;
  }
}

/** What the headers say of both tables, in JSON (but for abstract names, which no header tells). */
const PROGRAM = `
#define _GNU_SOURCE
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#define AT(type, field) (int) offsetof(struct type, field)
#define NUMBER(name) printf("\\"" #name "\\":%d,", (int) name)
int main(void) {
  printf("{\\"numbers\\":{");
  NUMBER(O_NONBLOCK); NUMBER(O_DIRECTORY); NUMBER(O_CLOEXEC); NUMBER(SOL_SOCKET); NUMBER(SO_TYPE);
  NUMBER(SO_ACCEPTCONN); NUMBER(SO_SNDBUF); NUMBER(SO_RCVBUF); NUMBER(MSG_DONTWAIT);
  printf("\\"RLIMIT_NOFILE\\":%d},\\"abi\\":", (int) RLIMIT_NOFILE);
  printf("{\\"message\\":{\\"size\\":%d,\\"name\\":%d,\\"nameLength\\":%d,\\"vector\\":%d,\\"vectorCount\\":%d,",
    (int) sizeof(struct msghdr), AT(msghdr, msg_name), AT(msghdr, msg_namelen),
    AT(msghdr, msg_iov), AT(msghdr, msg_iovlen));
  printf("\\"control\\":%d,\\"controlLength\\":%d,\\"flags\\":%d},",
    AT(msghdr, msg_control), AT(msghdr, msg_controllen), AT(msghdr, msg_flags));
  printf("\\"bulkMessage\\":{\\"size\\":%d,\\"received\\":%d},",
    (int) sizeof(struct mmsghdr), AT(mmsghdr, msg_len));
  printf("\\"control\\":{\\"level\\":%d,\\"type\\":%d,\\"data\\":%d,\\"socketLevel\\":%d},",
    AT(cmsghdr, cmsg_level), AT(cmsghdr, cmsg_type), (int) CMSG_LEN(0), (int) SOL_SOCKET);
  printf("\\"socketAddress\\":{\\"size\\":%d,\\"family\\":%d,\\"familyBytes\\":%d,\\"path\\":%d,\\"pathLimit\\":%d}}}",
    (int) sizeof(struct sockaddr_un), AT(sockaddr_un, sun_family), (int) sizeof(sa_family_t),
    AT(sockaddr_un, sun_path), (int) sizeof(((struct sockaddr_un *) 0)->sun_path) - 1);
}
`;

async function headers(): Promise<{ abi: Abi; numbers: PosixNumbers }> {
  const folder = await Deno.makeTempDir({ prefix: "vswitch-" });
  try {
    await Deno.writeTextFile(`${folder}/abi.c`, PROGRAM);
    const build = new Deno.Command("cc", { args: ["abi.c", "-o", "abi"], cwd: folder });
    const built = await build.output();
    if (!built.success) throw new Error(new TextDecoder().decode(built.stderr));
    const { stdout } = await new Deno.Command(`${folder}/abi`).output();
    return JSON.parse(new TextDecoder().decode(stdout));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test({
  name: "LINUX and LINUX_NUMBERS agree with the system's headers" +
    (compiler ? "" : " [SKIPPED: needs Linux and a C compiler, cc]"),
  ignore: !compiler,
  fn: async () => {
    const { abi, numbers } = await headers();
    assertEquals({ ...abi, abstractNames: true }, LINUX);
    assertEquals(numbers, LINUX_NUMBERS);
  },
});

Deno.test({
  name: "LINUX has the fields where the kernel writes them" +
    (linux ? "" : ` [SKIPPED: ${Deno.build.os} is not Linux]`),
  ignore: !linux,
  fn: () => {
    const folder = Deno.makeTempDirSync({ prefix: "vswitch-" });
    const kernel = openKernel(1 << 20);
    const receiver = kernel.socket(SocketType.DGRAM), sender = kernel.socket(SocketType.DGRAM);
    try {
      const path = new TextEncoder().encode(`${folder}/receiver`);
      const from = new TextEncoder().encode(`${folder}/sender`);
      kernel.bind(receiver, `${folder}/receiver`, 0o600);
      kernel.bind(sender, `${folder}/sender`, 0o600);
      kernel.connect(sender, path);
      const table = new MessageTable(kernel.arena, LINUX, 2, true);
      const out = new MessageTable(kernel.arena, LINUX, 1, false);
      const memory = kernel.arena.take(4096);
      out.set(0, memory, 77);
      for (let i = 0; i < 2; i++) kernel.send(sender, out, 0, 1);
      table.set(0, memory, 77);
      table.set(1, memory, 50); // too short: the kernel says MSG_TRUNC
      assertEquals(kernel.receive(receiver, table, 2), 2);

      const { message, bulkMessage, socketAddress } = LINUX;
      const { view, u8 } = kernel.arena;
      const name = table.names;
      const headers = [table.at, table.at + bulkMessage.size];
      assertEquals(headers.map((at) => view.getUint32(at + bulkMessage.received, true)), [77, 50]);
      assertEquals(headers.map((at) => view.getUint32(at + message.flags, true)), [0, 0x20]);
      const length = socketAddress.path + from.length + 1;
      assertEquals(view.getUint32(table.at + message.nameLength, true), length);
      assertEquals(view.getUint16(name + socketAddress.family, true), 1);
      assertEquals(u8.slice(name + socketAddress.path, name + length), Uint8Array.of(...from, 0));
    } finally {
      kernel.close(receiver);
      kernel.close(sender);
      kernel.dispose();
      Deno.removeSync(folder, { recursive: true });
    }
  },
});
