// What does chunked framing cost a server that sends one piece of a growing file to many readers?
// Results and what follows from them: notes-chunked.md.
//
//   cc -O2 -Wall -Wextra -o chunked_cost chunked_cost.c
//   chunked_cost [READERS] [ROUNDS]
//
// The server (core 0) sends one piece to each connected socket, then waits until the reader (core
// 1, another process) has read everything: one turn. Variants take turns within a round; medians
// over the rounds. Per piece delivered to one reader: CPU of the server, CPU of the reader, events
// that epoll gave the reader. The reader compares the whole stream of one of its sockets with what
// it must be.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <stdatomic.h>

enum { kReadersMax = 8000, kRoundsMax = 99, kFileSize = 16 << 20, kTail = 2048, kVariants = 9 };

static const char* const kNames[kVariants] = {
    "a  sendfile alone, no framing",
    "b  sendmsg [head, memory, CRLF]",
    "c  head MSG_MORE, sendfile, CRLF",
    "d  corked: head, sendfile, CRLF, flush",
    "e  pread, then sendmsg [head, buffer, CRLF]",
    "f  head MSG_MORE, sendfile, sendmsg [tail, CRLF]",
    "g  [CRLF of the last chunk, head] MSG_MORE, sendfile",
    "h  pread, then send, no framing",
    "i  pipe of [head, pages, CRLF] filled once, then tee + splice per reader",
};

struct shared {
  atomic_llong bytes_read;
  atomic_llong events;
  atomic_llong cpu_ns;
  atomic_int mismatch;
};

static struct shared* shared;
static int file_fd;
static char* file_bytes;
static int server_side[kReadersMax], reader_side[kReadersMax];
static int reader_count = 1000;
static int filled_pipe[2], scratch_pipe[2];

static void die(const char* what) {
  perror(what);
  exit(1);
}

