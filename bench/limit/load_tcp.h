/*
 * TCP as it comes out of a VM: Ethernet, IPv4 and TCP with timestamps, as Linux sends bulk data, one way.
 *
 *   off    frames of one segment, 1514 bytes, finished
 *   csum   the same; of the checksum only the pseudo header's part is there
 *   tso    frames of 45 segments, 65226 bytes, checksum as with csum; nothing says how long a segment is
 *   vnet   the same behind a virtio-net header that says it
 *
 * Every run has connections of its own, known by their source ports, and each begins with segment 0: segment
 * k has sequence number FIRST_SEQ + k * MSS, IP identification k and payload k modulo LARGE_SEGMENTS. So the
 * sink needs no memory of what was sent to judge a frame, however it was cut or put together on its way.
 */
#ifndef LOAD_TCP_H
#define LOAD_TCP_H

#include "load.h"

enum {
  MTU = 1500,
  MSS = 1448,          /* MTU without the headers of IP and TCP and the timestamps */
  LARGE_SEGMENTS = 45, /* as many as an IPv4 packet has room for */
  MAX_FLOWS = 16,
  FIRST_SEQ = 0 - 1000 * MSS, /* soon over the end of the numbers */
  ETH_BYTES = 14, IP_BYTES = 20, TCP_BYTES = 32, HEADERS = ETH_BYTES + IP_BYTES + TCP_BYTES,
};

/* Offsets in a frame. */
enum {
  AT_IP = ETH_BYTES, AT_TOTAL = AT_IP + 2, AT_ID = AT_IP + 4, AT_DF = AT_IP + 6, AT_IP_SUM = AT_IP + 10,
  AT_ADDRESSES = AT_IP + 12, AT_TCP = AT_IP + IP_BYTES, AT_SPORT = AT_TCP, AT_DPORT = AT_TCP + 2,
  AT_TCP_SEQ = AT_TCP + 4, AT_ACK = AT_TCP + 8, AT_TCP_SUM = AT_TCP + 16, AT_URGENT = AT_TCP + 18,
  AT_TSVAL = AT_TCP + 24, AT_TSECR = AT_TCP + 28,
};

/* struct virtio_net_hdr: offsets and values; its numbers are little-endian. */
enum {
  VNET_FLAGS = 0, VNET_GSO_TYPE = 1, VNET_HDR_LEN = 2, VNET_GSO_SIZE = 4, VNET_CSUM_START = 6,
  VNET_CSUM_OFFSET = 8,
  NEEDS_CSUM = 1, GSO_NONE = 0, GSO_TCPV4 = 1,
};

/* Internet checksums are computed on words as they lie in memory: the sum is the same, in memory's order. */
static inline uint16_t fold(uint64_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

struct tcp {
  uint8_t head[HEADERS];    /* headers of segment 0 of connection 0, without checksums */
  uint16_t first_port;      /* source port of connection 0 */
  /* source */
  uint64_t ip_sum, tcp_sum; /* of the constant parts of a frame: IP header; pseudo header and TCP header */
  uint64_t seed;            /* of the pseudo header */
  /* sink */
  uint64_t seen[MAX_FLOWS]; /* segments of each connection that came or were passed over */
  uint64_t batches;         /* that brought something */
};

/* Payload of every segment by its number, and again, so that any LARGE_SEGMENTS are one piece. */
extern uint8_t tcp_payload[2 * LARGE_SEGMENTS * MSS];

/* Make this a shape of TCP frames as this end sends them. */
void tcp_shape(struct shape *shape, const struct end *from);
/* flow_begin's part. */
void tcp_prepare(struct flow *flow);
/* Send up to `frames` frames; returns segments. */
int tcp_send(struct flow *flow, int frames);

/* Make ready to look at all of each frame of the next batch, or at their headers: returns which. */
int tcp_look_whole(struct flow *flow);
/* Is it an IPv4 frame? */
int tcp_is(const uint8_t *frame);
/* Judge `length` bytes that came, vnet header included; only SMALL of them are there unless `whole`. */
void tcp_check(struct flow *flow, const uint8_t *bytes, size_t length, int whole);
/* Sum of bytes, in memory's order; the last odd one is padded with zero. */
uint64_t tcp_sum(const uint8_t *bytes, size_t length);

#endif
