/*
 * What the two relays share: the sizes vswitch uses, the counters, and how they are told.
 */
#ifndef RELAY_H
#define RELAY_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

/* The same as vswitch, so that the ratio measures the program and not the sizes. */
enum {
  BATCH = 64,               /* datagrams a recvmmsg or sendmmsg */
  SLOT = 72 * 1024,         /* bytes a received frame may have */
  HEED_MS = 100, /* a signal that comes just before epoll_wait is heeded after this time */
  READ_BYTES = 256 * 1024,  /* bytes one read of a stream may bring */
  MAX_FRAME = 69632,        /* QEMU's NET_BUFSIZE */
  MIN_FRAME = 14,           /* an Ethernet header */
  SOCKET_BYTES = 2 << 20,   /* SO_SNDBUF and SO_RCVBUF */
};

/* What happens to frames for a datagram peer that does not take them now. */
enum full { FULL_DROP, FULL_WAIT };

/* Counters of one side; a call is counted whether or not it moved anything. */
struct side {
  const char *path;
  uint64_t rx_frames, rx_bytes, rx_calls;
  uint64_t tx_frames, tx_bytes, tx_calls;
  uint64_t dropped;
};

extern struct side sides[2];

/* Print an error with errno and end. */
void fail(const char *what);
/* A socket bound to a path with large buffers; an older file there is removed. */
int bound(int type, const char *path);
/* Ask for SOCKET_BYTES in both directions. */
void grow(int fd);
/* Tell "ready" on stdout. */
void ready(const char *kind);
/* Act on signals that came: SIGUSR2 tells the counters on stdout, SIGTERM on stderr and ends. */
void heed(void);
/* Tell the counters on stderr, remove the socket files and end. */
void stop(void);

void relay_dgram(enum full full);
void relay_stream(void);

#endif
