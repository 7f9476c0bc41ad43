/*
 * The sending half of a flow. Payload is shared or prepared beforehand; per frame only head and tail are
 * written, so that sending costs little more than the system call.
 */
#define _GNU_SOURCE
#include "load.h"
#include "load_tcp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* MACs of the third VM, see idle(): its first two ends. */
static const uint8_t third[2][6] = {{0x02, 0, 0, 0x42, 0x10, 0}, {0x02, 0, 0, 0x42, 0x10, 1}};

static void prepare_datagrams(struct flow *f) {
  int size = f->shape.size;
  for (int i = 0; i < BATCH; i++) {
    struct iovec *vec = f->out_vec[i];
    memcpy(f->head[i], filler, SMALL);
    put_head(f->head[i], f->to->mac, f->from->mac, MARK_DATA, f->run);
    vec[0] = (struct iovec){f->head[i], size <= SMALL ? size : SMALL};
    vec[1] = (struct iovec){filler + SMALL, size - SMALL - TAIL};
    vec[2] = (struct iovec){f->tail[i], TAIL};
    f->out[i].msg_hdr = (struct msghdr){.msg_iov = vec, .msg_iovlen = size <= SMALL ? 1 : 3};
    if (size > SMALL && size < SMALL + TAIL) { /* no room for a tail of its own */
      vec[0].iov_len = size - TAIL;
      vec[1].iov_len = 0;
    }
  }
}

static void prepare_bulk(struct flow *f) {
  int size = f->shape.size;
  for (int i = 0; i < f->shape.per_write; i++) {
    uint8_t *at = f->bulk + (size_t)i * (size + 4);
    uint8_t prefix[4] = {size >> 24, size >> 16, size >> 8, size};
    memcpy(at, prefix, 4);
    memcpy(at + 4, filler, size);
    put_head(at + 4, f->to->mac, f->from->mac, MARK_DATA, f->run);
  }
}

void flow_prepare(struct flow *f) {
  f->bulk_at = f->bulk_end = 0;
  if (f->shape.flows) tcp_prepare(f);
  else if (f->from->kind == STREAM) prepare_bulk(f);
  else prepare_datagrams(f);
}

uint64_t flow_room(const struct flow *f) {
  if (f->shape.window == 0) return UINT64_MAX;
  uint64_t seen = __atomic_load_n(&f->expected, __ATOMIC_RELAXED);
  if (f->forgiven > seen) seen = f->forgiven;
  uint64_t out = f->next - seen;
  return out >= f->shape.window ? 0 : f->shape.window - out;
}

static int send_datagrams(struct flow *f, int count) {
  uint64_t now = now_ns();
  int size = f->shape.size;
  for (int i = 0; i < count; i++) {
    uint8_t *tail = size <= SMALL ? f->head[i] + size - TAIL : f->tail[i];
    stamp(f->head[i], tail, f->next + i, now);
  }
  int n = sendmmsg(f->from->fd, f->out, count, MSG_DONTWAIT);
  f->blocked = n < count;
  if (n < 0) {
    if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS) fail("sendmmsg");
    return 0;
  }
  __atomic_store_n(&f->next, f->next + n, __ATOMIC_RELAXED);
  return n;
}

/* One write of per_write frames, or the rest of the last one; returns frames whose last byte was taken. */
static int send_bulk(struct flow *f) {
  size_t step = f->shape.size + 4;
  if (f->bulk_at == f->bulk_end) {
    uint64_t now = now_ns();
    for (int i = 0; i < f->shape.per_write; i++) {
      uint8_t *frame = f->bulk + i * step + 4;
      stamp(frame, frame + f->shape.size - TAIL, f->next + i, now);
    }
    f->bulk_at = 0;
    f->bulk_end = step * f->shape.per_write;
  }
  ssize_t n = send(f->from->fd, f->bulk + f->bulk_at, f->bulk_end - f->bulk_at, MSG_DONTWAIT | MSG_NOSIGNAL);
  f->blocked = n < (ssize_t)(f->bulk_end - f->bulk_at);
  if (n < 0) {
    if (errno != EAGAIN && errno != EINTR) fail("send");
    return 0;
  }
  int before = f->bulk_at / step;
  f->bulk_at += n;
  int whole = f->bulk_at / step - before;
  __atomic_store_n(&f->next, f->next + whole, __ATOMIC_RELAXED);
  return whole;
}

/*
 * A frame for the third VM, now and then: to everybody, to its datagram end, to its stream end; beside TCP
 * only a short one to everybody, as ARP is.
 */
static void send_side(struct flow *f) {
  static uint8_t frame[MAX_FRAME];
  if (f->next < f->side_next || f->bulk_at != f->bulk_end) return;
  f->side_next = f->next + f->shape.side;
  unsigned turn = f->shape.flows ? 0 : f->side_sent++ % 3;
  int size = f->shape.flows ? 60 : f->shape.size;
  memcpy(frame, filler, size);
  put_head(frame, turn == 0 ? everybody : third[turn - 1], f->from->mac, MARK_SIDE, f->run);
  end_send(f->from, frame, size);
}

int flow_send(struct flow *f, uint64_t most) {
  if (most == 0) return 0;
  if (f->shape.side) send_side(f);
  most /= f->shape.segments;
  int count = most > BATCH ? BATCH : (int)most;
  if (f->shape.flows) return tcp_send(f, count);
  if (f->from->kind != STREAM) return send_datagrams(f, count);
  int sent = 0;
  do sent += send_bulk(f);
  while (!f->blocked && sent + f->shape.per_write <= count);
  return sent;
}
