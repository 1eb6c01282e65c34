/* Load client of bench/fanout.py: N Socket.IO clients over WebSocket on one thread with epoll.
 *
 *   load PORT N SCRIPT          SCRIPT: lines join, message head, direct head, leave, then one connect packet a client
 *
 * Prints {"connects_per_s"} when all have joined; then obeys lines on stdin and prints `begin`, `end` and one JSON line:
 *   run closed|rate X WARM_S RUN_S MIXED CHURN SLOW
 * closed: X messages in flight, the next one leaves when all clients have one; rate: X messages a second.
 * MIXED 1: each third message uses the direct head. CHURN: leaves and joins a second, by the last 50 clients.
 * SLOW: that many of the last clients stop reading. Those are not counted in deliveries and losses.
 * Masks are zero, so that masking costs nothing; deliveries carry `ts=` (ns) and `n=`, and the server's "seq".
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
#include <time.h>
#include <unistd.h>

#define MOST_MESSAGES (1 << 20)
#define BINS 100000 /* of 0.1 ms */
#define SENDERS 16
#define CHURNERS 50

typedef struct {
  int fd, state; /* 0 handshake, 1 open awaited, 2 sign-in awaited, 3 join awaited, 4 joined */
  int deaf, churner, inside;
  uint64_t seq;
  char *kept;
  size_t kept_len, kept_cap;
} Conn;

static Conn *conns;
static char **lines;
static int n, port, epfd, ready_count, counted, connect_lines;
static uint64_t acks, refused, deliveries, out_of_order, reads, bytes, closed_early, churns;
static uint64_t *latency_bins;
static uint32_t *got, *due_count, issued, finished;
static int measuring, mixed, runs;
static char incoming[1 << 18];

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + t.tv_nsec;
}

