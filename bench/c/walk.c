// The baseline of a scan: lists OSDs with getdents64, parses the names of data objects and keeps
// a row of each in memory, numbered by image. What a scan does, without a catalog and without Node.
//
//   walk THREADS OSD_DIRECTORY...
//
// Prints how many directories, rows and images there are, and a checksum that does not depend on
// the order of the rows.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { BUFFER = 256 << 10, CHUNK = 1 << 16, CHUNKS = 1 << 12, PREFIX = 40, IMAGES = 1 << 16 };

struct dirent64_head {
  uint64_t ino;
  int64_t off;
  uint16_t reclen;
  uint8_t type;
  char name[];
};

struct rows {
  uint32_t group[CHUNK], number[CHUNK], snap[CHUNK], hash[CHUNK], unit[CHUNK];
};

// One thread's findings: rows in chunks, images in an open-addressing table.
struct finder {
  pthread_t thread;
  struct rows *chunks[CHUNKS];
  uint64_t count;
  uint32_t units, images, last;
  char prefixes[IMAGES / 2][PREFIX];
  uint8_t lengths[IMAGES / 2];
  uint32_t slots[IMAGES];
  char buffer[BUFFER];
};

struct task {
  char path[1024];
};

static struct task *tasks;
static int n_tasks, next_task;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static const int8_t *hex_table(int upper) {
  static int8_t tables[2][256];
  if (tables[upper]['1'] == 0) {
    memset(tables[upper], -1, 256);
    for (int i = 0; i < 16; i++) tables[upper][(upper ? "0123456789ABCDEF" : "0123456789abcdef")[i] & 255] = i;
  }
  return tables[upper];
}
static const int8_t *lower, *upper;

static int hex(const char *p, int n, const int8_t *digits, uint64_t *out) {
  uint64_t value = 0;
  int bad = 0;
  for (int i = 0; i < n; i++) {
    int digit = digits[(uint8_t)p[i]];
    bad |= digit;
    value = value << 4 | (digit & 15);
  }
  *out = value;
  return bad < 0 ? -1 : 0;
}

static uint32_t image_of(struct finder *f, const char *prefix, uint32_t length) {
  if (f->images > 0 && f->lengths[f->last] == length && !memcmp(f->prefixes[f->last], prefix, length)) return f->last;
  uint32_t h = length;
  for (uint32_t i = length > 10 ? length - 10 : 0; i < length; i++) h = h * 31 + (uint8_t)prefix[i];
  for (uint32_t at = (h ^ h >> 15) & (IMAGES - 1);; at = (at + 1) & (IMAGES - 1)) {
    uint32_t image = f->slots[at] - 1;
    if (f->slots[at] == 0) {
      if (f->images == IMAGES / 2) abort();
      image = f->images++;
      memcpy(f->prefixes[image], prefix, length);
      f->lengths[image] = length;
      f->slots[at] = image + 1;
      return f->last = image;
    }
    if (f->lengths[image] == length && !memcmp(f->prefixes[image], prefix, length)) return f->last = image;
  }
}

// rbd\udata.<id>.<16 hex>__<snap>_<8 HEX>_<ns>_<pool>
static int parse(struct finder *f, const char *name) {
  if (memcmp(name, "rbd\\udata.", 10)) return 0;
  const char *dot = memchr(name + 10, '.', 64);
  uint64_t number, hash, snap = 0;
  if (dot == NULL || dot - name >= PREFIX || hex(dot + 1, 16, lower, &number) < 0) return 0;
  const char *p = dot + 17;
  if (p[0] != '_' || p[1] != '_') return 0;
  p += 2;
  if (!memcmp(p, "head_", 5)) {
    p += 4;
  } else {
    const char *end = strchr(p, '_');
    if (end == NULL || hex(p, end - p, lower, &snap) < 0) return 0;
    snap += 2, p = end;
  }
  if (hex(p + 1, 8, upper, &hash) < 0 || p[9] != '_' || strchr(p + 10, '_') == NULL) return 0;
  uint32_t group = image_of(f, name, dot - name);
  struct rows **chunk = &f->chunks[f->count >> 16];
  if (*chunk == NULL && (*chunk = malloc(sizeof **chunk)) == NULL) die("malloc");
  uint32_t row = f->count++ & (CHUNK - 1);
  (*chunk)->group[row] = group;
  (*chunk)->number[row] = number;
  (*chunk)->snap[row] = snap;
  (*chunk)->hash[row] = hash;
  (*chunk)->unit[row] = f->units - 1;
  return 1;
}

