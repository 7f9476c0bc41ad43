/**
 * A VM on the fake Mac that sends descriptors along with its bytes.
 *
 * @module
 */
import { FakeSocket, type Passed } from "./fake_socket.ts";

/** Let `count` sockets come along with the last message that waits at `to`; their close would wait. */
export function passAlong(to: FakeSocket, count: number): void {
  const message = to.queue.at(-1);
  if (message === undefined) throw new Error("No message waits for the descriptors to come with");
  for (let i = 0; i < count; i++) message.passed.push(lingering());
}

function lingering(): Passed {
  const socket = new FakeSocket(1, { pid: 1, uid: 0, ended: false });
  socket.lingers = true;
  return { open: { kind: "socket", socket }, nonBlocking: false };
}
