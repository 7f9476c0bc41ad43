/*
 * The runs: throughput and latency.
 */
#define _GNU_SOURCE
#include "load.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { STALL_NS = 500000000 };

static uint32_t runs;

static double own_cpu(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void tell(const char *mode, struct flow *f, double seconds, uint64_t timely, double cpu) {
  printf("{\"event\":\"%s\",\"size\":%d,\"sent\":%" PRIu64 ",\"received\":%" PRIu64 ",\"bytes\":%" PRIu64
         ",\"seconds\":%.6f,\"framesPerSecond\":%.1f,\"lost\":%" PRIu64 ",\"bad\":%" PRIu64
         ",\"stale\":%" PRIu64 ",\"other\":%" PRIu64 ",\"arrived\":%" PRIu64 ",\"checked\":%" PRIu64 ",\"why\":\"%s\""
         ",\"p50Us\":%.2f,\"p99Us\":%.2f,\"maxUs\":%.2f,\"ownCpuSeconds\":%.6f,\"restedSeconds\":%.6f}\n",
         mode, f->shape.size, f->next, f->received, f->bytes, seconds, timely / seconds,
         f->next > f->received ? f->next - f->received : 0, f->bad, f->stale, f->other, f->arrived, f->checked, f->why,
         percentile_us(&f->delay, 0.5), percentile_us(&f->delay, 0.99), f->delay.longest / 1000.0, cpu, rested / 1e9);
  fflush(stdout);
}

/* ---- throughput ---- */
static int stopping;

/* Frames worth sending now: whole batches, so that a trickle of returns does not make a trickle of sends. */
static uint64_t worth(struct flow *f) {
  uint64_t room = flow_room(f);
  uint64_t least = f->from->kind == STREAM ? f->shape.per_write : BATCH * f->shape.segments;
  if (f->shape.window && least > f->shape.window / 2) least = f->shape.window / 2 ? f->shape.window / 2 : 1;
  return room >= least ? room : 0;
}

/* The window stays closed because frames were lost: count them as gone. */
static void forgive(struct flow *f, uint64_t idle_since, uint64_t now) {
  if (now - idle_since > STALL_NS) f->forgiven = f->next;
}

static void *send_loop(void *argument) {
  struct flow *f = argument;
  uint64_t idle_since = now_ns();
  while (!__atomic_load_n(&stopping, __ATOMIC_RELAXED)) {
    uint64_t now = now_ns();
    if (flow_send(f, worth(f))) idle_since = now;
    else {
      forgive(f, idle_since, now);
      struct pollfd p = {.fd = f->from->fd, .events = POLLOUT};
      if (f->blocked) poll(&p, 1, 1);
      else while (now_ns() - now < LOOK_NS) relax();
    }
  }
  return NULL;
}

void run_throughput(struct flow flows[2], const struct plan *plan) {
  struct flow *f = &flows[0];
  for (int i = 0; i < 2; i++) drain(&flows[i]);
  flow_begin(f, &plan->shape, ++runs);
  pthread_t sender;
  double cpu = own_cpu();
  uint64_t start = now_ns(), now = start, idle_since = start, end = start + plan->seconds * 1e9;
  stopping = 0;
  rested = 0;
  if (two_threads && pthread_create(&sender, NULL, send_loop, f)) fail("pthread_create");
  while ((now = now_ns()) < end) {
    int moved = two_threads ? 0 : flow_send(f, worth(f));
    moved += flow_receive(f);
    if (moved) idle_since = now;
    else {
      if (!two_threads) forgive(f, idle_since, now);
      rest(f, idle_since, now, LOOK_NS);
    }
  }
  double seconds = (now - start) / 1e9;
  uint64_t timely = f->received;
  __atomic_store_n(&stopping, 1, __ATOMIC_RELAXED);
  if (two_threads) pthread_join(sender, NULL);
  uint64_t idle = rested;
  /* A started stream frame is finished, or the next run's would be cut. */
  while (f->bulk_at != f->bulk_end && now_ns() < end + 1000000000ull) {
    flow_send(f, 1);
    flow_receive(f);
  }
  drain(f);
  /* A fence may leave a switch before frames of its own batch that were put together, but not the next fence. */
  if (f->shape.flows) drain(f);
  rested = idle;
  tell("throughput", f, seconds, timely, own_cpu() - cpu);
}

/* ---- latency ---- */
/* One frame through the switch; 0 when it did not come within 100 ms. */
static int cross(struct flow *f) {
  uint64_t before = f->received, start = now_ns();
  if (!flow_send(f, 1)) return 0;
  while (f->received == before) {
    uint64_t now = now_ns();
    if (flow_receive(f)) continue;
    if (now - start > ASK_NS) return 0;
    rest(f, start, now, 0);
  }
  return 1;
}

void run_latency(struct flow flows[2], const struct plan *plan) {
  static struct histogram trips;
  struct shape shape = plan->shape;
  shape.per_write = 1;
  shape.window = 0;
  shape.full = 1;
  runs++;
  for (int i = 0; i < 2; i++) drain(&flows[i]);
  for (int i = 0; i < 2; i++) flow_begin(&flows[i], &shape, runs);
  memset(&trips, 0, sizeof trips);
  rested = 0;
  double cpu = own_cpu();
  uint64_t start = now_ns(), now = start, end = start + plan->seconds * 1e9;
  for (uint64_t round = 0; round < plan->rounds && (now = now_ns()) < end; round++) {
    if (cross(&flows[0]) && cross(&flows[1])) record(&trips, now_ns() - now);
  }
  double seconds = (now_ns() - start) / 1e9;
  cpu = own_cpu() - cpu;
  flows[0].delay = trips;
  flows[0].next += flows[1].next;
  flows[0].received += flows[1].received;
  flows[0].bytes += flows[1].bytes;
  flows[0].bad += flows[1].bad;
  tell("latency", &flows[0], seconds, flows[0].received, cpu);
}
