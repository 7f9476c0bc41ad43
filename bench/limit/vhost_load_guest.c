/*
 * A guest and its front-end: memory, rings, and the conversation that makes them a port of the switch.
 *
 * The memory is one sealed memfd: transmit and receive ring, receive buffers, transmit slots. Messages come in
 * the order of QEMU's vhost-user netdev, each that may be acknowledged is.
 */
#define _GNU_SOURCE
#include "vhost_load.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* Where guest memory begins for the guest: not 0, so that an address is never an offset by accident. */
static const uint64_t GUEST_BASE = 0x40000000;

static uint64_t wanted(const struct driver *d) {
  uint64_t features = BIT(F_VERSION_1) | BIT(F_PROTOCOL);
  if (d->mergeable) features |= BIT(F_MRG_RXBUF);
  if (d->event_idx) features |= BIT(F_EVENT_IDX);
  if (d->indirect) features |= BIT(F_INDIRECT);
  if (d->offload)
    features |= BIT(F_CSUM) | BIT(F_GUEST_CSUM) | BIT(F_HOST_TSO4) | BIT(F_HOST_TSO6) | BIT(F_GUEST_TSO4) |
                BIT(F_GUEST_TSO6);
  return features;
}

static void *take(struct guest *g, size_t bytes) {
  void *at = g->memory ? g->memory + g->bytes : NULL;
  g->bytes += (bytes + 4095) & ~4095ul;
  return at;
}

/* Parts of the memory; the first time, without memory, only their sum counts. */
static void lay_out(struct guest *g) {
  const struct driver *d = &g->driver;
  g->bytes = 0;
  for (int i = 0; i < 2; i++) {
    struct ring *r = &g->rings[i];
    r->num = d->num;
    r->event_idx = d->event_idx;
    r->desc = take(g, d->num * sizeof *r->desc);
    r->avail = take(g, (3 + d->num) * 2);
    r->used = take(g, (3 + d->num * 4) * 2);
  }
  g->tables = take(g, d->num * MAX_PIECES * sizeof *g->tables);
  g->rx_slots = take(g, (size_t)d->num * d->rx_bytes);
  g->tx_slots = take(g, (size_t)d->num * (NET_BYTES + MAX_FRAME + 64));
}

static void make_memory(struct guest *g) {
  lay_out(g);
  g->memfd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (g->memfd < 0 || ftruncate(g->memfd, g->bytes)) fail("memfd");
  if (fcntl(g->memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) fail("F_ADD_SEALS");
  g->memory = mmap(NULL, g->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, g->memfd, 0);
  if (g->memory == MAP_FAILED) fail("mmap");
  lay_out(g);
}

/* ---- messages ---- */
static uint64_t ask(struct guest *g, enum request request) {
  struct message m = {.request = request, .flags = FLAG_VERSION};
  message_send(g->fd, &m);
  if (!message_receive(g->fd, &m) || m.request != request) {
    fprintf(stderr, "vhost_load: the switch did not answer request %d\n", request);
    exit(1);
  }
  return m.u64;
}

static void tell(struct guest *g, struct message *m, uint32_t size, int acks) {
  uint32_t request = m->request;
  m->size = size;
  m->flags = FLAG_VERSION | (acks ? FLAG_NEED_REPLY : 0);
  message_send(g->fd, m);
  if (!acks) return;
  if (!message_receive(g->fd, m) || m->request != request || m->u64 != 0) {
    fprintf(stderr, "vhost_load: the switch refused request %u\n", request);
    exit(1);
  }
}

static void tell_number(struct guest *g, enum request request, uint64_t value, int acks) {
  struct message m = {.request = request, .u64 = value};
  tell(g, &m, 8, acks);
}

static void tell_ring(struct guest *g, enum request request, uint32_t index, uint32_t num, int acks) {
  struct message m = {.request = request, .state = {index, num}};
  tell(g, &m, sizeof m.state, acks);
}

static void tell_fd(struct guest *g, enum request request, uint32_t index, int fd, int acks) {
  struct message m = {.request = request, .u64 = index, .fds = {fd}, .fd_count = 1};
  tell(g, &m, 8, acks);
}

static void tell_memory(struct guest *g, int acks) {
  struct message m = {.request = SET_MEM_TABLE, .fds = {g->memfd}, .fd_count = 1};
  m.table.count = 1;
  m.table.regions[0] = (struct region){GUEST_BASE, g->bytes, (uintptr_t)g->memory, 0};
  tell(g, &m, 8 + sizeof(struct region), acks);
}

static void tell_addresses(struct guest *g, uint32_t index, int acks) {
  const struct ring *r = &g->rings[index];
  struct message m = {.request = SET_VRING_ADDR};
  m.addresses = (struct addresses){index, 0, (uintptr_t)r->desc, (uintptr_t)r->used, (uintptr_t)r->avail, 0};
  tell(g, &m, sizeof m.addresses, acks);
}

static void negotiate(struct guest *g) {
  uint64_t offered = ask(g, GET_FEATURES), acks = 0;
  if (offered & BIT(F_PROTOCOL)) {
    acks = ask(g, GET_PROTOCOL_FEATURES) & BIT(PROTOCOL_REPLY_ACK);
    tell_number(g, SET_PROTOCOL_FEATURES, acks, 0);
  }
  struct message owner = {.request = SET_OWNER};
  tell(g, &owner, 0, 0);
  g->features = offered & wanted(&g->driver);
  uint64_t needed = BIT(F_VERSION_1) | BIT(F_MRG_RXBUF) | BIT(F_EVENT_IDX) | BIT(F_INDIRECT);
  if ((g->features ^ wanted(&g->driver)) & needed) {
    fprintf(stderr, "vhost_load: the switch offers only features %#llx\n", (unsigned long long)offered);
    exit(1);
  }
  tell_number(g, SET_FEATURES, g->features, acks);
  tell_memory(g, acks);
  for (int i = 0; i < 2; i++) {
    tell_ring(g, SET_VRING_NUM, i, g->driver.num, acks);
    tell_ring(g, SET_VRING_BASE, i, 0, acks);
    tell_addresses(g, i, acks);
    tell_fd(g, SET_VRING_KICK, i, g->rings[i].kick, acks);
    tell_fd(g, SET_VRING_CALL, i, g->rings[i].call, acks);
  }
  for (int i = 0; i < 2; i++) tell_ring(g, SET_VRING_ENABLE, i, 1, acks);
}

/* Every receive buffer is the switch's. */
static void offer_buffers(struct guest *g) {
  struct ring *r = &g->rings[RX];
  for (int i = 0; i < r->num; i++) {
    uint64_t at = GUEST_BASE + (g->rx_slots - g->memory) + (uint64_t)i * g->driver.rx_bytes;
    r->desc[i] = (struct desc){at, g->driver.rx_bytes, DESC_WRITE, 0};
    *avail_at(r, i) = i;
  }
  r->avail_next = r->num;
  store16(r->avail + 1, r->avail_next);
}

static int dial(const char *path) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  struct timeval patience = {.tv_sec = 5};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (strlen(path) >= sizeof name.sun_path) fail(path);
  strcpy(name.sun_path, path);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(fd, (struct sockaddr *)&name, sizeof name)) fail(path);
  return fd;
}

