/**
 * The virtio-net header in front of a frame: `struct virtio_net_hdr` (virtio 1.2, 5.1.6).
 *
 * It says what is unfinished about the frame: a checksum of which only the seed is there, a packet that
 * has yet to be cut. 10 bytes in its legacy form, 12 with VIRTIO_F_VERSION_1; numbers of 16 bits are
 * little-endian.
 *
 * @module
 */

/** Offsets of the fields, and bits of the flags. */
export const Vnet = {
  /** 8 bits: the flags below. */
  FLAGS: 0,
  /** 8 bits: a {@linkcode Gso} type, perhaps with {@linkcode Gso.ECN}. */
  GSO_TYPE: 1,
  /** 16 bits: bytes of all headers; a hint that nobody may rely on (virtio 1.2, 5.1.6.2.2). */
  HDR_LEN: 2,
  /** 16 bits: bytes of payload of each packet it is to be cut into. */
  GSO_SIZE: 4,
  /** 16 bits: where the checksum begins to sum, from the start of the frame; it sums to the frame's end. */
  CSUM_START: 6,
  /** 16 bits: where the checksum goes, from {@linkcode Vnet.CSUM_START}; its seed is there. */
  CSUM_OFFSET: 8,
  /** 16 bits, in the form of 12 bytes only: buffers that hold the frame; 1 without VIRTIO_NET_F_MRG_RXBUF. */
  NUM_BUFFERS: 10,
  /** Flag: the checksum has to be finished. */
  NEEDS_CSUM: 1,
  /** Flag, device to driver: the checksums were verified. */
  DATA_VALID: 2,
  /** Flag, device to driver: the fields of the checksum count merged segments (VIRTIO_NET_F_RSC_EXT). */
  RSC_INFO: 4,
} as const;

/** What the frame has to be cut into, and {@linkcode Gso.ECN}, a bit that goes with it. */
export const Gso = {
  NONE: 0,
  TCPV4: 1,
  /** IP fragments of a UDP datagram (UFO). */
  UDP: 3,
  TCPV6: 4,
  /** UDP datagrams (USO). */
  UDP_L4: 5,
  /** TCP with CWR set (RFC 3168 6.1.2). */
  ECN: 0x80,
} as const;
