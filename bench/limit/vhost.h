/*
 * vhost-user and virtio-net as far as the load generator and the limit speak them: the socket's messages
 * (QEMU, docs/interop/vhost-user.rst) and split rings in shared memory (virtio 1.2, sections 2.7 and 5.1).
 * Everything is little-endian, as is every machine this runs on.
 */
#ifndef VHOST_H
#define VHOST_H

#include <stddef.h>
#include <stdint.h>

/* ---- messages ---- */
enum request {
  GET_FEATURES = 1, SET_FEATURES = 2, SET_OWNER = 3, SET_MEM_TABLE = 5, SET_VRING_NUM = 8, SET_VRING_ADDR = 9,
  SET_VRING_BASE = 10, GET_VRING_BASE = 11, SET_VRING_KICK = 12, SET_VRING_CALL = 13, SET_VRING_ERR = 14,
  GET_PROTOCOL_FEATURES = 15, SET_PROTOCOL_FEATURES = 16, GET_QUEUE_NUM = 17, SET_VRING_ENABLE = 18,
};
enum { FLAG_VERSION = 1, FLAG_REPLY = 4, FLAG_NEED_REPLY = 8, NO_FD = 0x100, MAX_FDS = 8, HEAD_BYTES = 12 };
enum { PROTOCOL_REPLY_ACK = 3 };

struct state { uint32_t index, num; };
struct addresses { uint32_t index, flags; uint64_t desc, used, avail, log; };
struct region { uint64_t guest, size, user, offset; };
struct table { uint32_t count, padding; struct region regions[MAX_FDS]; };
struct message {
  uint32_t request, flags, size;
  union {
    uint64_t u64;
    struct state state;
    struct addresses addresses;
    struct table table;
  } __attribute__((packed, aligned(4)));
  /* Beside the message, not in it. */
  int fds[MAX_FDS], fd_count;
};

/* Send a message of `size` bytes of payload with its descriptors. */
void message_send(int fd, const struct message *message);
/* Receive one; 0 at the end of the connection. */
int message_receive(int fd, struct message *message);

/* ---- features ---- */
#define BIT(n) (1ull << (n))
enum {
  F_CSUM = 0, F_GUEST_CSUM = 1, F_GUEST_TSO4 = 7, F_GUEST_TSO6 = 8, F_HOST_TSO4 = 11, F_HOST_TSO6 = 12,
  F_MRG_RXBUF = 15, F_ANY_LAYOUT = 27, F_INDIRECT = 28, F_EVENT_IDX = 29, F_PROTOCOL = 30, F_VERSION_1 = 32,
};

/* ---- split rings ---- */
enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4, NO_NOTIFY = 1, MAX_RING = 1024 };
enum { NET_BYTES = 12, NET_BUFFERS = 10 }; /* struct virtio_net_hdr_v1; offset of num_buffers in it */
enum { RX = 0, TX = 1 };                   /* as the guest sees it */

struct desc { uint64_t at; uint32_t length; uint16_t flags, next; };
struct used { uint32_t id, length; };
struct ring {
  uint16_t num;
  struct desc *desc;
  uint16_t *avail; /* flags, index, ring[num], then where the driver wants to be called */
  uint16_t *used;  /* flags, index, then as struct used[num], then where the device wants to be kicked */
  uint16_t avail_next, used_next;
  int kick, call, event_idx;
  uint64_t kicks, calls;
};

static inline struct used *used_at(const struct ring *r, uint16_t index) {
  return (struct used *)(r->used + 2) + (index & (r->num - 1));
}
static inline uint16_t *avail_at(const struct ring *r, uint16_t index) {
  return r->avail + 2 + (index & (r->num - 1));
}
/* Where the driver (device) says when it is to be called (kicked). */
static inline uint16_t *used_event(const struct ring *r) {
  return r->avail + 2 + r->num;
}
static inline uint16_t *avail_event(const struct ring *r) {
  return r->used + 2 + 4 * r->num;
}
static inline uint16_t load16(const uint16_t *at) {
  return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}
static inline void store16(uint16_t *at, uint16_t value) {
  __atomic_store_n(at, value, __ATOMIC_RELEASE);
}
/* Was `event` passed between the old and the new index? */
static inline int passed(uint16_t event, uint16_t now, uint16_t old) {
  return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}
/* Must the other side be told of what was published between `old` and `now`? Only after the index was stored. */
static inline int must_tell(const uint16_t *flags, const uint16_t *event, int event_idx, uint16_t now, uint16_t old) {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  return event_idx ? passed(load16(event), now, old) : !(load16(flags) & NO_NOTIFY);
}

#endif
