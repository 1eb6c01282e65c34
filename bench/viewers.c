/* Simulated players of bench/media.py, on one thread with epoll.
 *
 *   viewers fetch PORT CONNECTIONS PATH SECONDS
 *       asks for one file again and again; prints {"requests", "bytes", "errors", "client_cpu"}
 *   viewers follow PORT COUNT SCRIPT FOLDER PARTS JOIN_S RUN_S
 *       SCRIPT: a line a viewer, "/hls/TOKEN/PLAYBACK/ RENDITION". FOLDER: where parts appear. PARTS: of a segment.
 *
 * A viewer comes at a random moment of JOIN_S, from an address of its own (127.x.y.z), on two connections as a browser has
 * them: one holds blocking playlist reloads, the other fetches each part that a playlist names. Prints `begin` when all have
 * come and settled, `end` after RUN_S, then one JSON line. A playlist's delay counts from the moment that its newest part
 * was written (the file's mtime, which is up to 4 ms early). Whoever gets an error begins anew after a second.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BINS 50000 /* of 0.1 ms */
#define SETTLE_S 4

typedef struct Viewer Viewer;
typedef struct {
  Viewer *of;
  int fd, busy, list, status;
  uint64_t asked_ns;
  long want; /* bytes of the body that are still to come, -1 while the head is read */
  char *kept;
  size_t len, cap;
} Conn;

struct Viewer {
  Conn lists, parts;
  char *prefix, *rendition;
  int number, joined;
  uint64_t due_ns;                 /* when it comes, or comes again */
  long asked, fetched, newest;     /* positions: MSN * PARTS + part */
  char run[80];
};

static Viewer *viewers;
static int count, port, epfd, parts_of_segment, measuring;
static const char *folder;
static uint64_t lists, parts, bytes, errors, late_bins[BINS], part_bins[BINS];
static struct { long position; uint64_t at_ms10; } written[4096];

