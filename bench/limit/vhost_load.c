/*
 * The load generator for vhost-user ports: a front-end and its guest at either end, both in one thread, in C so
 * that it is never the bottleneck.
 *
 *   vhost_load [--cpu N] [DRIVER] A.sock B.sock          two guests
 *   vhost_load [--cpu N] [DRIVER] A.sock dgram:B.sock    a guest, and a VM on a datagram port that takes no offload
 *   vhost_load [--cpu N] [DRIVER] --churn RATE C.sock    a guest that joins and leaves all the time
 *
 * DRIVER says what both guests are like: --ring 256 (descriptors), --rx 2048 (bytes of a receive buffer), --mrg 1,
 * --event-idx 1, --indirect 0, --offload 1 (checksums and TCP segmentation, as far as offered). After both ends
 * have learned of each other a ready line is printed; then each line on stdin is one run, each run prints one
 * JSON line, and the end of stdin ends the program:
 *
 *   throughput size=64 seconds=1 both=0 full=0 pieces=1 tcp=0
 *   latency    size=64 seconds=1 pause=1000
 *   trickle    size=64 seconds=1 rate=1000
 *   tcp        seconds=1 window=724 full=0 pieces=1
 *
 * `full=1` checks every byte and the order of every frame instead of its length, `both=1` sends in both directions,
 * `pieces=N` spreads a frame over N buffers (in an indirect table with --indirect 1), `tcp=1` sends TCP frames of
 * 65226 bytes with a virtio-net header that leaves them to be cut, `pause` is the microseconds from a frame's
 * arrival to the next frame. A guest has at most as many frames on their way as fit its ring and 1 MiB, and
 * sends when it has room: nothing needs to be lost. `tcp` is the run to a datagram end; there a segment is what
 * counts as a frame, as in load.c.
 */
#define _GNU_SOURCE
#include "vhost_load.h"
#include "load_tcp.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int wait_by_poll, two_threads;

static struct guest guests[2];
static struct end dgram;
static int to_dgram;

void fail(const char *what) {
  perror(what);
  exit(1);
}

static void usage(const char *what) {
  fprintf(stderr, "vhost_load: %s; see the head of vhost_load.c\n", what);
  exit(2);
}

/* A word such as "size=64"; 0 when it is none of them. */
static int parse(struct vhost_plan *plan, const char *word) {
  char name[16];
  double value;
  if (sscanf(word, "%15[a-z]=%lf", name, &value) != 2) return 0;
  if (!strcmp(name, "size")) plan->frames.size = value;
  else if (!strcmp(name, "pieces")) plan->frames.pieces = value;
  else if (!strcmp(name, "full")) plan->frames.full = value;
  else if (!strcmp(name, "tcp")) plan->frames.tcp = value;
  else if (!strcmp(name, "seconds")) plan->seconds = value;
  else if (!strcmp(name, "both")) plan->both = value;
  else if (!strcmp(name, "pause")) plan->pause_us = value;
  else if (!strcmp(name, "rate")) plan->rate = value;
  else if (!strcmp(name, "window")) plan->window = value;
  else return 0;
  return 1;
}

static void check(struct vhost_plan *plan, const struct driver *driver) {
  struct frames *f = &plan->frames;
  if (f->tcp) f->size = TCP_SIZE;
  if (f->size <= ANNOUNCE || f->size > MAX_FRAME) usage("size is out of range");
  if (f->pieces < 1 || f->pieces > MAX_PIECES) usage("pieces are out of range");
  if (!driver->mergeable && (uint32_t)f->size + NET_BYTES > driver->rx_bytes) usage("frames do not fit --rx");
}

static void command(char *line) {
  struct vhost_plan plan = {.frames = {.size = 64, .pieces = 1}, .seconds = 1, .window = 724};
  char *mode = strtok(line, " \n");
  if (!mode) return;
  for (char *word; (word = strtok(NULL, " \n"));)
    if (!parse(&plan, word)) usage(word);
  check(&plan, &guests[0].driver);
  if (!strcmp(mode, "tcp") && to_dgram) vhost_tcp(&guests[0], &dgram, &plan);
  else if (to_dgram) usage("only tcp goes to a datagram end");
  else if (!strcmp(mode, "throughput")) vhost_throughput(guests, &plan);
  else if (!strcmp(mode, "latency")) vhost_latency(guests, &plan);
  else if (!strcmp(mode, "trickle")) vhost_trickle(guests, &plan);
  else usage(mode);
}

static void stay(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set)) fail("sched_setaffinity");
}

static void check_driver(const struct driver *d) {
  if (d->num < 2 || d->num > MAX_RING || (d->num & (d->num - 1))) usage("--ring is a power of two up to 1024");
  if (d->rx_bytes < NET_BYTES + ANNOUNCE) usage("--rx is too small");
}

int main(int argc, char **argv) {
  struct driver driver = {.num = 256, .rx_bytes = 2048, .mergeable = 1, .event_idx = 1, .indirect = 0, .offload = 1};
  double churn = 0;
  int at = 1;
  for (; at + 1 < argc && !strncmp(argv[at], "--", 2); at += 2) {
    const char *option = argv[at];
    double value = atof(argv[at + 1]);
    if (!strcmp(option, "--cpu")) stay(value);
    else if (!strcmp(option, "--ring")) driver.num = value;
    else if (!strcmp(option, "--rx")) driver.rx_bytes = value;
    else if (!strcmp(option, "--mrg")) driver.mergeable = value;
    else if (!strcmp(option, "--event-idx")) driver.event_idx = value;
    else if (!strcmp(option, "--indirect")) driver.indirect = value;
    else if (!strcmp(option, "--offload")) driver.offload = value;
    else if (!strcmp(option, "--churn")) churn = value;
    else usage(option);
  }
  check_driver(&driver);
  signal(SIGPIPE, SIG_IGN);
  fill_filler();
  if (argc - at != (churn > 0 ? 1 : 2)) usage("two ends are needed, or one that churns");
  if (churn > 0) {
    vhost_churn(argv[at], &driver, churn);
    return 0;
  }
  to_dgram = !strncmp(argv[at + 1], "dgram:", 6);
  guest_join(&guests[0], argv[at], &driver, 1);
  if (to_dgram) end_open(&dgram, argv[at + 1], 2);
  else guest_join(&guests[1], argv[at + 1], &driver, 2);
  if (to_dgram) vhost_tcp_learn(&guests[0], &dgram);
  else vhost_learn(guests);
  printf("{\"event\":\"ready\",\"pid\":%d,\"features\":%llu}\n", (int)getpid(), (unsigned long long)guests[0].features);
  fflush(stdout);
  char line[512];
  while (fgets(line, sizeof line, stdin)) command(line);
  guest_leave(&guests[0]);
  if (to_dgram) end_close(&dgram);
  else guest_leave(&guests[1]);
  return 0;
}
