/*
 * The limit's conversation with its front-ends: what they say is believed.
 */
#define _GNU_SOURCE
#include "vhost_memcpy.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const uint64_t FEATURES = BIT(F_CSUM) | BIT(F_GUEST_CSUM) | BIT(F_GUEST_TSO4) | BIT(F_GUEST_TSO6) |
  BIT(F_HOST_TSO4) | BIT(F_HOST_TSO6) | BIT(F_MRG_RXBUF) | BIT(F_INDIRECT) | BIT(F_EVENT_IDX) | BIT(F_PROTOCOL) |
  BIT(F_VERSION_1);

static uint8_t *at_user(const struct port *p, uint64_t user) {
  for (uint32_t i = 0; i < p->table.count; i++) {
    const struct region *r = &p->table.regions[i];
    if (user - r->user < r->size) return p->base[i] + (user - r->user);
  }
  return NULL;
}

static void forget_memory(struct port *p) {
  for (uint32_t i = 0; i < p->table.count; i++) {
    const struct region *r = &p->table.regions[i];
    munmap(p->base[i] - r->offset, r->size + r->offset);
  }
  p->table.count = 0;
}

static void set_memory(struct port *p, const struct message *m) {
  forget_memory(p);
  p->table = m->table;
  for (uint32_t i = 0; i < p->table.count; i++) {
    const struct region *r = &p->table.regions[i];
    uint8_t *file = mmap(NULL, r->size + r->offset, PROT_READ | PROT_WRITE, MAP_SHARED, m->fds[i], 0);
    if (file == MAP_FAILED) fail("mmap");
    p->base[i] = file + r->offset;
    close(m->fds[i]);
  }
}

/* Point the rings to where their addresses are now, and see which may run. */
static void arrange(struct port *p, int ready[2]) {
  for (int i = 0; i < 2; i++) {
    struct ring *r = &p->rings[i];
    r->desc = (struct desc *)at_user(p, p->addresses[i].desc);
    r->avail = (uint16_t *)at_user(p, p->addresses[i].avail);
    r->used = (uint16_t *)at_user(p, p->addresses[i].used);
    r->event_idx = !!(p->features & BIT(F_EVENT_IDX));
    p->enabled[i] = ready[i] && r->desc && r->avail && r->used && r->kick >= 0;
    if (p->enabled[i]) r->used[0] = NO_NOTIFY;
  }
}

static void swap_fd(int *fd, const struct message *m) {
  if (*fd >= 0) close(*fd);
  *fd = m->fd_count ? m->fds[0] : -1;
}

static void leave(struct port *p) {
  close(p->fd);
  for (int i = 0; i < 2; i++) {
    struct message none = {0};
    swap_fd(&p->rings[i].kick, &none);
    swap_fd(&p->rings[i].call, &none);
    p->enabled[i] = 0;
  }
  forget_memory(p);
  p->fd = -1;
}

static void answer(struct port *p, struct message *m, uint64_t value) {
  m->flags = FLAG_VERSION | FLAG_REPLY;
  m->size = 8;
  m->u64 = value;
  m->fd_count = 0;
  message_send(p->fd, m);
}

/* One message; ready[] is what SET_VRING_ENABLE said. */
static void heed(struct port *p, int ready[2]) {
  struct message m;
  if (!message_receive(p->fd, &m)) {
    leave(p);
    return;
  }
  int i = m.u64 & 1, ack = m.flags & FLAG_NEED_REPLY;
  struct ring *r = &p->rings[i];
  switch (m.request) {
    case GET_FEATURES: answer(p, &m, FEATURES); return;
    case GET_PROTOCOL_FEATURES: answer(p, &m, BIT(PROTOCOL_REPLY_ACK)); return;
    case GET_QUEUE_NUM: answer(p, &m, 1); return;
    case GET_VRING_BASE:
      ready[i] = p->enabled[i] = 0;
      m.state.num = r->avail_next;
      m.flags = FLAG_VERSION | FLAG_REPLY;
      message_send(p->fd, &m);
      return;
    case SET_FEATURES: p->features = m.u64; break;
    case SET_MEM_TABLE: set_memory(p, &m); break;
    case SET_VRING_NUM: r->num = m.state.num; break;
    case SET_VRING_BASE: r->avail_next = r->used_next = m.state.num; break;
    case SET_VRING_ADDR: p->addresses[i] = m.addresses; break;
    case SET_VRING_KICK: swap_fd(&r->kick, &m); break;
    case SET_VRING_CALL: swap_fd(&r->call, &m); break;
    case SET_VRING_ERR: if (m.fd_count) close(m.fds[0]); break;
    case SET_VRING_ENABLE: ready[i] = m.state.num; break;
    default: break;
  }
  arrange(p, ready);
  if (ack) answer(p, &m, 0);
}

void look(void) {
  static int ready[2][2];
  struct pollfd polled[2];
  for (int i = 0; i < 2; i++) {
    int fd = ports[i].fd < 0 ? ports[i].listener : ports[i].fd;
    polled[i] = (struct pollfd){.fd = fd, .events = POLLIN};
  }
  if (poll(polled, 2, 0) <= 0) return;
  for (int i = 0; i < 2; i++) {
    struct port *p = &ports[i];
    if (!polled[i].revents) continue;
    if (p->fd >= 0) heed(p, ready[i]);
    else if ((p->fd = accept(p->listener, NULL, NULL)) < 0) fail("accept");
    else ready[i][0] = ready[i][1] = 0;
  }
}

void open_port(struct port *p, const char *path) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  p->path = path;
  for (int i = 0; i < 2; i++) p->rings[i].kick = p->rings[i].call = -1;
  p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
  unlink(path);
  if (bind(p->listener, (struct sockaddr *)&name, sizeof name) || listen(p->listener, 1)) fail(path);
}
