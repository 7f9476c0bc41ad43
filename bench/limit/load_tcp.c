/*
 * The sending half of a TCP flow. Headers and payload sums are made beforehand; per frame the numbers are
 * written and the checksum put together from sums, so that sending costs little more than the system call.
 */
#define _GNU_SOURCE
#include "load_tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint8_t tcp_payload[2 * LARGE_SEGMENTS * MSS];
static uint16_t segment_sum[LARGE_SEGMENTS], large_sum;

static void put16(uint8_t *at, uint16_t value) {
  at[0] = value >> 8;
  at[1] = value;
}

static void put16le(uint8_t *at, uint16_t value) {
  at[0] = value;
  at[1] = value >> 8;
}

uint64_t tcp_sum(const uint8_t *bytes, size_t length) {
  uint64_t sum = 0;
  uint32_t word;
  size_t i = 0;
  for (; i + 4 <= length; i += 4) {
    memcpy(&word, bytes + i, 4);
    sum += word;
  }
  word = 0;
  memcpy(&word, bytes + i, length - i);
  return sum + word;
}

static void fill_payload(void) {
  if (large_sum) return;
  memcpy(tcp_payload, filler, LARGE_SEGMENTS * MSS);
  memcpy(tcp_payload + LARGE_SEGMENTS * MSS, filler, LARGE_SEGMENTS * MSS);
  for (int i = 0; i < LARGE_SEGMENTS; i++) segment_sum[i] = fold(tcp_sum(tcp_payload + i * MSS, MSS));
  large_sum = fold(tcp_sum(tcp_payload, LARGE_SEGMENTS * MSS));
}

void tcp_shape(struct shape *shape, const struct end *from) {
  int flows = shape->flows < 1 ? 1 : shape->flows;
  shape->flows = flows > MAX_FLOWS ? MAX_FLOWS : flows;
  shape->segments = from->offload >= OFFLOAD_TSO ? LARGE_SEGMENTS : 1;
  shape->size = HEADERS + shape->segments * MSS;
  shape->per_write = 1;
  /* At least two frames must fit. */
  if (shape->window && shape->window < 2u * shape->segments) shape->window = 2 * shape->segments;
}

/* The headers of all frames of the run, as far as they are the same. */
static void put_headers(struct flow *f) {
  uint8_t *head = f->tcp->head;
  static const uint8_t ip[] = {0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0, 192, 168, 127, 2, 192, 168, 127, 3};
  static const uint8_t tcp[] = {0, 0, 5201 >> 8, 5201 & 0xff, 0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78, 0x80, 0x10,
                                0x01, 0xf6, 0, 0, 0, 0, 1, 1, 8, 10, 0, 0, 0, 0, 0, 1, 0, 0};
  memcpy(head, f->to->mac, 6);
  memcpy(head + 6, f->from->mac, 6);
  put16(head + 12, 0x0800);
  memcpy(head + AT_IP, ip, IP_BYTES);
  memcpy(head + AT_TCP, tcp, TCP_BYTES);
  put16(head + AT_TOTAL, f->shape.size - ETH_BYTES);
}

/* A header that leaves the checksum and the segmentation to others. */
static void put_vnet(uint8_t *at) {
  memset(at, 0, VNET_BYTES);
  at[VNET_FLAGS] = NEEDS_CSUM;
  at[VNET_GSO_TYPE] = GSO_TCPV4;
  put16le(at + VNET_HDR_LEN, HEADERS);
  put16le(at + VNET_GSO_SIZE, MSS);
  put16le(at + VNET_CSUM_START, AT_TCP);
  put16le(at + VNET_CSUM_OFFSET, AT_TCP_SUM - AT_TCP);
}

void tcp_prepare(struct flow *f) {
  fill_payload();
  if (!f->tcp && !(f->tcp = calloc(1, sizeof *f->tcp))) fail("calloc");
  struct tcp *t = f->tcp;
  memset(t, 0, sizeof *t);
  t->first_port = 1024 + f->run % 4000 * MAX_FLOWS;
  put_headers(f);
  uint16_t l4[2] = {htons(6), htons(f->shape.size - AT_TCP)};
  t->seed = tcp_sum(t->head + AT_ADDRESSES, 8) + l4[0] + l4[1];
  t->ip_sum = tcp_sum(t->head + AT_IP, IP_BYTES);
  t->tcp_sum = t->seed + tcp_sum(t->head + AT_TCP, TCP_BYTES);
  int lead = f->from->lead;
  for (int i = 0; i < BATCH; i++) {
    struct iovec *vec = f->out_vec[i];
    if (lead) put_vnet(f->head[i]);
    memcpy(f->head[i] + lead, t->head, HEADERS);
    vec[0] = (struct iovec){f->head[i], lead + HEADERS};
    vec[1] = (struct iovec){tcp_payload, f->shape.segments * MSS};
    f->out[i].msg_hdr = (struct msghdr){.msg_iov = vec, .msg_iovlen = 2};
  }
}

/* Add a number to a sum, in network order. */
static uint64_t add32(uint64_t sum, uint32_t value) {
  return sum + htonl(value);
}

/* Make frame number `number` of the run in place i of the batch. */
static void put_frame(struct flow *f, int i, uint64_t number, uint32_t tsval) {
  const struct tcp *t = f->tcp;
  uint64_t segment = number / f->shape.flows * f->shape.segments;
  uint32_t seq = FIRST_SEQ + segment * MSS;
  uint16_t port = t->first_port + number % f->shape.flows, id = segment, checksum;
  uint8_t *head = f->head[i] + f->from->lead;
  int first = segment % LARGE_SEGMENTS;
  f->out_vec[i][1].iov_base = tcp_payload + first * MSS;
  put16(head + AT_ID, id);
  checksum = ~fold(t->ip_sum + htons(id));
  memcpy(head + AT_IP_SUM, &checksum, 2);
  put16(head + AT_SPORT, port);
  put16(head + AT_TCP_SEQ, seq >> 16);
  put16(head + AT_TCP_SEQ + 2, seq);
  put16(head + AT_TSVAL, tsval >> 16);
  put16(head + AT_TSVAL + 2, tsval);
  if (f->from->offload != OFFLOAD_OFF) checksum = fold(t->seed);
  else checksum = ~fold(add32(add32(t->tcp_sum + htons(port) + segment_sum[first], seq), tsval));
  memcpy(head + AT_TCP_SUM, &checksum, 2);
}

int tcp_send(struct flow *f, int frames) {
  uint64_t number = f->next / f->shape.segments;
  uint32_t tsval = now_ns() / 1000000;
  for (int i = 0; i < frames; i++) put_frame(f, i, number + i, tsval);
  int n = sendmmsg(f->from->fd, f->out, frames, MSG_DONTWAIT);
  f->blocked = n < frames;
  if (n < 0) {
    if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS) fail("sendmmsg");
    return 0;
  }
  __atomic_store_n(&f->next, f->next + (uint64_t)n * f->shape.segments, __ATOMIC_RELAXED);
  return n * f->shape.segments;
}
