/**
 * The ports, once more over the Darwin kernel and a fake libSystem.
 *
 * @module
 */
import { onDarwin } from "../support/on_darwin.ts";

/** A connected datagram socket hears everybody there: whom the port turns away is tests/port/darwin_dgram_test.ts. */
const HEARS_ALL = "nobody is refused for being connected";
const NO_ABSTRACT = "no abstract names";
const SHARED = "VMs that connect share a socket: it hears them all";
const BACKLOG = "somaxconn is 128";
const PATHS = "paths end at 103 bytes";

await onDarwin(
  () =>
    Promise.all([
      import("./dgram_doubt_test.ts"),
      import("./dgram_gather_test.ts"),
      import("./dgram_hub_churn_test.ts"),
      import("./dgram_hub_test.ts"),
      import("./dgram_peer_test.ts"),
      import("./dgram_send_test.ts"),
      import("./dgram_test.ts"),
      import("./fd_test.ts"),
      import("./listener_limits_test.ts"),
      import("./listener_test.ts"),
      import("./socket_path_refusal_test.ts"),
      import("./socket_path_test.ts"),
      import("./stream_end_test.ts"),
      import("./stream_reassembly_test.ts"),
      import("./stream_test.ts"),
      import("./stream_write_test.ts"),
      import("./stream_writer_test.ts"),
      import("./vnet_in_test.ts"),
    ]),
  {
    "DgramPort answers from the socket the VM sent to": HEARS_ALL,
    "DgramPort counts strangers that were queued before it had its VM": HEARS_ALL,
    "DgramPort turns a second VM away while the first lives, whatever clients= says": HEARS_ALL,
    "DgramPort never pauses a VM that does not connect, as QEMU does not":
      "who connects cannot be told from who does not",
    "DgramPort answers abstract addresses": NO_ABSTRACT,
    "DgramHub makes every VM a port of its own, whatever kind of address it has": NO_ABSTRACT,
    "DgramPort tells the buffers it was granted": "buffers are not doubled",
    "sendDatagrams() drops exactly the frame the kernel finds too long and goes on":
      "buffers are not doubled",
    "DgramHub gives a VM that connects its socket for itself and puts a fresh one at the path":
      SHARED,
    "DgramHub removes VMs that are gone, keeps their sums, and uses their numbers again": SHARED,
    "DgramSender.sendGather() sends frames of different pieces in one call":
      "the messages of a call have as many pieces",
    "openFd() says what is wrong with a descriptor": "no SOCK_SEQPACKET",
    "claim() keeps mode and group when a path with many VMs changes its socket": SHARED,
    "Listener takes 200 at once and 1000 in a row, and leaks nothing": BACKLOG,
    "Listener has a backlog for a rack of VMs that reconnects": BACKLOG,
    "Listener rests when it is out of descriptors, and recovers":
      "the client that finds no descriptor is dropped",
    "claim() takes paths up to the limit and refuses longer ones before any system call": PATHS,
    "claim() counts bytes, not letters": PATHS,
  },
);
