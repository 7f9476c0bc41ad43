/*
 * The two rings of a guest at work: what a driver does that looks at its rings all the time.
 *
 * Frames lie in their slots from the start, so that sending one is a number in the available ring; of what
 * comes the lengths are added up, and every byte is compared only when asked for.
 */
#define _GNU_SOURCE
#include "vhost_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

/* Let the device see what was made available since `old`; kick it if it wants that. */
static void publish(struct ring *r, uint16_t old) {
  store16(r->avail + 1, r->avail_next);
  if (!must_tell(r->used, avail_event(r), r->event_idx, r->avail_next, old)) return;
  eventfd_write(r->kick, 1);
  r->kicks++;
}

/* What must not be: the switch broke the ring, and nothing it does has a figure. */
static void broken(const char *what) {
  fprintf(stderr, "vhost_load: the switch %s\n", what);
  exit(1);
}

void guest_listen(struct guest *g, int listen) {
  struct ring *r = &g->rings[RX];
  if (r->event_idx) store16(used_event(r), listen ? r->used_next : r->used_next - 1);
  store16(r->avail, listen ? 0 : NO_NOTIFY);
  store16(g->rings[TX].avail, NO_NOTIFY);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Nobody wants to be called: an index that was passed long ago, moved on before it comes round again. */
static inline void hush(struct ring *r) {
  if (r->event_idx && (uint16_t)(r->used_next - *used_event(r)) > 0x4000) store16(used_event(r), r->used_next - 1);
}

/* ---- transmission ---- */
static void reap(struct guest *g) {
  struct ring *r = &g->rings[TX];
  uint16_t end = load16(r->used + 1);
  if ((uint16_t)(end - r->used_next) > r->num) broken("used more frames than there were");
  for (; r->used_next != end; r->used_next++) {
    uint32_t head = used_at(r, r->used_next)->id;
    if (head >= r->num) broken("used a frame that is none");
    g->idle[g->idle_end++ & (MAX_RING - 1)] = head;
  }
  if (g->idle_end - g->idle_first > g->window) broken("used a frame twice");
  hush(r);
}

uint32_t guest_pending(struct guest *g) {
  reap(g);
  return g->window - (g->idle_end - g->idle_first);
}

/* The parts of a frame that differ from the last. */
static void dress(struct guest *g, uint16_t head) {
  uint8_t *at = guest_slot(g, head);
  if (g->frames.live) tcp_write(at, g->sent, 0);
  else if (g->frames.full && !g->frames.tcp) stamp(at + NET_BYTES, at + NET_BYTES + g->frames.size - TAIL, g->sent, 0);
}

int guest_send(struct guest *g, uint64_t most) {
  struct ring *r = &g->rings[TX];
  uint16_t old = r->avail_next;
  reap(g);
  uint32_t count = g->idle_end - g->idle_first;
  if (count > most) count = most;
  for (uint32_t i = 0; i < count; i++) {
    uint16_t head = g->idle[g->idle_first++ & (MAX_RING - 1)];
    if (g->frames.full | g->frames.live) dress(g, head);
    *avail_at(r, r->avail_next++) = head;
    g->sent++;
  }
  if (count) publish(r, old);
  return count;
}

int guest_announce(struct guest *g) {
  static const struct frames announcement = {.size = ANNOUNCE, .pieces = 1};
  guest_prepare(g, everybody, &announcement);
  guest_send(g, 1);
  uint64_t start = now_ns();
  while (guest_pending(g))
    if (now_ns() - start > ASK_NS) return 0;
  g->sent = 0;
  return 1;
}

/* ---- reception ---- */
static uint8_t *buffer(struct guest *g, uint32_t id) {
  return g->rx_slots + (size_t)id * g->driver.rx_bytes;
}

/* Does a frame that begins at `next` in the used ring have the bytes it was sent with, and is it not an old one? */
static int intact(struct guest *g, uint16_t next, uint16_t buffers) {
  uint8_t *want = g->expected;
  const struct used *u = used_at(&g->rings[RX], next);
  uint64_t number = g->seen;
  if (!g->frames.tcp) {
    memcpy(&number, buffer(g, u->id) + NET_BYTES + AT_SEQ, 8);
    stamp(want + NET_BYTES, want + g->expected_bytes - TAIL, number, 0);
  }
  memcpy(want + NET_BUFFERS, &buffers, 2);
  for (uint32_t at = 0; buffers--; u = used_at(&g->rings[RX], ++next)) {
    if (u->length > g->driver.rx_bytes || memcmp(buffer(g, u->id), want + at, u->length)) return 0;
    at += u->length;
  }
  if (number < g->seen) return 0;
  g->seen = number + 1;
  return 1;
}

/* A frame of another length: somebody's announcement, or bad. */
static void odd(struct guest *g, const struct used *first, uint32_t bytes) {
  const uint8_t *frame = buffer(g, first->id) + NET_BYTES;
  uint16_t mark;
  memcpy(&mark, frame + AT_MARK, 2);
  if (bytes != NET_BYTES + ANNOUNCE || mark != MARK_LEARN) g->bad++;
  else if (memcmp(frame + AT_SRC, g->expected + NET_BYTES + AT_SRC, 6)) g->other++;
  else g->learned = 1;
}

/* Frames in the used ring of `end`; their buffers go back. */
static int take(struct guest *g, uint16_t end) {
  struct ring *r = &g->rings[RX];
  int frames = 0;
  while (r->used_next != end) {
    struct used first = *used_at(r, r->used_next);
    uint16_t buffers = 1;
    if (first.id >= r->num) broken("used a buffer that is none");
    if (g->driver.mergeable) memcpy(&buffers, buffer(g, first.id) + NET_BUFFERS, 2);
    if (buffers == 0 || buffers > (uint16_t)(end - r->used_next)) broken("published half a frame");
    uint32_t bytes = first.length;
    for (uint16_t i = 1; i < buffers; i++) bytes += used_at(r, r->used_next + i)->length;
    if (bytes != g->expected_bytes) odd(g, &first, bytes);
    else if (g->frames.full && !intact(g, r->used_next, buffers)) g->bad++;
    else g->received++;
    for (; buffers--; r->used_next++) *avail_at(r, r->avail_next++) = used_at(r, r->used_next)->id;
    frames++;
  }
  return frames;
}

int guest_receive(struct guest *g) {
  struct ring *r = &g->rings[RX];
  uint16_t end = load16(r->used + 1), old = r->avail_next;
  if (end == r->used_next) return 0;
  if ((uint16_t)(end - r->used_next) > r->num) broken("used more buffers than there were");
  int frames = take(g, end);
  publish(r, old);
  hush(r);
  return frames;
}
