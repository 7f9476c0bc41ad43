/*
 * VMs that are there and do nothing: they join, are learned once, and read whatever comes. Stopping the
 * process (SIGSTOP) makes each of them a VM that no longer reads.
 */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void idle(char **specs, int count, unsigned first) {
  static uint8_t frame[64], room[STREAM_BYTES];
  struct end *ends = calloc(count, sizeof *ends);
  struct pollfd *polled = calloc(count + 1, sizeof *polled);
  if (!ends || !polled) fail("calloc");
  for (int i = 0; i < count; i++) {
    end_open(&ends[i], specs[i], first + i);
    memcpy(frame, filler, sizeof frame);
    put_head(frame, everybody, ends[i].mac, MARK_LEARN, 0);
    if (!end_send(&ends[i], frame, sizeof frame)) fail(specs[i]);
    polled[i] = (struct pollfd){.fd = ends[i].fd, .events = POLLIN};
  }
  polled[count] = (struct pollfd){.fd = 0, .events = POLLIN}; /* the end of stdin ends us */
  printf("{\"event\":\"ready\",\"pid\":%d}\n", (int)getpid());
  fflush(stdout);
  for (;;) {
    if (poll(polled, count + 1, -1) < 0 && errno != EINTR) fail("poll");
    if (polled[count].revents) break;
    for (int i = 0; i < count; i++) {
      if (!polled[i].revents) continue;
      ssize_t n = recv(ends[i].fd, room, sizeof room, MSG_DONTWAIT);
      if (n == 0 && ends[i].kind == STREAM) polled[i].fd = -1; /* the switch closed it */
    }
  }
  for (int i = 0; i < count; i++) end_close(&ends[i]);
}