void guest_join(struct guest *g, const char *path, const struct driver *driver, unsigned index) {
  memset(g, 0, sizeof *g);
  g->driver = *driver;
  memcpy(g->mac, (uint8_t[]){0x02, 0, 0, 0x42, index >> 8, index}, 6);
  make_memory(g);
  for (int i = 0; i < 2; i++) {
    g->rings[i].kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    g->rings[i].call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  }
  offer_buffers(g);
  guest_listen(g, 0);
  g->fd = dial(path);
  negotiate(g);
}

void guest_leave(struct guest *g) {
  for (int i = 0; i < 2; i++) {
    close(g->rings[i].kick);
    close(g->rings[i].call);
  }
  close(g->fd);
  munmap(g->memory, g->bytes);
  close(g->memfd);
}

/* ---- what is sent ---- */
/* The buffers of the frame with this head: as many as there are pieces, the header in the first. */
static void describe(struct guest *g, int slot) {
  const struct frames *f = &g->frames;
  struct ring *r = &g->rings[TX];
  int own = g->driver.indirect && f->pieces > 1, head = own ? slot : slot * f->pieces;
  struct desc *d = own ? g->tables + (size_t)slot * MAX_PIECES : r->desc + head;
  uint32_t bytes = NET_BYTES + f->size, step = bytes / f->pieces, done = 0;
  uint64_t at = GUEST_BASE + (g->tx_slots - g->memory) + (uint64_t)slot * g->stride + 2;
  for (int i = 0; i < f->pieces; i++) {
    int last = i == f->pieces - 1;
    uint32_t part = last ? bytes - done : step;
    d[i] = (struct desc){at + done, part, last ? 0 : DESC_NEXT, last ? 0 : (own ? i : head + i) + 1};
    done += part;
  }
  if (own) {
    uint64_t table = GUEST_BASE + ((uint8_t *)d - g->memory);
    r->desc[slot] = (struct desc){table, f->pieces * sizeof *d, DESC_INDIRECT, 0};
  }
  g->idle[g->idle_end++ & (MAX_RING - 1)] = head;
}

/* Until the switch has taken all that was sent: a slot that is on its way is not written. */
static void settle(struct guest *g) {
  uint64_t start = now_ns();
  while (guest_pending(g)) {
    if (now_ns() - start > 5000000000ull) {
      fprintf(stderr, "vhost_load: the switch did not take a frame in 5 s\n");
      exit(1);
    }
    guest_receive(g);
  }
}

void guest_prepare(struct guest *g, const uint8_t *to, const struct frames *frames) {
  settle(g);
  g->frames = *frames;
  memset(g->image, 0, NET_BYTES);
  memcpy(g->image + NET_BYTES, filler, frames->size);
  put_head(g->image + NET_BYTES, to, g->mac, frames->size == ANNOUNCE ? MARK_LEARN : MARK_DATA, 0);
  if (frames->tcp) tcp_write(g->image, 0, 1);
  /* As far apart as small skbs are, or closely; as Linux's skbs, 2 bytes off a word. */
  g->stride = (2 + NET_BYTES + frames->size + 63) & ~63u;
  if (g->stride < 512) g->stride = 512;
  int heads = g->driver.indirect ? g->driver.num : g->driver.num / frames->pieces;
  int fit = WINDOW_BYTES / frames->size;
  g->window = fit < 2 ? 2 : fit < heads ? fit : heads;
  g->idle_first = g->idle_end = 0;
  for (int slot = 0; slot < g->window; slot++) {
    memcpy(g->tx_slots + (size_t)slot * g->stride + 2, g->image, NET_BYTES + frames->size);
    describe(g, slot);
  }
}
