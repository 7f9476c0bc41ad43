/*
 * The runs between two guests: throughput, latency, and a trickle. One thread is both VMs and looks at its
 * rings all the time.
 */
#define _GNU_SOURCE
#include "vhost_load.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const uint64_t STALL_NS = 300000000;
/* Turns between two looks at the clock. */
enum { TURNS = 16 };

/* Calls that came, and forget them. */
static void count_calls(struct guest *g) {
  eventfd_t count;
  for (int i = 0; i < 2; i++)
    if (!eventfd_read(g->rings[i].call, &count)) g->rings[i].calls += count;
}

static void begin(struct guest guests[2], const struct vhost_plan *plan) {
  for (int i = 0; i < 2; i++) {
    struct guest *g = &guests[i], *other = &guests[1 - i];
    if (plan->frames.tcp) {
      struct shape shape = {.flows = 1};
      struct end *end = calloc(1, sizeof *end); /* a run's: the flow keeps it */
      memcpy(end->mac, other->mac, 6);
      shape.segments = 45;
      shape.size = TCP_SIZE;
      tcp_connect(g, end, &shape);
    }
    guest_prepare(g, other->mac, &plan->frames);
    count_calls(g);
    g->sent = g->received = g->bad = g->other = g->seen = 0;
    other->expected = g->image;
    other->expected_bytes = NET_BYTES + plan->frames.size;
    for (int r = 0; r < 2; r++) g->rings[r].kicks = g->rings[r].calls = 0;
  }
  rested = 0;
}

/* Frames that were sent and have not come. */
static uint64_t missing(const struct guest guests[2]) {
  uint64_t sent = guests[0].sent + guests[1].sent, came = 0;
  for (int i = 0; i < 2; i++) came += guests[i].received + guests[i].bad;
  return sent > came ? sent - came : 0;
}

/* Everything that was sent has come, or nothing comes any more. */
static void finish(struct guest guests[2]) {
  uint64_t last = now_ns();
  while (now_ns() - last < STALL_NS) {
    int moved = guest_receive(&guests[0]) + guest_receive(&guests[1]);
    if (moved) last = now_ns();
    else if (guest_pending(&guests[0]) + guest_pending(&guests[1]) == 0 && missing(guests) == 0) return;
  }
}

static void report(const char *mode, struct guest guests[2], double seconds, uint64_t timely,
                   const struct histogram *h) {
  uint64_t sent = 0, received = 0, bad = 0, other = 0, kicks = 0, calls = 0;
  static const struct histogram none;
  if (!h) h = &none;
  for (int i = 0; i < 2; i++) {
    struct guest *g = &guests[i];
    count_calls(g);
    sent += g->sent;
    received += g->received;
    bad += g->bad;
    other += g->other;
    kicks += g->rings[RX].kicks + g->rings[TX].kicks;
    calls += g->rings[RX].calls + g->rings[TX].calls;
  }
  printf("{\"event\":\"%s\",\"size\":%d,\"sent\":%" PRIu64 ",\"received\":%" PRIu64 ",\"seconds\":%.6f"
         ",\"framesPerSecond\":%.1f,\"lost\":%" PRIu64 ",\"bad\":%" PRIu64 ",\"other\":%" PRIu64 ",\"kicks\":%" PRIu64
         ",\"calls\":%" PRIu64 ",\"p50Us\":%.3f,\"p99Us\":%.3f,\"maxUs\":%.3f,\"restedSeconds\":%.6f}\n",
         mode, guests[0].frames.size, sent, received, seconds, timely / seconds, missing(guests), bad, other, kicks,
         calls, percentile_us(h, 0.5), percentile_us(h, 0.99), h->longest / 1000.0, rested / 1e9);
  fflush(stdout);
}

void vhost_learn(struct guest guests[2]) {
  uint64_t start = now_ns();
  for (int i = 0; i < 2; i++) guests[i].expected = guests[1 - i].image;
  while (!guests[0].learned || !guests[1].learned) {
    if (now_ns() - start > 5000000000ull) {
      fprintf(stderr, "vhost_load: no frame came through in 5 s (a to b: %d, b to a: %d)\n", guests[1].learned,
              guests[0].learned);
      exit(1);
    }
    for (int i = 0; i < 2; i++) guest_announce(&guests[i]);
    for (uint64_t asked = now_ns(); now_ns() - asked < 20000000;)
      if (!guest_receive(&guests[0]) && !guest_receive(&guests[1])) relax();
  }
}

