/**
 * What real clients do: the facts behind `client=`, so that nobody has to find them out again.
 *
 * None of these clients says anything about itself on its socket, none negotiates, and none has a vnet header
 * on its wire. A wrong guess is not refused by anyone either: the VM's network almost works. So each entry is
 * what the client's source or documentation says, named beside it, and what is not known is not here.
 *
 * @module
 */
import { Feature, type Features, OFFLOAD_ON } from "./features.ts";
import type { VnetBytes } from "./policy.ts";

/** What a VM and the switch have between them; over `vhost-user`, memory instead of a socket with frames. */
export type SocketKind = "dgram" | "stream" | "vhost-user";

/** Facts of a client. */
export interface Client {
  /** What it leaves unfinished in what it sends, and takes unfinished, as this preset has it. */
  readonly sends: Features;
  readonly accepts: Features;
  /** See `finish` of Policy. */
  readonly finish: boolean;
  /** Header in front of each frame. */
  readonly vnetHdr: VnetBytes;
  /** All that it could be told to send or accept; 0: it never offloads on such a socket. */
  readonly able: Features;
  /** Longest frame it reads without harm. */
  readonly maxFrame: number;
  /** Sockets it can use. */
  readonly sockets: readonly SocketKind[];
}

/** Longest frame of virtio-net: the largest TCP or UDP packet and an Ethernet header (virtio 1.2, 5.1.6.3.1). */
const VIRTIO_FRAME = 65_550;

/** What a preset is when its facts do not say otherwise. */
const PLAIN: Client = {
  sends: 0,
  accepts: 0,
  finish: false,
  vnetHdr: 0,
  able: 0,
  maxFrame: VIRTIO_FRAME,
  sockets: ["dgram", "stream"],
};

/** libkrun's COMPAT_NET_FEATURES: CSUM, TSO4 and UFO of both GUEST_ and HOST_ (include/libkrun.h). */
const LIBKRUN_COMPAT: Features = Feature.CSUM | Feature.TSO4 | Feature.UFO;

/**
 * libkrun with its features on. What the guest's vnet header says is cut off before a frame is sent, and the
 * guest is given one of zeros with every frame (src/devices/src/virtio/net, write_virtio_net_hdr): no frame
 * it gets is marked as unfinished, so its kernel verifies every checksum, of large frames too.
 */
const LIBKRUN_OFFLOAD: Client = {
  ...PLAIN,
  sends: LIBKRUN_COMPAT,
  accepts: LIBKRUN_COMPAT,
  finish: true,
  able: LIBKRUN_COMPAT | Feature.TSO6,
};

/** Presets by name. */
export const clients: Readonly<Record<string, Client>> = {
  /**
   * QEMU's `-netdev stream`, `dgram` and `socket`: without has_vnet_hdr (net/stream.c, net/dgram.c,
   * net/socket.c) virtio-net offers its guest no offload. It closes a stream with a frame above NET_BUFSIZE
   * (include/net/net.h) and cuts such a datagram.
   */
  qemu: { ...PLAIN, maxFrame: 69_632 },
  /** vfkit: `offloading=on` is refused, Virtualization.framework has none (pkg/vf/virtionet.go). */
  vfkit: { ...PLAIN, sockets: ["dgram"] },
  /** krunkit's `type=unixgram` and `type=unixstream`, whose `offloading` is off by default (docs/usage.md). */
  krunkit: PLAIN,
  /** krunkit with `offloading=on`, or with `unixSocketPath=`, which implies it (src/virtio.rs). */
  "krunkit-offload": { ...LIBKRUN_OFFLOAD, able: LIBKRUN_COMPAT },
  /**
   * libkrun with `features` 0. MAX_BUFFER_SIZE (src/devices/src/virtio/net/mod.rs) is 65,562 with the vnet
   * header; its stream backend panics at a longer frame.
   */
  libkrun: PLAIN,
  /** libkrun with `features` COMPAT_NET_FEATURES; TSO6 can be added (include/libkrun.h). */
  "libkrun-offload": LIBKRUN_OFFLOAD,
  /**
   * Lima's `networks: [{socket: PATH}]`. Its VZ driver copies through 32 KiB and loses the network at a longer
   * frame (pkg/driver/vz/network_darwin.go); with its QEMU driver use client=qemu.
   */
  lima: { ...PLAIN, maxFrame: 32_768, sockets: ["stream"] },
  /** socket_vmnet: a vmnet interface without offloads; a longer frame ends the daemon (main.c). */
  socket_vmnet: { ...PLAIN, maxFrame: 65_536, sockets: ["stream"] },
  /** passt: resets the connection at a longer frame, "Bad frame size" (tap.c). */
  passt: { ...PLAIN, maxFrame: 65_535, sockets: ["stream"] },
  /** vmnet-helper: reads as much as vmnet_max_packet_size says, which is 1514 without TSO (docs/integration.md). */
  "vmnet-helper": { ...PLAIN, maxFrame: 1514, sockets: ["dgram"] },
  /**
   * vmnet-helper with `--enable-tso --enable-checksum-offload`: large TCP frames both ways; vmnet computes the
   * checksums of what it is given and verifies those of what it hands out (docs/integration.md, vmnet.h).
   */
  "vmnet-helper-offload": {
    ...PLAIN,
    sends: OFFLOAD_ON,
    accepts: OFFLOAD_ON,
    able: OFFLOAD_ON,
    sockets: ["dgram"],
  },
};

/**
 * What a vhost-user port offers its guests: every front-end negotiates, so no name of a client is needed. UFO is
 * there for who asks for it: its datagrams become fragments for every VM without it, and one lost is all lost.
 */
export const VHOST_USER: Client = {
  ...PLAIN,
  sends: OFFLOAD_ON | Feature.USO | Feature.ECN,
  accepts: OFFLOAD_ON | Feature.USO | Feature.ECN,
  vnetHdr: 12,
  able: -1,
  sockets: ["vhost-user"],
};

/** Names of the {@linkcode clients}. */
export const CLIENT_NAMES: readonly string[] = Object.keys(clients);
