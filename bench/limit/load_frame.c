/*
 * Frames, clock and histogram of the load generator.
 */
#define _GNU_SOURCE
#include "load.h"

#include <string.h>
#include <time.h>

uint8_t filler[MAX_FRAME];
const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

void fill_filler(void) {
  uint32_t x = 0x9e3779b9;
  for (int i = 0; i < MAX_FRAME; i++) {
    x = x * 1664525 + 1013904223;
    filler[i] = x >> 24;
  }
}

void put_head(uint8_t *frame, const uint8_t *dst, const uint8_t *src, enum mark mark, uint32_t run) {
  uint16_t m = mark;
  memcpy(frame + AT_DST, dst, 6);
  memcpy(frame + AT_SRC, src, 6);
  frame[AT_TYPE] = 0x88; /* IEEE 802 local experimental ethertype 1 */
  frame[AT_TYPE + 1] = 0xb5;
  memcpy(frame + AT_MARK, &m, 2);
  memcpy(frame + AT_RUN, &run, 4);
}

void stamp(uint8_t *frame, uint8_t *tail, uint64_t seq, uint64_t now) {
  memcpy(frame + AT_SEQ, &seq, 8);
  memcpy(frame + AT_TIME, &now, 8);
  memcpy(tail, &seq, TAIL);
}

uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ull + t.tv_nsec;
}

void record(struct histogram *h, uint64_t ns) {
  int octave = ns < 16 ? 0 : 63 - __builtin_clzll(ns) - 3;
  int bucket = octave == 0 ? (int)ns : octave * 16 + (int)((ns >> (octave - 1)) & 15);
  h->count[bucket]++;
  h->total++;
  if (ns > h->longest) h->longest = ns;
}

double percentile_us(const struct histogram *h, double part) {
  if (h->total == 0) return 0;
  uint64_t want = part * h->total, sum = 0;
  for (int bucket = 0; bucket < 64 * 16; bucket++) {
    sum += h->count[bucket];
    if (sum <= want && bucket < 64 * 16 - 1) continue;
    int octave = bucket / 16;
    double low = octave == 0 ? bucket : (16 + bucket % 16) * (double)(1ull << (octave - 1));
    double width = octave == 0 ? 1 : (double)(1ull << (octave - 1));
    double us = (low + width / 2) / 1000;
    return us > h->longest / 1000.0 ? h->longest / 1000.0 : us;
  }
  return h->longest / 1000.0;
}