void vhost_throughput(struct guest guests[2], const struct vhost_plan *plan) {
  begin(guests, plan);
  uint64_t start = now_ns(), now = start, end = start + plan->seconds * 1e9, idle_since = 0;
  for (unsigned turn = 0; now < end; turn++) {
    int moved = guest_send(&guests[0], UINT64_MAX) + guest_receive(&guests[1]);
    if (plan->both) moved += guest_send(&guests[1], UINT64_MAX);
    moved += guest_receive(&guests[0]);
    if (moved && idle_since) {
      rested += now_ns() - idle_since;
      idle_since = 0;
    } else if (!moved) {
      if (!idle_since) idle_since = now_ns();
      relax();
    }
    if (turn % TURNS == 0) now = now_ns();
  }
  if (idle_since) rested += now - idle_since;
  double seconds = (now - start) / 1e9;
  uint64_t timely = guests[0].received + guests[1].received;
  finish(guests);
  report("throughput", guests, seconds, timely, NULL);
}

/* Send one frame; nanoseconds until it is there, or 0 when it does not come. */
static uint64_t cross(struct guest guests[2]) {
  uint64_t before = guests[1].received, start = now_ns();
  guest_send(&guests[0], 1);
  while (guests[1].received == before) {
    if (guest_receive(&guests[1])) continue;
    if (now_ns() - start > ASK_NS) return 0;
    relax();
  }
  return now_ns() - start;
}

void vhost_latency(struct guest guests[2], const struct vhost_plan *plan) {
  static struct histogram delay;
  memset(&delay, 0, sizeof delay);
  begin(guests, plan);
  uint64_t start = now_ns(), end = start + plan->seconds * 1e9;
  while (now_ns() < end) {
    uint64_t took = cross(guests), now = now_ns();
    if (took) record(&delay, took);
    do guest_receive(&guests[0]), relax();
    while (now_ns() - now < plan->pause_us * 1000);
  }
  double seconds = (now_ns() - start) / 1e9;
  finish(guests);
  report("latency", guests, seconds, guests[1].received, &delay);
}

/* Single frames at a rate, while both guests sleep and are called for what comes. */
void vhost_trickle(struct guest guests[2], const struct vhost_plan *plan) {
  begin(guests, plan);
  uint64_t start = now_ns(), end = start + plan->seconds * 1e9, next = start, now;
  uint64_t step = plan->rate > 0 ? 1e9 / plan->rate : (uint64_t)1e18;
  while ((now = now_ns()) < end) {
    if (now >= next) {
      guest_send(&guests[0], 1);
      next += step;
    }
    for (int i = 0; i < 2; i++) {
      guest_receive(&guests[i]);
      guest_listen(&guests[i], 1);
      guest_receive(&guests[i]); /* what came just before */
      count_calls(&guests[i]);
    }
    uint64_t wait = (next < end ? next : end) - now;
    struct timespec t = {wait / 1000000000, wait % 1000000000};
    struct pollfd polled[2] = {{guests[0].rings[RX].call, POLLIN, 0}, {guests[1].rings[RX].call, POLLIN, 0}};
    if (now < next) ppoll(polled, 2, &t, NULL);
  }
  double seconds = (now_ns() - start) / 1e9;
  for (int i = 0; i < 2; i++) guest_listen(&guests[i], 0);
  finish(guests);
  report("trickle", guests, seconds, guests[1].received, NULL);
}

void vhost_churn(const char *path, const struct driver *driver, double rate) {
  static struct guest third;
  struct pollfd input = {.fd = 0, .events = POLLIN};
  uint64_t joins = 0;
  uint64_t start = now_ns();
  printf("{\"event\":\"ready\",\"pid\":%d}\n", (int)getpid());
  fflush(stdout);
  do {
    guest_join(&third, path, driver, 0x1000);
    guest_announce(&third);
    usleep(250000 / rate); /* is there for a quarter of the time */
    guest_leave(&third);
    joins++;
  } while (poll(&input, 1, 750 / rate) == 0);
  printf("{\"event\":\"churn\",\"joins\":%" PRIu64 ",\"seconds\":%.6f}\n", joins, (now_ns() - start) / 1e9);
  fflush(stdout);
}