static long long clock_ns(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void pin(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  sched_setaffinity(0, sizeof set, &set);
}

// Variant i: what all readers get, put into a pipe once per turn; the pages are the file's own.
static void fill_pipe(off_t offset, size_t size, const char* head, size_t head_size) {
  if (write(filled_pipe[1], head, head_size) != (ssize_t)head_size) die("write to pipe");
  if (splice(file_fd, &offset, filled_pipe[1], NULL, size, 0) != (ssize_t)size)
    die("splice to pipe");
  if (write(filled_pipe[1], "\r\n", 2) != 2) die("write to pipe");
}

static void drain_pipe(size_t size) {
  static char buffer[128 * 1024];
  if (read(filled_pipe[0], buffer, sizeof buffer) != (ssize_t)size) die("drain");
}

// Buffers are large enough for every piece, so anything short is a mistake in this experiment.
static void all(ssize_t sent, size_t expected) {
  if (sent != (ssize_t)expected) {
    fprintf(stderr, "sent %zd of %zu: %s\n", sent, expected, strerror(errno));
    exit(1);
  }
}

static void send_parts(int fd, const void* a, size_t an, const void* b, size_t bn, const void* c,
                       size_t cn) {
  struct iovec parts[3] = {{(void*)a, an}, {(void*)b, bn}, {(void*)c, cn}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = cn ? 3 : 2};
  all(sendmsg(fd, &message, MSG_NOSIGNAL), an + bn + cn);
}

static void send_piece(int variant, int fd, off_t offset, size_t size, const char* head,
                       size_t head_size) {
  static char buffer[64 * 1024];
  const off_t begin = offset;
  const int one = 1;
  switch (variant) {
    case 0: all(sendfile(fd, file_fd, &offset, size), size); break;
    case 1: send_parts(fd, head, head_size, file_bytes + offset, size, "\r\n", 2); break;
    case 2:
      all(send(fd, head, head_size, MSG_MORE), head_size);
      all(sendfile(fd, file_fd, &offset, size), size);
      all(send(fd, "\r\n", 2, 0), 2);
      break;
    case 3:
      all(send(fd, head, head_size, 0), head_size);
      all(sendfile(fd, file_fd, &offset, size), size);
      all(send(fd, "\r\n", 2, 0), 2);
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      break;
    case 4:
      all(pread(file_fd, buffer, size, offset), size);
      send_parts(fd, head, head_size, buffer, size, "\r\n", 2);
      break;
    case 5: {
      size_t tail = size < kTail ? size : kTail;
      all(send(fd, head, head_size, MSG_MORE), head_size);
      if (size > tail) all(sendfile(fd, file_fd, &offset, size - tail), size - tail);
      all(pread(file_fd, buffer, tail, begin + (off_t)(size - tail)), tail);
      send_parts(fd, buffer, tail, "\r\n", 2, NULL, 0);
      break;
    }
    case 6:
      all(send(fd, head, head_size, MSG_MORE), head_size);
      all(sendfile(fd, file_fd, &offset, size), size);
      break;
    case 7:
      all(pread(file_fd, buffer, size, offset), size);
      all(send(fd, buffer, size, 0), size);
      break;
    case 8: {
      const size_t each = head_size + size + 2;
      all(tee(filled_pipe[0], scratch_pipe[1], each, 0), each);
      all(splice(scratch_pipe[0], NULL, fd, NULL, each, 0), each);
      break;
    }
  }
}

// What one turn of a variant puts on the wire. Gives its size; `out` may be null.
static size_t wire_bytes(int variant, off_t offset, size_t size, char* head, size_t* head_size,
                         char* out) {
  const int framed = variant != 0 && variant != 7;
  *head_size = framed ? (size_t)sprintf(head, variant == 6 ? "\r\n%zx\r\n" : "%zx\r\n", size) : 0;
  const size_t end_size = framed && variant != 6 ? 2 : 0;
  if (out) {
    memcpy(out, head, *head_size);
    memcpy(out + *head_size, file_bytes + offset, size);
    memcpy(out + *head_size + size, "\r\n", end_size);
  }
  return *head_size + size + end_size;
}

// The order of turns, the same for both processes.
struct plan {
  size_t size;
  int turns, rounds;
};

static off_t offset_of_turn(const struct plan* p, int turn) {
  return (off_t)((size_t)turn * p->size % kFileSize);
}

static void read_everything(const struct plan* p) {
  static char buffer[256 * 1024], expected[256 * 1024];
  int poller = epoll_create1(0);
  for (int i = 0; i < reader_count; ++i) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
    epoll_ctl(poller, EPOLL_CTL_ADD, reader_side[i], &event);
  }
  char head[32];
  size_t head_size;
  for (int round = 0; round < p->rounds; ++round) {
    for (int variant = 0; variant < kVariants; ++variant) {
      for (int turn = 0; turn < p->turns; ++turn) {
        const size_t each =
            wire_bytes(variant, offset_of_turn(p, turn), p->size, head, &head_size, expected);
        const long long want = (long long)each * reader_count;
        size_t checked = 0;
        for (long long got = 0; got < want;) {
          struct epoll_event ready[64];
          int count = epoll_wait(poller, ready, 64, -1);
          for (int i = 0; i < count; ++i) {
            ssize_t n = read(reader_side[ready[i].data.u32], buffer, sizeof buffer);
            if (n <= 0) die("read");
            if (ready[i].data.u32 == 0) {
              if (memcmp(buffer, expected + checked, (size_t)n) != 0)
                atomic_store(&shared->mismatch, 1);
              checked += (size_t)n;
            }
            got += n;
          }
          atomic_fetch_add(&shared->events, count);
        }
        atomic_store(&shared->cpu_ns, clock_ns(CLOCK_PROCESS_CPUTIME_ID));
        atomic_fetch_add(&shared->bytes_read, want);
      }
    }
  }
}

