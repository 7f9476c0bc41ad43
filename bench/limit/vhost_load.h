/*
 * The parts of the vhost-user load generator: guests (a VM's memory, rings and connection each), the frames
 * they exchange, and the runs.
 */
#ifndef VHOST_LOAD_H
#define VHOST_LOAD_H

#include "load.h"
#include "vhost.h"

enum { MAX_PIECES = 20, ANNOUNCE = 60 /* frame bytes; runs have longer ones */, WINDOW_BYTES = 1 << 20 };

/* What a guest's driver is like. */
struct driver {
  uint16_t num;      /* descriptors a ring */
  uint32_t rx_bytes; /* of a buffer */
  int mergeable, event_idx, indirect, offload;
};

/* What a run sends. */
struct frames {
  int size;   /* bytes of a frame */
  int pieces; /* buffers it lies in */
  int full;   /* 1: check every byte and the order, 0: lengths */
  int tcp;    /* 1: TCP that is left to be cut and summed, see load_tcp.h; the same frame all the time */
  int live;   /* 1: numbered, as a TCP connection's frames are */
};

struct guest {
  struct driver driver;
  uint8_t mac[6];
  /* memory */
  int fd, memfd;
  uint8_t *memory;
  size_t bytes;
  uint64_t features;
  uint8_t *rx_slots, *tx_slots;
  struct desc *tables; /* MAX_PIECES descriptors for each head of the transmit ring */
  struct ring rings[2];
  /* transmission */
  struct frames frames;
  uint32_t stride;                  /* bytes from one transmit slot to the next */
  uint16_t idle[MAX_RING];          /* heads of frames that are not on their way, a ring */
  uint32_t idle_first, idle_end;
  uint16_t window;                  /* frames on their way at most */
  /* what this guest sends, and what it expects from the other: virtio-net header and frame */
  uint8_t image[NET_BYTES + MAX_FRAME];
  uint8_t *expected;
  uint32_t expected_bytes;
  uint64_t sent, received, bad, other, seen;
  int learned;
};

/* Join the switch at a socket path; the index makes the MAC address. */
void guest_join(struct guest *g, const char *path, const struct driver *driver, unsigned index);
void guest_leave(struct guest *g);

/* Lay out what g sends to `to`; nothing of g's may be on its way. */
void guest_prepare(struct guest *g, const uint8_t *to, const struct frames *frames);
/* Take back what the switch has taken, send at most so many frames; returns how many. */
int guest_send(struct guest *g, uint64_t most);
/* Take what has come, give the buffers back; returns frames. */
int guest_receive(struct guest *g);
/* Frames the switch has not taken yet. */
uint32_t guest_pending(struct guest *g);
/* Send one short frame to everybody; 0 when the switch does not take it in 100 ms. */
int guest_announce(struct guest *g);
/* Be called for frames from now on, or not. */
void guest_listen(struct guest *g, int listen);

/* Where frame `head` of the transmit ring lies, its virtio-net header first. */
static inline uint8_t *guest_slot(const struct guest *g, uint16_t head) {
  uint32_t slot = g->driver.indirect || g->frames.pieces == 1 ? head : head / g->frames.pieces;
  return g->tx_slots + (size_t)slot * g->stride + 2;
}

/* TCP frames of one connection from a guest, with their virtio-net header; begins a new connection. */
void tcp_connect(const struct guest *g, struct end *to, const struct shape *shape);
/* Write frame number `number`, without or with its payload (which is the same in all). */
void tcp_write(uint8_t *at, uint64_t number, int whole);
enum { TCP_SIZE = 14 + 20 + 32 + 45 * 1448 }; /* bytes of such a frame */

/* ---- runs ---- */
struct vhost_plan {
  struct frames frames;
  double seconds;
  int both;         /* frames in both directions */
  double pause_us;  /* latency: between a frame's arrival and the next */
  double rate;      /* trickle: frames a second */
  uint64_t window;  /* tcp: segments on the way */
};
void vhost_learn(struct guest guests[2]);
void vhost_throughput(struct guest guests[2], const struct vhost_plan *plan);
void vhost_latency(struct guest guests[2], const struct vhost_plan *plan);
void vhost_trickle(struct guest guests[2], const struct vhost_plan *plan);
/* A guest's TCP to a datagram end that takes finished frames only. */
void vhost_tcp_learn(struct guest *g, struct end *end);
void vhost_tcp(struct guest *g, struct end *end, const struct vhost_plan *plan);
/* Join and leave so many times a second until stdin ends. */
void vhost_churn(const char *path, const struct driver *driver, double rate);

#endif
