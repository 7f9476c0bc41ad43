/**
 * The plainest switch of two guests: every frame of one goes to the other, byte by byte.
 *
 * @module
 */
import type { NaiveDevice } from "./naive_backend.ts";
import { vnetBytes } from "./vnet.ts";
import { Feature, hasBit } from "./wire.ts";

/** A frame of one guest is given to another. False when the other has no room for it now. */
function deliver(bytes: Uint8Array, from: NaiveDevice, to: NaiveDevice, view: DataView): boolean {
  const header = vnetBytes(from.features), out = vnetBytes(to.features);
  const whole = new Uint8Array(out + bytes.length - header);
  whole.set(bytes.subarray(0, 10));
  whole.set(bytes.subarray(header), out);
  const chains = [];
  let room = 0;
  const most = hasBit(to.features, Feature.MRG_RXBUF) ? Infinity : 1;
  while (room < whole.length && chains.length < most) {
    const chain = to.chain(0, chains.length);
    if (chain === undefined) return false;
    chains.push(chain);
    for (const [, length] of chain.pieces) room += length;
  }
  if (room < whole.length) throw new Error("A frame is longer than the buffer for it");
  if (out === 12) new DataView(whole.buffer).setUint16(10, chains.length, true);
  let at = 0;
  for (const { head, pieces } of chains) {
    const start = at;
    for (const [place, length] of pieces) {
      for (let i = 0; i < length && at < whole.length; i++) view.setUint8(place + i, whole[at++]);
    }
    to.use(0, head, at - start);
  }
  return true;
}

/** Everything that one guest has to send is given to the other, as far as there is room. */
export function bounce(from: NaiveDevice, to: NaiveDevice, view: DataView): void {
  for (let chain = from.chain(1, 0); chain !== undefined; chain = from.chain(1, 0)) {
    const bytes = chain.pieces.flatMap(([at, length]) =>
      Array.from({ length }, (_, i) => view.getUint8(at + i))
    );
    if (!deliver(Uint8Array.from(bytes), from, to, view)) break;
    from.use(1, chain.head, 0);
  }
  from.publish(1);
  to.publish(0);
}
