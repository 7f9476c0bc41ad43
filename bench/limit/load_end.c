/*
 * The ends of the load generator: each does what a VM's network backend does to reach a switch.
 */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un path_name(const char *path) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof name.sun_path) {
    fprintf(stderr, "load: %s is too long for a socket path\n", path);
    exit(2);
  }
  strcpy(name.sun_path, path);
  return name;
}

static int unix_socket(int type) {
  int bytes = SOCKET_BYTES, fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  /* Asked for, not insisted on: the kernel caps it at net.core.wmem_max. */
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  return fd;
}

static void connect_path(int fd, const char *path) {
  struct sockaddr_un name = path_name(path);
  if (connect(fd, (struct sockaddr *)&name, sizeof name)) fail(path);
}

static void bind_own(struct end *end) {
  struct sockaddr_un name = path_name(end->own);
  unlink(end->own);
  if (bind(end->fd, (struct sockaddr *)&name, sizeof name)) fail(end->own);
}

/* VDE2's handshake, version 3: name our socket on the control connection, learn the switch's. */
static void join_vde(struct end *end, const char *directory, unsigned index) {
  struct __attribute__((packed)) {
    uint32_t magic, version, type;
    struct sockaddr_un own;
    char description[32];
  } request = {.magic = 0xfeedface, .version = 3, .type = 0, .description = "load"};
  char control[108];
  struct sockaddr_un data;
  snprintf(control, sizeof control, "%s/ctl", directory);
  snprintf(end->own, sizeof end->own, "%s/.%05d-%05u", directory, (int)getpid() % 100000, index);
  end->control = unix_socket(SOCK_STREAM);
  connect_path(end->control, control);
  end->fd = unix_socket(SOCK_DGRAM);
  bind_own(end);
  request.own = path_name(end->own);
  if (write(end->control, &request, sizeof request) != sizeof request) fail("vde request");
  if (recv(end->control, &data, sizeof data, MSG_WAITALL) != sizeof data) fail("vde reply");
  if (connect(end->fd, (struct sockaddr *)&data, sizeof data)) fail("vde data socket");
}

/* Bind beside the switch's socket, connect, say the magic: vfkit and krunkit. */
static void join_dgram(struct end *end, const char *path) {
  snprintf(end->own, sizeof end->own, "%s.vm", path);
  end->fd = unix_socket(SOCK_DGRAM);
  bind_own(end);
  connect_path(end->fd, path);
  if (send(end->fd, "VFKT", 4, 0) != 4) fail("VFKT");
}

void end_open(struct end *end, const char *spec, unsigned index) {
  uint8_t mac[6] = {0x02, 0, 0, 0x42, index >> 8, index};
  memcpy(end->mac, mac, 6);
  end->control = -1;
  if (!strncmp(spec, "dgram:", 6)) {
    end->kind = DGRAM;
    join_dgram(end, spec + 6);
  } else if (!strncmp(spec, "vde:", 4)) {
    end->kind = VDE;
    join_vde(end, spec + 4, index);
  } else if (!strncmp(spec, "stream:", 7)) {
    end->kind = STREAM;
    end->fd = unix_socket(SOCK_STREAM);
    connect_path(end->fd, spec + 7);
  } else {
    fprintf(stderr, "load: %s is not dgram:PATH, stream:PATH or vde:DIRECTORY\n", spec);
    exit(2);
  }
}

void end_close(struct end *end) {
  close(end->fd);
  if (end->control >= 0) close(end->control);
  if (end->own[0]) unlink(end->own);
}

int end_send(struct end *end, const uint8_t *frame, size_t length) {
  static uint8_t header[VNET_BYTES]; /* all zero: the frame is finished */
  size_t all = end->lead + length;
  uint8_t prefix[4] = {all >> 24, all >> 16, all >> 8, all};
  struct iovec vec[3] = {{prefix, 4}, {header, end->lead}, {(void *)frame, length}};
  int stream = end->kind == STREAM;
  struct msghdr message = {.msg_iov = stream ? vec : vec + 1, .msg_iovlen = stream ? 3 : 2};
  size_t left = all + (stream ? 4 : 0);
  for (int tries = 0; left > 0 && tries < 100;) {
    ssize_t n = sendmsg(end->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ENOBUFS) return 0;
    if (n < 0) {
      struct pollfd p = {.fd = end->fd, .events = POLLOUT};
      poll(&p, 1, 1);
      tries++;
      continue;
    }
    left -= n;
    for (; n > 0 && (size_t)n >= message.msg_iov->iov_len; message.msg_iov++, message.msg_iovlen--)
      n -= message.msg_iov->iov_len;
    if (left > 0) {
      message.msg_iov->iov_base = (uint8_t *)message.msg_iov->iov_base + n;
      message.msg_iov->iov_len -= n;
    }
  }
  return left == 0;
}
