/*
 * The limit of vhost-user: what plain C reaches between two guests' rings when it only copies.
 *
 *   vhost_memcpy A.sock B.sock
 *
 * Every frame of one guest goes to the other with memcpy, as soon as it has buffers. No addresses are learned
 * or looked up, no header is judged, no descriptor is checked (never point a real guest here), and it never
 * sleeps. One copy, the ring's own work and nothing else.
 *
 * Compiled with -DDAMAGE or -DDROP it spoils some frames: what tests that the load generator notices.
 */
#define _GNU_SOURCE
#include "relax.h"
#include "vhost_memcpy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { BURST = 64, LOOKS = 4096 /* turns between two looks at the sockets */ };

struct port ports[2] = {{.fd = -1}, {.fd = -1}};

void fail(const char *what) {
  perror(what);
  exit(1);
}

static uint8_t *at(const struct port *p, uint64_t guest) {
  for (uint32_t i = 0; i < p->table.count; i++) {
    const struct region *r = &p->table.regions[i];
    if (guest - r->guest < r->size) return p->base[i] + (guest - r->guest);
  }
  fprintf(stderr, "vhost_memcpy: %s: address outside the guest's memory\n", p->path);
  exit(1);
}

struct piece { uint8_t *at; uint32_t length; };

/* The buffers of a chain; returns how many. */
static inline int pieces_of(const struct port *p, const struct desc *table, uint16_t head, struct piece *pieces) {
  const struct desc *d = &table[head];
  int n = 0;
  if (d->flags & DESC_INDIRECT) d = table = (struct desc *)at(p, d->at);
  for (;; d = &table[d->next]) {
    pieces[n++] = (struct piece){at(p, d->at), d->length};
    if (!(d->flags & DESC_NEXT) || n == MAX_RING) return n;
  }
}

static uint32_t total(const struct piece *pieces, int n) {
  uint32_t bytes = 0;
  for (int i = 0; i < n; i++) bytes += pieces[i].length;
  return bytes;
}

/* Copy `bytes` from where *from and *skip stand, which move on. */
static inline void copy(uint8_t *to, uint32_t bytes, const struct piece **from, uint32_t *skip) {
  while (bytes) {
    uint32_t left = (*from)->length - *skip, n = bytes < left ? bytes : left;
    memcpy(to, (*from)->at + *skip, n);
    to += n;
    bytes -= n;
    *skip += n;
    if (*skip == (*from)->length) (*from)++, *skip = 0;
  }
}

/* One frame into the next buffers of a ring of `avail` more; 0 when they are too few. */
static inline int deliver(struct port *to, struct ring *rx, uint16_t avail, const struct piece *from, uint32_t bytes) {
  static struct piece room[MAX_RING];
  uint16_t next = rx->avail_next, used = rx->used_next, buffers = 0;
  uint8_t *header = NULL;
  uint32_t skip = 0;
  for (; bytes; buffers++, next++, used++) {
    if (next == avail) return 0;
    uint16_t head = *avail_at(rx, next);
    int n = pieces_of(to, rx->desc, head, room);
    uint32_t put = 0;
    if (!header) header = room[0].at;
    for (int i = 0; i < n && bytes; i++) {
      uint32_t part = bytes < room[i].length ? bytes : room[i].length;
      copy(room[i].at, part, &from, &skip);
      put += part;
      bytes -= part;
    }
    *used_at(rx, used) = (struct used){head, put};
    if (bytes && !(to->features & BIT(F_MRG_RXBUF))) return 0; /* does not fit, now or ever */
  }
  memcpy(header + NET_BUFFERS, &buffers, 2);
  rx->avail_next = next;
  rx->used_next = used;
  return 1;
}

/* Tell the guest what was used since `old`. */
static void publish(struct ring *r, uint16_t old) {
  if (r->used_next == old) return;
  store16(r->used + 1, r->used_next);
  if (r->event_idx) store16(avail_event(r), r->avail_next - 1); /* no kicks: we look anyway */
  if (must_tell(r->avail, used_event(r), r->event_idx, r->used_next, old) && r->call >= 0) eventfd_write(r->call, 1);
}

/* Spoil one frame in a thousand; 1 when it is not to be delivered. */
static inline int mischief(struct piece *pieces, int n) {
  (void)pieces, (void)n;
#if defined(DAMAGE) || defined(DROP)
  static int frames;
  if (++frames % 1000) return 0;
#endif
#if defined(DAMAGE)
  pieces[n - 1].at[pieces[n - 1].length - 20] ^= 1;
#elif defined(DROP)
  return 1;
#endif
  return 0;
}

/* One burst from a guest to the other. */
static int serve(struct port *from, struct port *to) {
  static struct piece pieces[MAX_RING];
  if (!from->enabled[TX]) return 0;
  struct ring *tx = &from->rings[TX], *rx = &to->rings[RX];
  uint16_t avail = load16(tx->avail + 1), old = tx->used_next, rx_old = rx->used_next;
  if (avail == tx->avail_next) return 0;
  uint16_t room = to->enabled[RX] ? load16(rx->avail + 1) : 0;
  for (int i = 0; i < BURST && tx->avail_next != avail; i++) {
    uint16_t head = *avail_at(tx, tx->avail_next);
    int n = pieces_of(from, tx->desc, head, pieces);
    int gone = mischief(pieces, n) || !to->enabled[RX];
    if (!gone && !deliver(to, rx, room, pieces, total(pieces, n))) break;
    *used_at(tx, tx->used_next++) = (struct used){head, 0};
    tx->avail_next++;
  }
  if (to->enabled[RX]) publish(rx, rx_old);
  publish(tx, old);
  return tx->used_next != old;
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: vhost_memcpy A.sock B.sock\n");
    return 2;
  }
  for (int i = 0; i < 2; i++) open_port(&ports[i], argv[1 + i]);
  printf("{\"event\":\"ready\",\"pid\":%d,\"kind\":\"vhost-user\"}\n", (int)getpid());
  fflush(stdout);
  for (unsigned turn = 0;; turn++) {
    int moved = serve(&ports[0], &ports[1]) + serve(&ports[1], &ports[0]);
    if (turn % LOOKS == 0) look();
    if (!moved) relax();
  }
}
