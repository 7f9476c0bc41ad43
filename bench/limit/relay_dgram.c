/*
 * Datagram relay: recvmmsg -> sendmmsg, 64 frames a call, frames never copied in between.
 *
 * The peer is learned from its first datagram and connected back, which lifts Linux's limit of 10
 * queued datagrams (a connected pair is bounded by SO_SNDBUF only).
 */
#define _GNU_SOURCE
#include "relay.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* Shortest and longest wait between two tries of a full peer; a writable event ends it earlier. */
enum { RETRY_FIRST_US = 50, RETRY_LAST_US = 1000 };

static int fds[2], known[2];
static enum full policy;
static struct mmsghdr in[BATCH], out[BATCH];
static struct iovec in_vec[BATCH], out_vec[BATCH];

static void lay_out(void) {
  uint8_t *slab =
    mmap(NULL, (size_t)SLOT * BATCH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (slab == MAP_FAILED) fail("mmap");
  for (int i = 0; i < BATCH; i++) {
    in_vec[i] = (struct iovec){slab + i * SLOT, SLOT};
    in[i].msg_hdr = (struct msghdr){.msg_iov = &in_vec[i], .msg_iovlen = 1};
    out[i].msg_hdr = (struct msghdr){.msg_iov = &out_vec[i], .msg_iovlen = 1};
  }
}

/* Wait until a full peer may take more. */
static void await_room(int fd, int *pause_us) {
  struct pollfd p = {.fd = fd, .events = POLLOUT};
  struct timespec t = {.tv_nsec = *pause_us * 1000L};
  ppoll(&p, 1, &t, NULL);
  heed();
  *pause_us = *pause_us * 2 > RETRY_LAST_US ? RETRY_LAST_US : *pause_us * 2;
}

/* Hand `count` staged frames to side `to`. */
static void forward(int to, int count) {
  struct side *s = &sides[to];
  int pause_us = RETRY_FIRST_US;
  if (!known[to]) {
    s->dropped += count;
    return;
  }
  for (int done = 0; done < count;) {
    int n = sendmmsg(fds[to], out + done, count - done, 0);
    s->tx_calls++;
    if (n > 0) {
      for (int i = done; i < done + n; i++) s->tx_bytes += out_vec[i].iov_len;
      s->tx_frames += n;
      done += n;
      pause_us = RETRY_FIRST_US;
    } else if (errno == EINTR) {
      heed();
    } else if ((errno == EAGAIN || errno == ENOBUFS) && policy == FULL_WAIT) {
      await_room(fds[to], &pause_us);
    } else { /* full and not waiting, too long, or nobody there */
      s->dropped += count - done;
      return;
    }
  }
}

/* First datagram of a peer: learn it, connect back. Returns 1 if the datagram is a frame, now staged. */
static int meet(int side) {
  struct sockaddr_un name;
  socklen_t length = sizeof name;
  ssize_t n = recvfrom(fds[side], in_vec[0].iov_base, SLOT, 0, (struct sockaddr *)&name, &length);
  sides[side].rx_calls++;
  if (n < 0) return 0;
  if (connect(fds[side], (struct sockaddr *)&name, length)) return 0;
  known[side] = 1;
  if (n < MIN_FRAME || (n == 4 && !memcmp(in_vec[0].iov_base, "VFKT", 4))) return 0;
  out_vec[0] = (struct iovec){in_vec[0].iov_base, n};
  sides[side].rx_frames++;
  sides[side].rx_bytes += n;
  return 1;
}

/*
 * One batch. Taking up to 4 or 64 batches before the next epoll_wait, and slots that start 64 bytes
 * further into their page each (against cache conflicts), were both measured: no difference above noise.
 */
static void serve(int side) {
  struct side *s = &sides[side];
  if (!known[side]) {
    if (meet(side)) forward(1 - side, 1);
    return;
  }
  int n = recvmmsg(fds[side], in, BATCH, 0, NULL);
  s->rx_calls++;
  if (n <= 0) return;
  int staged = 0;
  for (int i = 0; i < n; i++) {
    unsigned length = in[i].msg_len;
    s->rx_bytes += length;
    if (length < MIN_FRAME) {
      s->dropped++;
      continue;
    }
    out_vec[staged++] = (struct iovec){in_vec[i].iov_base, length};
  }
  s->rx_frames += n;
  forward(1 - side, staged);
}

void relay_dgram(enum full full) {
  policy = full;
  lay_out();
  int ep = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i < 2; i++) {
    fds[i] = bound(SOCK_DGRAM, sides[i].path);
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = i};
    if (epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &e)) fail("epoll_ctl");
  }
  ready("dgram");
  for (;;) {
    struct epoll_event e[2];
    int n = epoll_wait(ep, e, 2, HEED_MS);
    heed();
    for (int i = 0; i < n; i++) serve(e[i].data.u32);
  }
}