static uint64_t clock_ns(clockid_t which) {
  struct timespec t;
  clock_gettime(which, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + t.tv_nsec;
}
#define now_ns() clock_ns(CLOCK_MONOTONIC)

static double cpu_s(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void count_in(uint64_t *bins, uint64_t tenths) { bins[tenths < BINS ? tenths : BINS - 1]++; }

static double quantile(const uint64_t *bins, double q) {
  uint64_t all = 0, seen = 0;
  for (int i = 0; i < BINS; i++) all += bins[i];
  for (int i = 0; i < BINS; i++) if ((seen += bins[i]) > q * all) return i / 10.0;
  return 0;
}

static void open_conn(Conn *c, uint32_t address) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
  int one = 1;
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (c->fd < 0 || bind(c->fd, (void *)&from, sizeof from) || connect(c->fd, (void *)&to, sizeof to)) { perror("connect"); exit(1); }
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  c->busy = 0;
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
  epoll_ctl(epfd, EPOLL_CTL_ADD, c->fd, &e);
}

static void ask(Conn *c, const char *prefix, const char *file) {
  char text[8192];
  int len = snprintf(text, sizeof text, "GET %s%s HTTP/1.1\r\nHost: weir.test\r\n\r\n", prefix, file);
  c->busy = 1; c->want = -1; c->len = 0; c->asked_ns = now_ns();
  if (write(c->fd, text, len) != len) c->status = -1; /* the reader will see it closed */
}

static void ask_list(Viewer *v) {
  char file[128];
  if (v->newest) snprintf(file, sizeof file, "%s.m3u8?_HLS_msn=%ld&_HLS_part=%ld", v->rendition, v->asked / parts_of_segment, v->asked % parts_of_segment);
  else snprintf(file, sizeof file, "%s.m3u8", v->rendition);
  ask(&v->lists, v->prefix, file);
}

static void ask_part(Viewer *v) {
  char file[256];
  if (v->parts.busy || v->fetched >= v->newest) return;
  v->fetched++;
  snprintf(file, sizeof file, "p_%s_%s_%ld_%ld.m4s", v->run, v->rendition, v->fetched / parts_of_segment, v->fetched % parts_of_segment);
  ask(&v->parts, v->prefix, file);
}

static void again_later(Viewer *v) {
  Conn *both[] = {&v->lists, &v->parts};
  if (measuring) errors++;
  for (int i = 0; i < 2; i++) if (both[i]->fd >= 0) { close(both[i]->fd); both[i]->fd = -1; both[i]->busy = 0; }
  v->joined = 0; v->newest = v->fetched = 0;
  v->due_ns = now_ns() + 1000000000ull;
}

static uint64_t written_at(Viewer *v, long position) {
  int slot = position % 4096;
  if (written[slot].position != position) {
    char path[512];
    struct stat found;
    snprintf(path, sizeof path, "%s/p_%s_%s_%ld_%ld.m4s", folder, v->run, v->rendition, position / parts_of_segment, position % parts_of_segment);
    written[slot].position = position;
    written[slot].at_ms10 = stat(path, &found) ? 0 : (uint64_t)found.st_mtim.tv_sec * 10000 + found.st_mtim.tv_nsec / 100000;
  }
  return written[slot].at_ms10;
}

static void got_list(Viewer *v, const char *body, size_t len) {
  const char *hint = memmem(body, len, "TYPE=PART,URI=\"p_", 17);
  if (!hint) return again_later(v);
  char run[80];
  long msn, part;
  const char *run_end = memmem(hint + 17, len - (hint + 17 - body), v->rendition, strlen(v->rendition));
  if (!run_end || run_end - (hint + 17) > 70 || sscanf(run_end + strlen(v->rendition), "_%ld_%ld", &msn, &part) != 2) return again_later(v);
  snprintf(run, sizeof run, "%.*s", (int)(run_end - 1 - (hint + 17)), hint + 17);
  long next = msn * parts_of_segment + part;
  if (strcmp(run, v->run)) v->fetched = next - 2; /* another encoder run, or the first */
  strcpy(v->run, run);
  if (measuring && v->newest) {
    uint64_t at = written_at(v, v->asked), now = clock_ns(CLOCK_REALTIME) / 100000;
    lists++;
    if (at) count_in(late_bins, now > at ? now - at : 0);
  }
  v->newest = next - 1;
  if (v->fetched < v->newest - 2 * parts_of_segment) v->fetched = v->newest - 1; /* far behind: it would seek */
  v->asked = next;
  ask_list(v);
  ask_part(v);
}

static void done(Conn *c, const char *body, size_t len) {
  Viewer *v = c->of;
  c->busy = 0;
  if (c->status != 200) return again_later(v);
  if (c->list) return got_list(v, body, len);
  if (measuring) { parts++; count_in(part_bins, (now_ns() - c->asked_ns) / 100000); }
  ask_part(v);
}

static void must_fit(Conn *c, size_t more) {
  if (c->len + more + 1 > c->cap) c->kept = realloc(c->kept, c->cap = (c->len + more + 1) * 2);
}

/* Returns 1 when an answer is whole; a part's or file's body is only counted. */
static int take(Conn *c, const char *data, size_t k) {
  if (c->want < 0) {
    must_fit(c, k);
    memcpy(c->kept + c->len, data, k);
    c->len += k;
    c->kept[c->len] = 0;
    char *end = strstr(c->kept, "\r\n\r\n");
    if (!end) return 0;
    char *length = strcasestr(c->kept, "content-length:");
    c->status = atoi(c->kept + 9);
    size_t here = c->len - (end + 4 - c->kept);
    c->want = (length && length < end ? atol(length + 15) : 0) - (long)here;
    memmove(c->kept, end + 4, here + 1);
    c->len = here;
  } else {
    if (c->list) { must_fit(c, k); memcpy(c->kept + c->len, data, k); c->len += k; }
    c->want -= k;
  }
  return c->want <= 0;
}

static char incoming[1 << 18];

static void readable(Conn *c) {
  for (;;) {
    ssize_t k = c->fd < 0 ? 0 : read(c->fd, incoming, sizeof incoming);
    if (k < 0 && errno == EAGAIN) return;
    if (c->fd < 0) return;
    if (k <= 0) return again_later(c->of);
    if (measuring) bytes += k;
    if (take(c, incoming, k)) done(c, c->kept, c->len);
    if ((size_t)k < sizeof incoming) return;
  }
}

static void come(Viewer *v) {
  uint32_t address = (127u << 24) + (1u << 16) + v->number + 2;
  open_conn(&v->lists, address);
  open_conn(&v->parts, address);
  v->joined = 1;
  ask_list(v);
}

static void run_until(uint64_t until) {
  struct epoll_event events[512];
  uint64_t looked = 0;
  for (;;) {
    uint64_t now = now_ns();
    if (now >= until) return;
    if (now - looked > 5000000) { /* who comes now */
      looked = now;
      for (int i = 0; i < count; i++) if (!viewers[i].joined && viewers[i].due_ns <= now) come(&viewers[i]);
    }
    int k = epoll_wait(epfd, events, 512, 5);
    for (int i = 0; i < k; i++) readable(events[i].data.ptr);
  }
}

static void follow(const char *script, double join_s, double run_s) {
  FILE *file = fopen(script, "r");
  char *line = NULL;
  size_t room = 0;
  viewers = calloc(count, sizeof *viewers);
  srand(7);
  for (int i = 0; i < count && getline(&line, &room, file) > 0; i++) {
    Viewer *v = &viewers[i];
    v->prefix = strdup(strtok(line, " \n"));
    v->rendition = strdup(strtok(NULL, " \n"));
    v->number = i;
    v->lists = (Conn){.of = v, .fd = -1, .list = 1};
    v->parts = (Conn){.of = v, .fd = -1};
    v->due_ns = now_ns() + (uint64_t)(join_s * 1e9 * rand() / RAND_MAX);
  }
  run_until(now_ns() + (uint64_t)((join_s + SETTLE_S) * 1e9));
  printf("begin\n"); fflush(stdout);
  double cpu = cpu_s();
  measuring = 1;
  run_until(now_ns() + (uint64_t)(run_s * 1e9));
  measuring = 0;
  printf("end\n");
  printf("{\"playlists\": %lu, \"parts\": %lu, \"bytes\": %lu, \"errors\": %lu, \"p50_ms\": %.1f, \"p95_ms\": %.1f, \"p99_ms\": %.1f, "
         "\"part_p50_ms\": %.1f, \"part_p99_ms\": %.1f, \"client_cpu\": %.3f, \"seconds\": %.1f}\n",
         lists, parts, bytes, errors, quantile(late_bins, .5), quantile(late_bins, .95), quantile(late_bins, .99),
         quantile(part_bins, .5), quantile(part_bins, .99), (cpu_s() - cpu) / run_s, run_s);
}

static void fetch(int connections, const char *path, double seconds) {
  Conn *all = calloc(connections, sizeof *all);
  struct epoll_event events[64];
  uint64_t until = now_ns() + (uint64_t)(seconds * 1e9), requests = 0, wrong = 0;
  measuring = 1;
  for (int i = 0; i < connections; i++) { open_conn(&all[i], INADDR_LOOPBACK); ask(&all[i], path, ""); }
  while (now_ns() < until) {
    int k = epoll_wait(epfd, events, 64, 100);
    for (int i = 0; i < k; i++) {
      Conn *c = events[i].data.ptr;
      ssize_t got = read(c->fd, incoming, sizeof incoming);
      if (got <= 0) { fprintf(stderr, "viewers: a connection was closed\n"); exit(1); }
      bytes += got;
      if (take(c, incoming, got)) { requests++; wrong += c->status != 200; ask(c, path, ""); }
    }
  }
  printf("{\"requests\": %lu, \"bytes\": %lu, \"errors\": %lu, \"client_cpu\": %.3f}\n", requests, bytes, wrong, cpu_s() / seconds);
}

int main(int argc, char **argv) {
  epfd = epoll_create1(0);
  if (argc == 6 && !strcmp(argv[1], "fetch")) { port = atoi(argv[2]); fetch(atoi(argv[3]), argv[4], atof(argv[5])); return 0; }
  if (argc != 9 || strcmp(argv[1], "follow")) { fprintf(stderr, "see the head of viewers.c\n"); return 2; }
  port = atoi(argv[2]); count = atoi(argv[3]); folder = argv[5]; parts_of_segment = atoi(argv[6]);
  follow(argv[4], atof(argv[7]), atof(argv[8]));
  return 0;
}