static double cpu_s(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void must_write(int fd, const char *data, size_t len) {
  while (len) {
    ssize_t k = write(fd, data, len);
    if (k > 0) { data += k; len -= k; }
    else if (errno != EAGAIN) return; /* the reader will notice */
  }
}

static void say(Conn *c, const char *text, size_t len) {
  unsigned char frame[16384];
  size_t head = 2;
  frame[0] = 0x81;
  if (len < 126) frame[1] = 0x80 | len;
  else { frame[1] = 0x80 | 126; frame[2] = len >> 8; frame[3] = len & 255; head = 4; }
  memset(frame + head, 0, 4);
  memcpy(frame + head + 4, text, len);
  must_write(c->fd, (char *)frame, head + 4 + len);
}

static void request(Conn *c, int id, const char *event) {
  char text[8192];
  say(c, text, snprintf(text, sizeof text, "42%d%s", id, event));
}

static void send_message(void) {
  uint32_t number = issued++;
  if (number >= MOST_MESSAGES) { fprintf(stderr, "too many messages\n"); exit(1); }
  Conn *c = &conns[number % (n < SENDERS ? n : SENDERS)];
  char text[8192];
  const char *head = mixed && number % 3 == 2 ? lines[2] : lines[1];
  due_count[number] = counted;
  int len = snprintf(text, sizeof text, "42%u%s\"cid\":\"r%d-%08x\",\"text\":\"ts=%019llu n=%08u the quick brown fox jumps over the lazy dog\"}]",
                     number + 10, head, runs, number, (unsigned long long)now_ns(), number);
  say(c, text, len);
}

static void delivered(Conn *c, const char *text, size_t len) {
  char *ts = memmem(text, len, "ts=", 3);
  char *seq = memmem(text, len, "\"seq\":", 6);
  if (!ts || !seq || c->churner || c->deaf) return;
  uint64_t sent = strtoull(ts + 3, NULL, 10), order = strtoull(seq + 6, NULL, 10);
  uint32_t number = strtoul(ts + 25, NULL, 10);
  if (order <= c->seq) out_of_order++;
  c->seq = order;
  if (number < MOST_MESSAGES && ++got[number] == due_count[number]) finished++;
  if (measuring) {
    deliveries++;
    uint64_t bin = (now_ns() - sent) / 100000;
    latency_bins[bin < BINS ? bin : BINS - 1]++;
  }
}

static void packet(Conn *c, char *text, size_t len) {
  if (!len) return;
  if (text[0] == '2') { say(c, "3", 1); return; }
  if (text[0] == '0') { say(c, lines[4 + (c - conns) % connect_lines], strlen(lines[4 + (c - conns) % connect_lines])); c->state = 2; return; }
  if (text[0] != '4' || len < 2) return;
  if (text[1] == '0') { request(c, 1, lines[0]); c->state = 3; }
  else if (text[1] == '4') { fprintf(stderr, "refused: %.*s\n", (int)len, text); exit(1); }
  else if (text[1] == '3') {
    if (memmem(text, len < 40 ? len : 40, "\"ok\":false", 10)) {
      if (refused++ == 0) fprintf(stderr, "%.*s\n", (int)(len < 300 ? len : 300), text);
    }
    if (c->state == 3) { c->state = 4; c->inside = 1; ready_count++; }
    acks++;
  } else if (text[1] == '2') delivered(c, text, len);
}

static size_t frames(Conn *c, char *data, size_t len) {
  size_t at = 0;
  if (c->state == 0) {
    char *end = memmem(data, len, "\r\n\r\n", 4);
    if (!end) return 0;
    if (memcmp(data, "HTTP/1.1 101", 12)) { fprintf(stderr, "%.*s\n", (int)len, data); exit(1); }
    c->state = 1;
    at = end + 4 - data;
  }
  while (len - at >= 2) {
    unsigned char *f = (unsigned char *)data + at;
    size_t size = f[1] & 127, head = 2;
    if (size == 126) { if (len - at < 4) break; size = f[2] << 8 | f[3]; head = 4; }
    else if (size == 127) {
      if (len - at < 10) break;
      size = (size_t)f[6] << 24 | f[7] << 16 | f[8] << 8 | f[9];
      head = 10;
    }
    if (len - at < head + size) break;
    if ((f[0] & 15) == 1) packet(c, (char *)f + head, size);
    at += head + size;
  }
  return at;
}

static void readable(Conn *c) {
  memcpy(incoming, c->kept, c->kept_len);
  ssize_t k = read(c->fd, incoming + c->kept_len, sizeof incoming - c->kept_len);
  if (k <= 0) {
    if (k < 0 && errno == EAGAIN) return;
    closed_early++;
    close(c->fd);
    c->fd = -1;
    return;
  }
  reads++;
  bytes += k;
  size_t len = c->kept_len + k, used = frames(c, incoming, len);
  c->kept_len = len - used;
  if (c->kept_len > c->kept_cap) c->kept = realloc(c->kept, c->kept_cap = c->kept_len + 4096);
  memcpy(c->kept, incoming + used, c->kept_len);
}

static void pump(int wait_ms) {
  struct epoll_event events[512];
  int k = epoll_wait(epfd, events, 512, wait_ms);
  for (int i = 0; i < k; i++) readable(events[i].data.ptr);
}

static void open_one(Conn *c) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int one = 1;
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(c->fd, (struct sockaddr *)&to, sizeof to)) { perror("connect"); exit(1); }
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  char text[512];
  int len = snprintf(text, sizeof text,
                     "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", port);
  must_write(c->fd, text, len);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  epoll_ctl(epfd, EPOLL_CTL_ADD, c->fd, &event);
}

static void connect_all(void) {
  uint64_t began = now_ns();
  int opened = 0;
  while (ready_count < n) {
    while (opened < n && opened - ready_count < 32) open_one(&conns[opened++]);
    pump(100);
    if (now_ns() - began > 120ull * 1000000000) { fprintf(stderr, "only %d of %d joined\n", ready_count, n); exit(1); }
  }
  printf("{\"connects_per_s\": %.1f}\n", n / ((now_ns() - began) / 1e9));
  fflush(stdout);
}

static double percentile(double p) {
  uint64_t all = 0, seen = 0;
  for (int i = 0; i < BINS; i++) all += latency_bins[i];
  for (int i = 0; i < BINS; i++)
    if ((seen += latency_bins[i]) > all * p) return i / 10.0;
  return 0;
}

static void churn_one(void) {
  Conn *c = &conns[n - 1 - churns++ % CHURNERS];
  request(c, 2, lines[c->inside ? 3 : 0]);
  c->inside = !c->inside;
}