static void walk(struct finder *f, int parent, const char *name) {
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOATIME);
  if (fd < 0 && errno == EPERM) fd = openat(parent, name, O_RDONLY | O_DIRECTORY);
  if (fd < 0) die(name);
  char below[16][8];
  int n_below = 0;
  f->units++;
  for (long n; (n = syscall(SYS_getdents64, fd, f->buffer, BUFFER)) != 0;) {
    if (n < 0) die(name);
    for (long at = 0; at < n;) {
      struct dirent64_head *entry = (struct dirent64_head *)(f->buffer + at);
      at += entry->reclen;
      if (entry->type != DT_DIR && parse(f, entry->name)) continue;
      if (memcmp(entry->name, "DIR_", 4) || strlen(entry->name) != 5 || n_below == 16) continue;
      memcpy(below[n_below++], entry->name, 6);
    }
  }
  for (int i = 0; i < n_below; i++) walk(f, fd, below[i]);
  close(fd);
}

static void *work(void *argument) {
  for (;;) {
    int task = __atomic_fetch_add(&next_task, 1, __ATOMIC_RELAXED);
    if (task >= n_tasks) return NULL;
    walk(argument, AT_FDCWD, tasks[task].path);
  }
}

static void add_collections(const char *osd) {
  char current[1000];
  snprintf(current, sizeof current, "%s/current", osd);
  DIR *directory = opendir(current);
  if (directory == NULL) die(current);
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    if (strstr(entry->d_name, "_head") == NULL) continue;
    tasks = realloc(tasks, (n_tasks + 1) * sizeof *tasks);
    if ((unsigned)snprintf(tasks[n_tasks++].path, sizeof tasks->path, "%.600s/%.200s", current, entry->d_name) >= sizeof tasks->path) die("path");
  }
  closedir(directory);
}

int main(int argc, char **argv) {
  int threads = argc < 3 ? 0 : atoi(argv[1]);
  if (threads < 1) return 2;
  lower = hex_table(0), upper = hex_table(1);
  for (int i = 2; i < argc; i++) add_collections(argv[i]);
  struct finder **finders = calloc(threads, sizeof *finders);
  for (int i = 0; i < threads; i++) {
    finders[i] = calloc(1, sizeof **finders);
    if (threads == 1) work(finders[i]);
    else pthread_create(&finders[i]->thread, NULL, work, finders[i]);
  }
  uint64_t rows = 0, units = 0, sum = 0;
  uint32_t images = 0;
  for (int i = 0; i < threads; i++) {
    struct finder *f = finders[i];
    if (threads > 1) pthread_join(f->thread, NULL);
    rows += f->count, units += f->units;
    if (f->images > images) images = f->images;
    for (uint64_t r = 0; r < f->count; r++) {
      struct rows *chunk = f->chunks[r >> 16];
      uint32_t k = r & (CHUNK - 1);
      sum += (uint64_t)chunk->hash[k] * (chunk->number[k] + 1) + chunk->snap[k];
    }
  }
  printf("{\"units\":%llu,\"rows\":%llu,\"images\":%u,\"sum\":\"%llx\"}\n", (unsigned long long)units,
         (unsigned long long)rows, images, (unsigned long long)sum);
}
