/**
 * Struct layouts and constants of the C library, as data.
 *
 * Offsets are in bytes and from the system's headers; a test encodes and decodes each of them against
 * the live kernel. An OS that differs is another table, never another branch.
 *
 * @module
 */

/** Layouts one OS uses for its socket calls. */
export interface Abi {
  /** struct msghdr. */
  readonly message: {
    readonly size: number;
    readonly name: number;
    readonly nameLength: number;
    readonly vector: number;
    readonly vectorCount: number;
    readonly control: number;
    readonly controlLength: number;
    readonly flags: number;
  };
  /** The bulk message: struct mmsghdr, or msghdr_x on Darwin. `received` is its length field. */
  readonly bulkMessage: { readonly size: number; readonly received: number };
  /** struct sockaddr_un: where the family and the path lie, and the largest path. */
  readonly socketAddress: {
    readonly size: number;
    readonly family: number;
    readonly familyBytes: number;
    readonly path: number;
    readonly pathLimit: number;
  };
}

/** Linux on x86-64 and arm64 (include/linux/socket.h, include/uapi/linux/un.h). */
export const LINUX: Abi = {
  message: {
    size: 56,
    name: 0,
    nameLength: 8,
    vector: 16,
    vectorCount: 24,
    control: 32,
    controlLength: 40,
    flags: 48,
  },
  bulkMessage: { size: 64, received: 56 },
  socketAddress: { size: 110, family: 0, familyBytes: 2, path: 2, pathLimit: 107 },
};