static int ascending(const void* a, const void* b) {
  double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

static double median(double* values, int count) {
  qsort(values, (size_t)count, sizeof *values, ascending);
  return values[count / 2];
}

static void connect_all(void) {
  int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1, buffer = 512 * 1024;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  if (bind(listener, (struct sockaddr*)&address, size) < 0 || listen(listener, 128) < 0)
    die("listen");
  getsockname(listener, (struct sockaddr*)&address, &size);
  for (int i = 0; i < reader_count; ++i) {
    reader_side[i] = socket(AF_INET, SOCK_STREAM, 0);
    if (reader_side[i] < 0) die("socket");
    if (connect(reader_side[i], (struct sockaddr*)&address, sizeof address) < 0) die("connect");
    server_side[i] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    setsockopt(server_side[i], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    setsockopt(server_side[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  }
}

static void measure(const struct plan* p) {
  static double server_us[kVariants][kRoundsMax], reader_us[kVariants][kRoundsMax],
      events[kVariants][kRoundsMax];
  memset(shared, 0, sizeof *shared);
  pid_t reader = fork();
  if (reader == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin(1);
    read_everything(p);
    _exit(0);
  }
  pin(0);
  long long delivered = 0;
  for (int round = 0; round < p->rounds; ++round) {
    for (int variant = 0; variant < kVariants; ++variant) {
      const long long events_before = atomic_load(&shared->events),
                      cpu_before = atomic_load(&shared->cpu_ns);
      long long cpu_ns = 0;
      const int corked = variant == 3;
      for (int i = 0; i < reader_count; ++i)
        setsockopt(server_side[i], IPPROTO_TCP, TCP_CORK, &corked, sizeof corked);
      for (int turn = 0; turn < p->turns; ++turn) {
        const off_t offset = offset_of_turn(p, turn);
        char head[32];
        size_t head_size;
        const size_t each = wire_bytes(variant, offset, p->size, head, &head_size, NULL);
        const long long start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        if (variant == 8) fill_pipe(offset, p->size, head, head_size);
        for (int i = 0; i < reader_count; ++i)
          send_piece(variant, server_side[i], offset, p->size, head, head_size);
        cpu_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - start;
        if (variant == 8) drain_pipe(each);
        delivered += (long long)each * reader_count;
        while (atomic_load(&shared->bytes_read) < delivered)
          usleep(50);
      }
      const double pieces = (double)p->turns * reader_count;
      server_us[variant][round] = (double)cpu_ns / pieces / 1e3;
      reader_us[variant][round] =
          (double)(atomic_load(&shared->cpu_ns) - cpu_before) / pieces / 1e3;
      events[variant][round] = (double)(atomic_load(&shared->events) - events_before) / pieces;
    }
  }
  if (atomic_load(&shared->mismatch)) fprintf(stderr, "the reader got wrong bytes\n"), exit(1);
  printf("\n%zu KiB pieces, %d readers, %d turns a round, medians of %d rounds\n\n", p->size / 1024,
         reader_count, p->turns, p->rounds);
  printf(
      "| variant | server us/piece | x a | reader us/piece | reader events/piece "
      "|\n|---|---|---|---|---|\n");
  const double base = median(server_us[0], p->rounds);
  for (int v = 0; v < kVariants; ++v) {
    const double server = median(server_us[v], p->rounds);
    printf("| %s | %.2f | %.2f | %.2f | %.2f |\n", kNames[v], server, server / base,
           median(reader_us[v], p->rounds), median(events[v], p->rounds));
  }
  fflush(stdout);
}

int main(int argc, char** argv) {
  if (argc > 1) reader_count = atoi(argv[1]);
  int rounds = argc > 2 ? atoi(argv[2]) : 9;
  if (reader_count < 1 || reader_count > kReadersMax || rounds < 1 || rounds > kRoundsMax) {
    fprintf(stderr, "usage: chunked_cost [READERS up to %d] [ROUNDS up to %d]\n", kReadersMax,
            kRoundsMax);
    return 2;
  }
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  char name[] = "chunked_cost.XXXXXX";
  file_fd = mkstemp(name);
  unlink(name);
  char* bytes = malloc(kFileSize);
  for (int i = 0; i < kFileSize; ++i)
    bytes[i] = (char)(rand() >> 8);
  if (write(file_fd, bytes, kFileSize) != kFileSize) die("write");
  file_bytes = bytes;
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (pipe(filled_pipe) < 0 || pipe(scratch_pipe) < 0) die("pipe");
  fcntl(filled_pipe[1], F_SETPIPE_SZ, 1 << 20);
  fcntl(scratch_pipe[1], F_SETPIPE_SZ, 1 << 20);
  connect_all();
  const struct plan plans[] = {{1024, 40, rounds}, {16 * 1024, 20, rounds}, {64 * 1024, 8, rounds}};
  for (size_t i = 0; i < 3; ++i)
    measure(&plans[i]);
}
