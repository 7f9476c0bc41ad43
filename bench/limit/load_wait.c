/*
 * Waiting: for something to arrive, for everything to have arrived, for the switch to know both ends.
 *
 * Between two looks at an empty socket the generator pauses without touching it: constant looking would
 * fight the switch for the socket's lock, and sleeping would make the switch pay for waking us. After
 * 200 us without progress it sleeps in poll (at once with --wait poll, the default on one CPU).
 */
#define _GNU_SOURCE
#include "load.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SPIN_NS = 200000 };
static const uint64_t GIVE_UP_NS = 5000000000;

uint64_t rested;

/* Nothing to do since `idle_since`: pause or sleep. `look_ns` 0 looks again at once. */
void rest(struct flow *f, uint64_t idle_since, uint64_t now, uint64_t look_ns) {
  if (!wait_by_poll && now - idle_since < SPIN_NS) {
    while (now_ns() - now < look_ns) relax();
  } else {
    struct pollfd p[2] = {{.fd = f->to->fd, .events = POLLIN}, {.fd = f->from->fd, .events = POLLOUT}};
    poll(p, f->blocked ? 2 : 1, 1);
  }
  rested += now_ns() - now;
}

/*
 * Take everything still on its way: send a frame behind it and wait for that one. Frames keep their
 * order, so what has not come by then is lost, however busy the machine is. A fence that is dropped
 * itself is sent again.
 */
void drain(struct flow *f) {
  static uint64_t fences;
  static uint8_t frame[64];
  uint64_t start = now_ns(), asked = 0, last = start;
  memcpy(frame, filler, sizeof frame);
  put_head(frame, f->to->mac, f->from->mac, MARK_FENCE, f->run);
  for (uint64_t mine = fences; f->fence <= mine;) {
    uint64_t now = now_ns();
    if (now - start > GIVE_UP_NS) {
      fprintf(stderr, "load: no frame comes through any more\n");
      exit(1);
    }
    if (now - asked > ASK_NS) {
      asked = now;
      stamp(frame, frame + sizeof frame - TAIL, ++fences, now);
      end_send(f->from, frame, sizeof frame);
    }
    if (flow_receive(f)) last = now;
    else rest(f, last, now, LOOK_NS);
  }
}

void learn(struct flow flows[2]) {
  static uint8_t frame[64];
  struct shape shape = {.size = 64, .per_write = 1, .segments = 1, .full = 1};
  uint64_t start = now_ns(), asked = 0;
  for (int i = 0; i < 2; i++) flow_begin(&flows[i], &shape, 0);
  while (!flows[0].learned || !flows[1].learned) {
    uint64_t now = now_ns();
    if (now - start > GIVE_UP_NS) {
      fprintf(stderr, "load: no frame came through in 5 s (a to b: %d, b to a: %d)\n", flows[0].learned,
              flows[1].learned);
      exit(1);
    }
    if (now - asked > 20000000) {
      asked = now;
      for (int i = 0; i < 2; i++) {
        memcpy(frame, filler, sizeof frame);
        put_head(frame, everybody, flows[i].from->mac, MARK_LEARN, 0);
        end_send(flows[i].from, frame, sizeof frame);
      }
    }
    for (int i = 0; i < 2; i++)
      if (!flow_receive(&flows[i])) rest(&flows[i], 0, now, LOOK_NS);
  }
  for (int i = 0; i < 2; i++) drain(&flows[i]);
}
