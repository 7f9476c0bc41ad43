/*
 * Messages of vhost-user on their socket, with descriptors beside them.
 */
#define _GNU_SOURCE
#include "vhost.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control { struct cmsghdr align; char room[CMSG_SPACE(MAX_FDS * sizeof(int))]; };

static void give_up(const char *what) {
  fprintf(stderr, "vhost: %s: %s\n", what, strerror(errno));
  exit(1);
}

void message_send(int fd, const struct message *m) {
  union control control = {0};
  struct iovec vec = {(void *)m, HEAD_BYTES + m->size};
  struct msghdr message = {.msg_iov = &vec, .msg_iovlen = 1};
  if (m->fd_count) {
    message.msg_control = control.room;
    message.msg_controllen = CMSG_SPACE(m->fd_count * sizeof(int));
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    size_t bytes = m->fd_count * sizeof(int);
    *c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(bytes)};
    memcpy(CMSG_DATA(c), m->fds, bytes);
  }
  if (sendmsg(fd, &message, MSG_NOSIGNAL) != (ssize_t)vec.iov_len) give_up("cannot send a message");
}

int message_receive(int fd, struct message *m) {
  union control control;
  struct iovec vec = {m, HEAD_BYTES};
  struct msghdr message = {.msg_iov = &vec, .msg_iovlen = 1};
  message.msg_control = control.room;
  message.msg_controllen = sizeof control;
  ssize_t n = recvmsg(fd, &message, MSG_WAITALL | MSG_CMSG_CLOEXEC);
  m->fd_count = 0;
  if (n == 0 || (n < 0 && errno == ECONNRESET)) return 0;
  if (n != HEAD_BYTES || m->size > sizeof m->table) give_up("cannot read a message");
  struct cmsghdr *c = CMSG_FIRSTHDR(&message);
  if (c && c->cmsg_type == SCM_RIGHTS) {
    m->fd_count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(m->fds, CMSG_DATA(c), m->fd_count * sizeof(int));
  }
  if (m->size && recv(fd, &m->u64, m->size, MSG_WAITALL) != (ssize_t)m->size) give_up("cannot read a message");
  return 1;
}
