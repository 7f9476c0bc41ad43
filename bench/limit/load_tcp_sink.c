/*
 * The receiving half of a TCP flow. Of every frame the headers, the lengths and the place in the stream are
 * checked; of every frame in some batches, or in all, also checksums and payload.
 */
#define _GNU_SOURCE
#include "load_tcp.h"

#include <arpa/inet.h>
#include <string.h>

/* One batch in so many is looked at whole. */
enum { SAMPLE = 64 };

static uint16_t get16(const uint8_t *at) {
  return at[0] << 8 | at[1];
}

static uint16_t get16le(const uint8_t *at) {
  return at[1] << 8 | at[0];
}

int tcp_is(const uint8_t *frame) {
  return frame[12] == 0x08 && frame[13] == 0;
}

int tcp_look_whole(struct flow *f) {
  int whole = f->shape.full || f->tcp->batches % SAMPLE == 0;
  if (f->in_vec[0].iov_len != (size_t)(whole ? MAX_FRAME : SMALL))
    for (int i = 0; i < BATCH; i++) f->in_vec[i].iov_len = whole ? MAX_FRAME : SMALL;
  return whole;
}

static int same(const uint8_t *a, const uint8_t *b, int from, int to) {
  return !memcmp(a + from, b + from, to - from);
}

/* All fields that are the same in every frame of the run; what is wrong, or NULL. */
static const char *odd_header(const uint8_t *head, const uint8_t *frame) {
  if (!same(head, frame, 0, AT_IP)) return "Ethernet header";
  if (!same(head, frame, AT_IP, AT_TOTAL) || !same(head, frame, AT_DF, AT_IP_SUM)) return "IP header";
  if (!same(head, frame, AT_ADDRESSES, AT_SPORT)) return "IP addresses";
  if (!same(head, frame, AT_DPORT, AT_TCP_SEQ)) return "destination port";
  if (!same(head, frame, AT_ACK, AT_TCP_SUM)) return "acknowledgement, flags or window";
  if (!same(head, frame, AT_URGENT, AT_TSVAL) || !same(head, frame, AT_TSECR, HEADERS)) return "TCP options";
  return NULL;
}

static const char *odd_length(const struct flow *f, const uint8_t *frame, size_t length) {
  size_t total = get16(frame + AT_TOTAL);
  if (total + ETH_BYTES != length) return "IP length is not the frame's";
  if (total > MTU && f->to->offload < OFFLOAD_TSO) return "longer than the MTU";
  if (length <= HEADERS || (length - HEADERS) % MSS) return "not whole segments";
  return NULL;
}

/* Does the virtio-net header say what the frame is? */
static const char *odd_vnet(const uint8_t *vnet, int segments) {
  int large = segments > 1;
  if (vnet[VNET_GSO_TYPE] != (large ? GSO_TCPV4 : GSO_NONE)) return "vnet GSO type";
  if (large && get16le(vnet + VNET_GSO_SIZE) != MSS) return "vnet GSO size";
  if (large && vnet[VNET_FLAGS] != NEEDS_CSUM) return "vnet flags of a large frame";
  if (vnet[VNET_FLAGS] != NEEDS_CSUM) return vnet[VNET_FLAGS] ? "vnet flags" : NULL;
  if (get16le(vnet + VNET_CSUM_START) != AT_TCP) return "vnet checksum start";
  return get16le(vnet + VNET_CSUM_OFFSET) == AT_TCP_SUM - AT_TCP ? NULL : "vnet checksum offset";
}

/* Is the TCP checksum finished, or left unfinished as this VM takes it? */
static const char *odd_checksum(const struct flow *f, const uint8_t *frame, size_t length, int partial) {
  uint16_t l4[2] = {htons(6), htons(length - AT_TCP)}, field;
  uint64_t seed = tcp_sum(frame + AT_ADDRESSES, 8) + l4[0] + l4[1];
  memcpy(&field, frame + AT_TCP_SUM, 2);
  if (partial || (f->to->offload != OFFLOAD_OFF && !f->to->lead)) {
    if (field == fold(seed)) return NULL;
    if (partial) return "seed of an unfinished TCP checksum";
  }
  return fold(seed + tcp_sum(frame + AT_TCP, length - AT_TCP)) == 0xffff ? NULL : "TCP checksum";
}

/* Every byte of a frame that begins with segment `segment`. */
static const char *odd_bytes(const struct flow *f, const uint8_t *frame, size_t length, uint64_t segment,
                             int partial) {
  const uint8_t *payload = tcp_payload + segment % LARGE_SEGMENTS * MSS;
  if (fold(tcp_sum(frame + AT_IP, IP_BYTES)) != 0xffff) return "IP checksum";
  if (memcmp(frame + HEADERS, payload, length - HEADERS)) return "payload";
  return odd_checksum(f, frame, length, partial);
}

/* Find the frame's place in its connection; segments in between are lost. */
static const char *odd_place(struct flow *f, const uint8_t *frame, int segments, uint64_t *segment) {
  unsigned connection = get16(frame + AT_SPORT) - f->tcp->first_port;
  uint64_t *seen = &f->tcp->seen[connection];
  uint32_t seq = (uint32_t)get16(frame + AT_TCP_SEQ) << 16 | get16(frame + AT_TCP_SEQ + 2);
  int32_t ahead = seq - (uint32_t)(FIRST_SEQ + *seen * MSS);
  if (ahead < 0) return "old sequence number";
  if (ahead % MSS) return "sequence number between segments";
  *segment = *seen + ahead / MSS;
  uint64_t after = *segment + segments;
  __atomic_store_n(&f->expected, f->expected + after - *seen, __ATOMIC_RELAXED);
  *seen = after;
  return get16(frame + AT_ID) == (uint16_t)*segment ? NULL : "IP identification";
}

static const char *odd(struct flow *f, const uint8_t *bytes, size_t length, int whole, int *segments) {
  const uint8_t *frame = bytes + f->to->lead;
  uint64_t segment;
  const char *why = odd_header(f->tcp->head, frame);
  if (!why) why = odd_length(f, frame, length);
  if (why) return why;
  *segments = (length - HEADERS) / MSS;
  why = odd_place(f, frame, *segments, &segment);
  if (!why && f->to->lead) why = odd_vnet(bytes, *segments);
  if (why || !whole) return why;
  f->checked++;
  return odd_bytes(f, frame, length, segment, f->to->lead && bytes[VNET_FLAGS] & NEEDS_CSUM);
}

void tcp_check(struct flow *f, const uint8_t *bytes, size_t length, int whole) {
  size_t lead = f->to->lead;
  int segments = 0;
  const char *why = "short";
  if (length >= lead + HEADERS) {
    unsigned connection = (uint16_t)(get16(bytes + lead + AT_SPORT) - f->tcp->first_port);
    if (connection >= (unsigned)f->shape.flows) {
      f->stale++;
      return;
    }
    why = odd(f, bytes, length - lead, whole, &segments);
  }
  if (!why) {
    f->received += segments;
    f->bytes += (uint64_t)segments * MSS;
    f->arrived++;
  } else if (f->bad++ == 0) {
    f->why = why;
  }
}
