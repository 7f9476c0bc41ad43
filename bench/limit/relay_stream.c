/*
 * Stream relay: one read of up to 256 KiB, one write of every complete frame in it.
 *
 * Frames have a 32-bit big-endian length in front. The part of a frame at the end of a read is carried
 * to the next one. While the other side is full this side is not read; the kernel pushes back on the
 * sender then.
 */
#define _GNU_SOURCE
#include "relay.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

/* One direction. Bytes `start .. whole` are complete frames, `whole .. end` the part of the next. */
struct direction {
  uint8_t *bytes;
  size_t start, whole, end;
  uint64_t frames; /* complete frames not yet counted as sent */
};

/* A read always finds room for READ_BYTES behind the longest carried part. */
enum { CAPACITY = READ_BYTES + MAX_FRAME + 4 };

static int ep, fds[2];
static struct direction directions[2]; /* [i] carries what side i sends */

/* Ask for the events each side needs now. */
static void rewatch(int side) {
  int reading = directions[side].start == directions[side].whole;
  int writing = directions[1 - side].start != directions[1 - side].whole;
  struct epoll_event e = {
    .events = (reading ? EPOLLIN : 0) | (writing ? EPOLLOUT : 0), .data.u32 = side};
  if (epoll_ctl(ep, EPOLL_CTL_MOD, fds[side], &e)) fail("epoll_ctl");
}

/* A client left or sent nonsense: there is nothing left to relay. */
static void gone(const char *why) {
  fprintf(stderr, "relay: %s\n", why);
  stop();
}

/* Write what is complete; 1 when nothing complete is left. */
static int drain(int from) {
  struct direction *d = &directions[from];
  struct side *s = &sides[1 - from];
  while (d->start < d->whole) {
    ssize_t n = write(fds[1 - from], d->bytes + d->start, d->whole - d->start);
    s->tx_calls++;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return 0;
    if (n < 0) gone("a client is gone");
    d->start += n;
    s->tx_bytes += n;
  }
  s->tx_frames += d->frames;
  d->frames = 0;
  return 1;
}

/* Find the complete frames in what was read. */
static void walk(struct direction *d, struct side *s) {
  size_t at = d->whole;
  while (d->end - at >= 4) {
    uint32_t length;
    memcpy(&length, d->bytes + at, 4);
    length = __builtin_bswap32(length);
    if (length == 0 || length > MAX_FRAME) gone("a client sent an impossible length");
    if (d->end - at - 4 < length) break;
    at += 4 + length;
    d->frames++;
  }
  s->rx_frames += d->frames;
  d->whole = at;
}

static void serve(int side) {
  struct direction *d = &directions[side];
  struct side *s = &sides[side];
  ssize_t n = read(fds[side], d->bytes + d->end, READ_BYTES);
  s->rx_calls++;
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) gone("a client is gone");
  s->rx_bytes += n;
  d->end += n;
  walk(d, s);
  int emptied = drain(side);
  if (emptied) {
    size_t carried = d->end - d->whole;
    memmove(d->bytes, d->bytes + d->whole, carried);
    d->start = d->whole = 0;
    d->end = carried;
  } else {
    rewatch(side);
    rewatch(1 - side);
  }
}

/* The other side became writable: go on with what waits for it. */
static void resume(int to) {
  struct direction *d = &directions[1 - to];
  if (d->start == d->whole || !drain(1 - to)) return;
  size_t carried = d->end - d->whole;
  memmove(d->bytes, d->bytes + d->whole, carried);
  d->start = d->whole = 0;
  d->end = carried;
  rewatch(to);
  rewatch(1 - to);
}

static void meet(int listeners[2]) {
  for (int side = 0; side < 2; side++) {
    while ((fds[side] = accept4(listeners[side], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) < 0) {
      if (errno != EAGAIN && errno != EINTR) fail("accept");
      struct epoll_event e = {.events = EPOLLIN};
      epoll_ctl(ep, EPOLL_CTL_ADD, listeners[side], &e);
      epoll_wait(ep, &e, 1, HEED_MS);
      heed();
      epoll_ctl(ep, EPOLL_CTL_DEL, listeners[side], NULL);
    }
    grow(fds[side]);
    directions[side].bytes =
      mmap(NULL, CAPACITY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (directions[side].bytes == MAP_FAILED) fail("mmap");
  }
}

void relay_stream(void) {
  int listeners[2];
  ep = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i < 2; i++) {
    listeners[i] = bound(SOCK_STREAM, sides[i].path);
    if (listen(listeners[i], 4)) fail("listen");
  }
  ready("stream");
  meet(listeners);
  for (int i = 0; i < 2; i++) {
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = i};
    if (epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &e)) fail("epoll_ctl");
  }
  for (;;) {
    struct epoll_event e[2];
    int n = epoll_wait(ep, e, 2, HEED_MS);
    heed();
    for (int i = 0; i < n; i++) {
      int side = e[i].data.u32;
      if (e[i].events & EPOLLOUT) resume(side);
      if (e[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) && directions[side].start == directions[side].whole)
        serve(side);
    }
  }
}
