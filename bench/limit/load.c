/*
 * The load generator: both VMs of a busy pair in one process, in C so that it is never the bottleneck.
 *
 *   load [--cpu N[,M]] [--threads 1|2] [--wait spin|poll] [--first INDEX] [--offload SENDER,RECEIVER] END END
 *   load --idle [--cpu N] [--first INDEX] END...
 *
 * An END is dgram:PATH, stream:PATH (32-bit length in front of each frame) or vde:DIRECTORY. After both
 * ends have learned of each other a ready line is printed; then each line on stdin is one run, each run
 * prints one JSON line, and the end of stdin ends the program, so one pair of connections serves many
 * interleaved measurements:
 *
 *   throughput size=1514 seconds=1 window=512 coalesce=0 full=0 side=0
 *   latency    size=64   seconds=1 rounds=1000000
 *   tcp        flows=1   seconds=1 window=512 full=0 side=0
 *
 * `window` is in frames (0: free-running, to measure loss), `coalesce=1` gathers stream frames into
 * writes of 64 KiB, `full=1` checks every byte of every frame instead of head and length, `side=N`
 * also sends a frame to everybody or to a third VM (--idle) after every N frames.
 *
 * `tcp` sends what the TCP of a VM hands to its network device (load_tcp.h), in `flows` interleaved
 * connections; --offload says what each VM leaves unfinished, off, csum, tso or vnet (off by default).
 * One TCP segment counts as a frame there: in `window`, in `side` and in the results.
 */
#define _GNU_SOURCE
#include "load.h"
#include "load_tcp.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int wait_by_poll, two_threads;

void fail(const char *what) {
  perror(what);
  exit(1);
}

static void usage(const char *what) {
  fprintf(stderr, "load: %s; see the head of load.c\n", what);
  exit(2);
}

/* Pin the calling thread to the which-th entry of a list such as "1,2". */
void pin(const char *list, int which) {
  if (!list) return;
  const char *entry = list;
  for (; which > 0 && (entry = strchr(entry, ',')); which--) entry++;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(atoi(entry ? entry : list), &set);
  if (sched_setaffinity(0, sizeof set, &set)) fail("sched_setaffinity");
}

/* Parse "size=64" and the like into the plan; 0 when it is none of them. */
static int parse(struct plan *plan, int *coalesce, const char *word) {
  const char *equals = strchr(word, '=');
  if (!equals) return 0;
  double value = atof(equals + 1);
  size_t n = equals - word;
  if (n == 4 && !strncmp(word, "size", n)) plan->shape.size = value;
  else if (n == 7 && !strncmp(word, "seconds", n)) plan->seconds = value;
  else if (n == 6 && !strncmp(word, "window", n)) plan->shape.window = value;
  else if (n == 8 && !strncmp(word, "coalesce", n)) *coalesce = value;
  else if (n == 4 && !strncmp(word, "full", n)) plan->shape.full = value;
  else if (n == 4 && !strncmp(word, "side", n)) plan->shape.side = value;
  else if (n == 5 && !strncmp(word, "flows", n)) plan->shape.flows = value;
  else if (n == 6 && !strncmp(word, "rounds", n)) plan->rounds = value;
  else return 0;
  return 1;
}

static enum offload offload_named(const char *name, size_t length) {
  static const char *names[] = {"off", "csum", "tso", "vnet"};
  for (int i = 0; i < 4; i++)
    if (strlen(names[i]) == length && !strncmp(names[i], name, length)) return i;
  usage("--offload takes two of off, csum, tso, vnet with a comma between them");
  return OFFLOAD_OFF;
}

/* What both ends leave unfinished, from a list such as "off,tso". */
static void set_offload(struct end ends[2], const char *list) {
  size_t comma = strcspn(list, ",");
  const char *words[2] = {list, list[comma] ? list + comma + 1 : ""};
  for (int i = 0; i < 2; i++) {
    ends[i].offload = offload_named(words[i], i ? strlen(words[i]) : comma);
    ends[i].lead = ends[i].offload == OFFLOAD_VNET ? VNET_BYTES : 0;
  }
}

static void command(struct flow flows[2], char *line) {
  struct plan plan = {.shape = {.size = 1514, .window = 512, .segments = 1}, .seconds = 1, .rounds = UINT64_MAX};
  int coalesce = 0;
  char *mode = strtok(line, " \n");
  if (!mode) return;
  for (char *word; (word = strtok(NULL, " \n"));)
    if (!parse(&plan, &coalesce, word)) usage(word);
  if (plan.shape.size < MIN_SIZE || plan.shape.size > MAX_FRAME) usage("size is out of range");
  int fits = COALESCED / (plan.shape.size + 4);
  plan.shape.per_write = coalesce && fits > 1 ? fits : 1;
  if (!strcmp(mode, "tcp")) tcp_shape(&plan.shape, flows[0].from);
  else if (flows[0].from->lead || flows[0].to->lead) usage("only tcp has vnet headers");
  if (!strcmp(mode, "throughput") || !strcmp(mode, "tcp")) run_throughput(flows, &plan);
  else if (!strcmp(mode, "latency")) run_latency(flows, &plan);
  else usage(mode);
}

int main(int argc, char **argv) {
  int idling = 0, at = 1;
  unsigned first = 1;
  const char *cpus = NULL;
  static struct end ends[2];
  wait_by_poll = sysconf(_SC_NPROCESSORS_ONLN) < 2;
  for (; at < argc && !strncmp(argv[at], "--", 2); at++) {
    const char *option = argv[at];
    if (!strcmp(option, "--idle")) { idling = 1; continue; }
    if (++at >= argc) usage(option);
    if (!strcmp(option, "--cpu")) cpus = argv[at];
    else if (!strcmp(option, "--threads")) two_threads = !strcmp(argv[at], "2");
    else if (!strcmp(option, "--wait")) wait_by_poll = !strcmp(argv[at], "poll");
    else if (!strcmp(option, "--first")) first = atoi(argv[at]);
    else if (!strcmp(option, "--offload")) set_offload(ends, argv[at]);
    else usage(option);
  }
  signal(SIGPIPE, SIG_IGN);
  pin(cpus, 0);
  fill_filler();
  if (idling) {
    idle(argv + at, argc - at, first);
    return 0;
  }
  if (argc - at != 2) usage("two ends are needed");
  static struct flow flows[2];
  for (int i = 0; i < 2; i++) end_open(&ends[i], argv[at + i], first + i);
  for (int i = 0; i < 2; i++) flow_open(&flows[i], &ends[i], &ends[1 - i]);
  learn(flows);
  printf("{\"event\":\"ready\",\"pid\":%d}\n", (int)getpid());
  fflush(stdout);
  char line[512];
  while (fgets(line, sizeof line, stdin)) command(flows, line);
  for (int i = 0; i < 2; i++) end_close(&ends[i]);
  return 0;
}
