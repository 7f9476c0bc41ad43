/**
 * Descriptors in the control data of a message (SCM_RIGHTS, unix(7)): one struct cmsghdr and the numbers behind it.
 *
 * @module
 */
import type { Abi } from "./abi.ts";

/** Same number on Linux and Darwin. */
const SCM_RIGHTS = 1;

/** Bytes of control data that carry `count` descriptors. */
export function rightsBytes(abi: Abi, count: number): number {
  return abi.control.data + count * 4;
}

/** Write descriptors as control data to offset `at`; returns its bytes. */
export function storeRights(view: DataView, at: number, abi: Abi, fds: readonly number[]): number {
  const { level, type, data, socketLevel } = abi.control, bytes = rightsBytes(abi, fds.length);
  for (let word = 0; word < data; word += 4) view.setInt32(at + word, 0, true);
  view.setInt32(at, bytes, true);
  view.setInt32(at + level, socketLevel, true);
  view.setInt32(at + type, SCM_RIGHTS, true);
  fds.forEach((fd, i) => view.setInt32(at + data + i * 4, fd, true));
  return bytes;
}

/** Descriptors in `bytes` bytes of control data at offset `at`, in its first message; none if that is something else. */
export function rightsIn(view: DataView, at: number, bytes: number, abi: Abi): number[] {
  const { level, type, data, socketLevel } = abi.control;
  if (bytes < data) return [];
  if (view.getInt32(at + level, true) !== socketLevel) return [];
  if (view.getInt32(at + type, true) !== SCM_RIGHTS) return [];
  const count = Math.min(view.getInt32(at, true), bytes) - data >> 2;
  return Array.from(
    { length: Math.max(0, count) },
    (_, i) => view.getInt32(at + data + i * 4, true),
  );
}
