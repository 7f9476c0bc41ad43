/*
 * A port of the limit: one guest's memory and rings, and the connection of its front-end.
 */
#ifndef VHOST_MEMCPY_H
#define VHOST_MEMCPY_H

#include "vhost.h"

struct port {
  const char *path;
  int listener, fd;
  uint64_t features;
  struct table table;
  uint8_t *base[MAX_FDS]; /* where offset 0 of the region's file would be mapped, plus its offset */
  struct ring rings[2];
  struct addresses addresses[2];
  int enabled[2];
};
extern struct port ports[2];

void open_port(struct port *port, const char *path);
/* Newcomers and messages. */
void look(void);
void fail(const char *what);

#endif
