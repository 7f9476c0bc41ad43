/*
 * The limit: what plain C reaches with vswitch's sockets, batches and sizes, without switching.
 *
 *   relay dgram  A.sock B.sock [--full drop|wait]
 *   relay stream A.sock B.sock
 *
 * Two endpoints, every frame of one goes to the other. No addresses are learned or looked up, nothing
 * is queued: this is the cost of the system calls and of nothing else. Lines on stdout have vswitch's
 * shape, so the bench reads both alike.
 */
#define _GNU_SOURCE
#include "relay.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct side sides[2];

static volatile sig_atomic_t asked_stats, asked_stop;

static void on_signal(int signal) {
  if (signal == SIGUSR2) asked_stats = 1;
  else asked_stop = 1;
}

void fail(const char *what) {
  perror(what);
  exit(1);
}

static void tell(FILE *out) {
  fprintf(out, "{\"event\":\"stats\",\"ports\":[");
  for (int i = 0; i < 2; i++) {
    const struct side *s = &sides[i];
    fprintf(out,
            "%s{\"name\":\"%s\",\"rx\":{\"frames\":%" PRIu64 ",\"bytes\":%" PRIu64
            ",\"calls\":%" PRIu64 "},\"tx\":{\"frames\":%" PRIu64 ",\"bytes\":%" PRIu64
            ",\"calls\":%" PRIu64 "},\"dropped\":%" PRIu64 "}",
            i ? "," : "", i ? "b" : "a", s->rx_frames, s->rx_bytes, s->rx_calls, s->tx_frames,
            s->tx_bytes, s->tx_calls, s->dropped);
  }
  fprintf(out, "]}\n");
  fflush(out);
}

void heed(void) {
  if (asked_stats) {
    asked_stats = 0;
    tell(stdout);
  }
  if (asked_stop) stop();
}

void stop(void) {
  tell(stderr);
  unlink(sides[0].path);
  unlink(sides[1].path);
  exit(0);
}

void ready(const char *kind) {
  printf("{\"event\":\"ready\",\"pid\":%d,\"kind\":\"%s\"}\n", (int)getpid(), kind);
  fflush(stdout);
}

void grow(int fd) {
  int bytes = SOCKET_BYTES;
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes)) fail("SO_SNDBUF");
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes)) fail("SO_RCVBUF");
}

int bound(int type, const char *path) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof name.sun_path) {
    fprintf(stderr, "relay: cannot bind %s: the path is %zu bytes, the limit is %zu\n", path,
            strlen(path), sizeof name.sun_path - 1);
    exit(2);
  }
  strcpy(name.sun_path, path);
  int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  unlink(path);
  if (bind(fd, (struct sockaddr *)&name, sizeof name)) fail(path);
  grow(fd);
  return fd;
}

static void usage(void) {
  fprintf(stderr, "usage: relay dgram|stream A.sock B.sock [--full drop|wait]\n");
  exit(2);
}

int main(int argc, char **argv) {
  enum full full = FULL_DROP;
  if (argc != 4 && argc != 6) usage();
  if (argc == 6) {
    if (strcmp(argv[4], "--full")) usage();
    if (!strcmp(argv[5], "wait")) full = FULL_WAIT;
    else if (strcmp(argv[5], "drop")) usage();
  }
  sides[0].path = argv[2];
  sides[1].path = argv[3];
  /* No SA_RESTART: a signal must end epoll_wait. */
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGUSR2, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  signal(SIGPIPE, SIG_IGN);
  if (!strcmp(argv[1], "dgram")) relay_dgram(full);
  else if (!strcmp(argv[1], "stream")) relay_stream();
  else usage();
  return 0;
}
