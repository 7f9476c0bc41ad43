/*
 * The load generator's parts: ends (one VM's socket each), flows (frames from one end to another) and
 * the runs over them.
 */
#ifndef LOAD_H
#define LOAD_H

#include "relax.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
  BATCH = 64,
  MAX_FRAME = 69632,
  VNET_BYTES = 12,          /* struct virtio_net_hdr_v1 */
  SMALL = 128,              /* frames up to here go out as one piece; of longer ones this much is looked at */
  SOCKET_BYTES = 4 << 20,   /* SO_SNDBUF and SO_RCVBUF asked for */
  STREAM_BYTES = 1 << 20,   /* receive room of a stream end */
  COALESCED = 64 * 1024,    /* bytes of a coalesced write */
};

/* ---- frames: Ethernet header, then mark, sequence number, time, run; then filler; then the number again ---- */
enum {
  AT_DST = 0, AT_SRC = 6, AT_TYPE = 12, AT_MARK = 14, AT_SEQ = 16, AT_TIME = 24, AT_RUN = 32,
  AT_BODY = 36, TAIL = 8, MIN_SIZE = AT_BODY + TAIL,
};
enum mark { MARK_LEARN = 0x4c4c, MARK_DATA = 0x4444, MARK_SIDE = 0x5353, MARK_FENCE = 0x4646 };

/* Filler of every frame, by position. */
extern uint8_t filler[MAX_FRAME];
void fill_filler(void);
/* Write a frame's constant parts up to AT_SEQ, and the run. */
void put_head(uint8_t *frame, const uint8_t *dst, const uint8_t *src, enum mark mark, uint32_t run);
/* Write the parts that differ from frame to frame. */
void stamp(uint8_t *frame, uint8_t *tail, uint64_t seq, uint64_t now);
/* Monotonic nanoseconds. */
uint64_t now_ns(void);
void fail(const char *what);

/* ---- delays: 1/16-octave histogram of nanoseconds ---- */
struct histogram { uint64_t count[64 * 16], total, longest; };
void record(struct histogram *h, uint64_t ns);
double percentile_us(const struct histogram *h, double part);

/* ---- ends ---- */
enum kind { DGRAM, STREAM, VDE };
/* What a VM leaves unfinished in what it sends and takes unfinished: nothing, checksums, and also the
 * segmentation of TCP, without or with a virtio-net header in front of each frame. */
enum offload { OFFLOAD_OFF, OFFLOAD_CSUM, OFFLOAD_TSO, OFFLOAD_VNET };
struct end {
  enum kind kind;
  enum offload offload;
  int lead; /* bytes of virtio-net header in front of each frame: 0 or VNET_BYTES */
  int fd, control;
  uint8_t mac[6];
  char own[108]; /* path of our own socket file, empty for a stream */
};
extern const uint8_t everybody[6];
/* Open "dgram:PATH", "stream:PATH" or "vde:DIRECTORY"; the index makes the MAC address. */
void end_open(struct end *end, const char *spec, unsigned index);
void end_close(struct end *end);
/* Send one finished frame, waiting up to 100 ms; 0 when it could not be sent. */
int end_send(struct end *end, const uint8_t *frame, size_t length);

/* ---- flows ---- */
struct shape { /* what one run sends */
  int size;           /* frame bytes */
  int per_write;      /* stream: frames a write */
  uint64_t window;    /* most frames on the way; 0: no limit */
  int full;           /* 1: check every byte, 0: heads and lengths */
  uint64_t side;      /* a frame for the third VM after this many; 0: none */
  int flows;          /* TCP connections, see load_tcp.h; 0: frames of our own */
  int segments;       /* TCP segments in a frame; sequence numbers, windows and results count segments */
};

struct flow {
  struct end *from, *to;
  struct shape shape;
  uint32_t run;
  /* source */
  uint64_t next;      /* sequence number of the next frame (read by the other thread) */
  uint64_t forgiven;  /* frames below this no longer count as on the way */
  uint64_t side_next, side_sent;
  int blocked;        /* the last send found no room */
  struct mmsghdr out[BATCH];
  struct iovec out_vec[BATCH][3];
  uint8_t head[BATCH][SMALL], tail[BATCH][TAIL];
  uint8_t bulk[COALESCED + MAX_FRAME + 4];
  size_t bulk_at, bulk_end;
  /* sink */
  uint64_t expected;  /* next sequence number in order (read by the other thread) */
  uint64_t received, bytes, bad, stale, other;
  uint64_t arrived;   /* TCP: frames that brought the segments */
  uint64_t checked;   /* TCP: frames of which every byte was checked */
  const char *why;    /* TCP: what was wrong with the first bad frame */
  int learned;        /* a frame from the other end has come */
  uint64_t fence;     /* number of the last fence that came */
  struct mmsghdr in[BATCH];
  struct iovec in_vec[BATCH];
  uint8_t *slots;     /* datagrams: BATCH slots; stream: STREAM_BYTES */
  size_t have;        /* stream: bytes of a started frame */
  struct histogram delay;
  struct tcp *tcp;    /* for runs with TCP frames */
};

void flow_open(struct flow *flow, struct end *from, struct end *to);
/* The source's part of flow_begin. */
void flow_prepare(struct flow *flow);
/* Forget the last run and prepare the next. */
void flow_begin(struct flow *flow, const struct shape *shape, uint32_t run);
/* Frames the window still allows. */
uint64_t flow_room(const struct flow *flow);
/* Send what is allowed now, at most a batch; returns frames sent. */
int flow_send(struct flow *flow, uint64_t most);
/* Take what has arrived; returns frames (of any run) seen. */
int flow_receive(struct flow *flow);
/* Judge one frame of our own; `length` may be more than is there to be looked at. */
void flow_check(struct flow *flow, const uint8_t *frame, size_t length, uint64_t now);

/* ---- waiting ---- */
enum {
  LOOK_NS = 5000,      /* pause between two looks at an empty socket */
  ASK_NS = 100000000,  /* a frame alone on its way that takes longer is taken for lost */
};
/* Nanoseconds of this run in which there was nothing to do: near zero means that we were the bottleneck. */
extern uint64_t rested;
/* Nothing to do since `idle_since`: pause or sleep. `look_ns` 0 looks again at once. */
void rest(struct flow *flow, uint64_t idle_since, uint64_t now, uint64_t look_ns);
/* Take everything still on its way. */
void drain(struct flow *flow);
/* Make both ends known to the switch; ends the program when no frame comes through. */
void learn(struct flow flows[2]);

/* ---- runs ---- */
struct plan { /* one command */
  struct shape shape;
  double seconds;
  uint64_t rounds;
};
extern int wait_by_poll, two_threads;
void run_throughput(struct flow flows[2], const struct plan *plan);
void run_latency(struct flow flows[2], const struct plan *plan);
void idle(char **specs, int count, unsigned first);
void pin(const char *list, int which);

#endif