static void issue(int is_rate, double x, uint64_t began, int churn) {
  double elapsed = (now_ns() - began) / 1e9;
  if (is_rate) while (issued < elapsed * x) send_message();
  else while (issued - finished < x && issued < MOST_MESSAGES - 1) send_message();
  while (churn && churns < elapsed * churn) churn_one();
}

static void run(int is_rate, double x, double warm, double secs, int churn, int slow) {
  memset(latency_bins, 0, BINS * sizeof *latency_bins);
  memset(got, 0, MOST_MESSAGES * sizeof *got);
  issued = finished = 0;
  runs++; /* a cid names a message for ten minutes */
  acks = refused = deliveries = out_of_order = reads = bytes = churns = 0;
  counted = n;
  for (int i = 0; i < n; i++) {
    Conn *c = &conns[i];
    c->churner = churn && i >= n - CHURNERS;
    if (slow && i >= n - slow && !c->deaf) { c->deaf = 1; epoll_ctl(epfd, EPOLL_CTL_DEL, c->fd, NULL); }
    if (c->churner || c->deaf) counted--;
  }
  uint64_t began = now_ns(), from = began + warm * 1e9, until = from + secs * 1e9;
  double cpu = 0;
  while (now_ns() < until) {
    if (!measuring && now_ns() >= from) { measuring = 1; cpu = cpu_s(); reads = 0; puts("begin"); fflush(stdout); }
    issue(is_rate, x, began, churn);
    pump(1);
  }
  measuring = 0;
  puts("end"); fflush(stdout);
  cpu = cpu_s() - cpu;
  uint64_t measured_reads = reads, quiet = now_ns();
  while (now_ns() - quiet < 1500000000ull && finished < issued) {
    uint64_t before = bytes;
    pump(50);
    if (bytes != before) quiet = now_ns();
  }
  uint64_t lost = 0;
  for (uint32_t i = 0; i < issued; i++) lost += got[i] < due_count[i] ? due_count[i] - got[i] : 0;
  printf("{\"deliveries\": %llu, \"seconds\": %.3f, \"p50_ms\": %.1f, \"p99_ms\": %.1f, \"out_of_order\": %llu, \"lost\": %llu, "
         "\"refused\": %llu, \"messages\": %u, \"reads\": %llu, \"closed\": %llu, \"client_cpu\": %.2f, \"churns\": %llu}\n",
         (unsigned long long)deliveries, secs, percentile(.5), percentile(.99), (unsigned long long)out_of_order,
         (unsigned long long)lost, (unsigned long long)refused, issued, (unsigned long long)measured_reads,
         (unsigned long long)closed_early, cpu / secs, (unsigned long long)churns);
  fflush(stdout);
}

static void load_script(const char *path) {
  FILE *f = fopen(path, "r");
  char *line = NULL;
  size_t cap = 0;
  ssize_t len;
  int count = 0;
  if (!f) { perror(path); exit(1); }
  while ((len = getline(&line, &cap, f)) > 0) {
    line[len - 1] = 0;
    lines = realloc(lines, (count + 1) * sizeof *lines);
    lines[count++] = strdup(line);
  }
  connect_lines = count - 4;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  port = atoi(argv[1]); n = atoi(argv[2]);
  load_script(argv[3]);
  conns = calloc(n, sizeof *conns);
  for (int i = 0; i < n; i++) { conns[i].kept = malloc(conns[i].kept_cap = 16); conns[i].fd = -1; }
  latency_bins = calloc(BINS, sizeof *latency_bins);
  got = calloc(MOST_MESSAGES, sizeof *got);
  due_count = calloc(MOST_MESSAGES, sizeof *due_count);
  epfd = epoll_create1(0);
  connect_all();
  char command[256], mode[16];
  fcntl(0, F_SETFL, O_NONBLOCK);
  for (;;) {
    ssize_t k = read(0, command, sizeof command - 1);
    if (k == 0) return 0;
    if (k < 0) { pump(20); continue; } /* pings are answered while idle */
    command[k] = 0;
    double x, warm, secs;
    int churn, slow;
    if (sscanf(command, "run %15s %lf %lf %lf %d %d %d", mode, &x, &warm, &secs, &mixed, &churn, &slow) == 7)
      run(!strcmp(mode, "rate"), x, warm, secs, churn, slow);
  }
}
