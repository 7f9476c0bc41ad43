/*
 * TCP from a guest as Linux hands it to virtio-net: 45 segments in a frame, checksum and cutting left to
 * whoever comes next. Frames are those of load_tcp.h, and so is the end that judges what became of them.
 */
#define _GNU_SOURCE
#include "vhost_load.h"
#include "load_tcp.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct flow flow;
static struct end from = {.offload = OFFLOAD_VNET, .lead = NET_BYTES, .fd = -1};

static void put16(uint8_t *at, uint16_t value) {
  at[0] = value >> 8;
  at[1] = value;
}

void tcp_connect(const struct guest *g, struct end *to, const struct shape *shape) {
  static uint32_t run;
  memcpy(from.mac, g->mac, 6);
  if (!flow.slots) flow_open(&flow, &from, to);
  flow.to = to;
  flow_begin(&flow, shape, ++run);
}

void tcp_write(uint8_t *at, uint64_t number, int whole) {
  static const uint8_t vnet[NET_BYTES] = {NEEDS_CSUM, GSO_TCPV4, HEADERS, 0, MSS & 0xff, MSS >> 8, AT_TCP, 0,
                                          AT_TCP_SUM - AT_TCP, 0, 0, 0};
  uint8_t *head = at + NET_BYTES;
  uint32_t segment = number * LARGE_SEGMENTS, seq = FIRST_SEQ + segment * MSS;
  uint16_t id = segment, checksum;
  memcpy(at, vnet, NET_BYTES);
  memcpy(head, flow.tcp->head, HEADERS);
  put16(head + AT_ID, id);
  checksum = ~fold(flow.tcp->ip_sum + htons(id));
  memcpy(head + AT_IP_SUM, &checksum, 2);
  put16(head + AT_SPORT, flow.tcp->first_port);
  put16(head + AT_TCP_SEQ, seq >> 16);
  put16(head + AT_TCP_SEQ + 2, seq);
  checksum = fold(flow.tcp->seed);
  memcpy(head + AT_TCP_SUM, &checksum, 2);
  if (whole) memcpy(head + HEADERS, tcp_payload, LARGE_SEGMENTS * MSS);
}

void vhost_tcp_learn(struct guest *g, struct end *end) {
  static uint8_t frame[ANNOUNCE], expected[NET_BYTES + MAX_FRAME];
  static const struct shape shape = {.size = ANNOUNCE, .per_write = 1, .segments = 1, .full = 1};
  uint64_t start = now_ns();
  g->expected = expected;
  memcpy(expected + NET_BYTES + AT_SRC, end->mac, 6);
  memcpy(frame, filler, sizeof frame);
  put_head(frame, everybody, end->mac, MARK_LEARN, 0);
  memcpy(from.mac, g->mac, 6);
  flow_open(&flow, &from, end);
  flow_begin(&flow, &shape, 0);
  while (!g->learned || !flow.learned) {
    if (now_ns() - start > 5000000000ull) {
      fprintf(stderr, "vhost_load: no frame came through in 5 s (to the guest: %d, from it: %d)\n", g->learned,
              flow.learned);
      exit(1);
    }
    end_send(end, frame, sizeof frame);
    guest_announce(g);
    for (uint64_t asked = now_ns(); now_ns() - asked < 20000000;) {
      guest_receive(g);
      flow_receive(&flow);
    }
  }
}

/* What is on its way when the run ends: until all is there, or nothing came for a while. */
static void finish(void) {
  uint64_t last = now_ns();
  while (flow.received + flow.bad < flow.next && now_ns() - last < 200000000) {
    if (flow_receive(&flow)) last = now_ns();
  }
}

void vhost_tcp(struct guest *g, struct end *end, const struct vhost_plan *plan) {
  struct shape shape = {.flows = 1, .window = plan->window, .full = plan->frames.full};
  struct frames frames = plan->frames;
  frames.size = TCP_SIZE;
  frames.tcp = frames.live = 1;
  frames.full = 0; /* of what the guest gets: nothing */
  tcp_shape(&shape, &from);
  tcp_connect(g, end, &shape);
  guest_prepare(g, end->mac, &frames);
  g->sent = 0;
  rested = 0;
  uint64_t start = now_ns(), now = start, idle_since = start, until = start + plan->seconds * 1e9;
  while ((now = now_ns()) < until) {
    int moved = guest_send(g, flow_room(&flow) / LARGE_SEGMENTS);
    flow.next = g->sent * LARGE_SEGMENTS;
    moved += flow_receive(&flow) + guest_receive(g);
    if (moved) idle_since = now;
    else if (now - idle_since > 500000000) flow.forgiven = flow.next;
    else rest(&flow, now, now, LOOK_NS);
  }
  double seconds = (now - start) / 1e9;
  uint64_t timely = flow.received, idle = rested;
  finish();
  printf("{\"event\":\"tcp\",\"size\":%d,\"sent\":%" PRIu64 ",\"received\":%" PRIu64 ",\"bytes\":%" PRIu64
         ",\"seconds\":%.6f,\"framesPerSecond\":%.1f,\"lost\":%" PRIu64 ",\"bad\":%" PRIu64
         ",\"arrived\":%" PRIu64 ",\"checked\":%" PRIu64 ",\"why\":\"%s\",\"kicks\":%" PRIu64 ",\"restedSeconds\":%.6f}\n",
         frames.size, flow.next, flow.received, flow.bytes, seconds, timely / seconds,
         flow.next > flow.received ? flow.next - flow.received : 0, flow.bad, flow.arrived, flow.checked, flow.why, g->rings[TX].kicks, idle / 1e9);
  fflush(stdout);
}
