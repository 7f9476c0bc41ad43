/*
 * The receiving half of a flow: every frame's head, sequence number and length are checked.
 *
 * Of datagrams only the head is copied out of the kernel unless every byte is to be checked (MSG_TRUNC
 * still tells the whole length), which keeps this side cheaper than any switch.
 */
#define _GNU_SOURCE
#include "load.h"
#include "load_tcp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void flow_open(struct flow *f, struct end *from, struct end *to) {
  f->from = from;
  f->to = to;
  size_t bytes = to->kind == STREAM ? STREAM_BYTES : (size_t)BATCH * (MAX_FRAME + 64);
  f->slots = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (f->slots == MAP_FAILED) fail("mmap");
}

void flow_begin(struct flow *f, const struct shape *shape, uint32_t run) {
  f->shape = *shape;
  f->run = run;
  f->next = f->forgiven = f->side_next = f->side_sent = 0;
  f->expected = f->received = f->bytes = f->bad = f->stale = f->other = 0;
  f->arrived = f->checked = 0;
  f->why = "";
  f->blocked = 0;
  memset(&f->delay, 0, sizeof f->delay);
  for (int i = 0; i < BATCH; i++) {
    size_t stride = shape->full || shape->flows ? MAX_FRAME + 64 : SMALL;
    f->in_vec[i] = (struct iovec){f->slots + i * stride, shape->full ? MAX_FRAME : SMALL};
    f->in[i].msg_hdr = (struct msghdr){.msg_iov = &f->in_vec[i], .msg_iovlen = 1};
  }
  flow_prepare(f);
}

/* The filler and the repeated number: no byte changed, no two frames mixed. */
static int body_intact(const struct flow *f, const uint8_t *frame, uint64_t seq) {
  size_t end = f->shape.size - TAIL;
  return !memcmp(frame + AT_BODY, filler + AT_BODY, end - AT_BODY) && !memcmp(frame + end, &seq, TAIL);
}

void flow_check(struct flow *f, const uint8_t *frame, size_t length, uint64_t now) {
  uint16_t mark;
  uint32_t run;
  uint64_t seq, sent;
  if (length < MIN_SIZE || frame[AT_TYPE] != 0x88 || frame[AT_TYPE + 1] != 0xb5) {
    f->bad++;
    return;
  }
  memcpy(&mark, frame + AT_MARK, 2);
  memcpy(&run, frame + AT_RUN, 4);
  memcpy(&seq, frame + AT_SEQ, 8);
  memcpy(&sent, frame + AT_TIME, 8);
  if (mark == MARK_LEARN || mark == MARK_SIDE || mark == MARK_FENCE) {
    f->other++;
    if (memcmp(frame + AT_SRC, f->from->mac, 6)) return;
    if (mark == MARK_LEARN) f->learned = 1;
    if (mark == MARK_FENCE) f->fence = seq;
  } else if (mark == MARK_DATA && run != f->run) {
    f->stale++;
  } else if (mark != MARK_DATA || length != (size_t)f->shape.size || seq < f->expected ||
             memcmp(frame + AT_DST, f->to->mac, 6) || memcmp(frame + AT_SRC, f->from->mac, 6) ||
             (f->shape.full && !body_intact(f, frame, seq))) {
    f->bad++;
  } else {
    f->received++;
    f->bytes += length;
    __atomic_store_n(&f->expected, seq + 1, __ATOMIC_RELAXED);
    record(&f->delay, now - sent);
  }
}

static int receive_datagrams(struct flow *f) {
  int whole = f->shape.flows ? tcp_look_whole(f) : f->shape.full;
  int n = recvmmsg(f->to->fd, f->in, BATCH, MSG_DONTWAIT | (whole ? 0 : MSG_TRUNC), NULL);
  if (n < 0) {
    if (errno != EAGAIN && errno != EINTR) fail("recvmmsg");
    return 0;
  }
  if (f->shape.flows) f->tcp->batches++;
  uint64_t now = now_ns();
  for (int i = 0; i < n; i++) {
    const uint8_t *bytes = f->in_vec[i].iov_base;
    size_t length = f->in[i].msg_len, lead = f->to->lead;
    if (length < lead + MIN_SIZE) f->bad++;
    else if (f->shape.flows && tcp_is(bytes + lead)) tcp_check(f, bytes, length, whole);
    else flow_check(f, bytes + lead, length - lead, now);
  }
  return n;
}

static int receive_stream(struct flow *f) {
  ssize_t n = recv(f->to->fd, f->slots + f->have, STREAM_BYTES - f->have, MSG_DONTWAIT);
  if (n == 0) {
    errno = ECONNRESET;
    fail("the switch closed the connection");
  }
  if (n < 0) {
    if (errno != EAGAIN && errno != EINTR) fail("recv");
    return 0;
  }
  uint64_t now = now_ns();
  size_t at = 0, end = f->have + n;
  int frames = 0;
  while (end - at >= 4) {
    uint32_t length;
    memcpy(&length, f->slots + at, 4);
    length = __builtin_bswap32(length);
    if (length == 0 || length > MAX_FRAME) {
      errno = EPROTO;
      fail("impossible length on the stream");
    }
    if (end - at - 4 < length) break;
    flow_check(f, f->slots + at + 4, length, now);
    at += 4 + length;
    frames++;
  }
  f->have = end - at;
  memmove(f->slots, f->slots + at, f->have);
  /* Part of a frame is progress too. */
  return frames ? frames : 1;
}

int flow_receive(struct flow *f) {
  return f->to->kind == STREAM ? receive_stream(f) : receive_datagrams(f);
}
