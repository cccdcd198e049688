// Fills a synthetic FileStore with empty object files: see make-tree.mjs, which calls it. The files are
// links to a few, which a scan cannot tell: ten million files would use up a file system's inodes.
//
//   make-tree ROOT OBJECTS OSDS SIZE IMAGES PG_NUM DEPTH POOL
//
// OBJECTS heads are spread over IMAGES; 3 % of them have a clone besides. Every object lies on SIZE
// of the OSDs. PG_NUM is a power of two, at most 16^DEPTH; DEPTH counts the DIR_X levels.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// Objects of one image that are written before another image has its turn.
enum { RUN = 16 };

static void die(const char *what) {
  perror(what);
  exit(1);
}

static uint32_t word(const uint8_t *p) {
  return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

// CEPH_STR_HASH_RJENKINS: docs/formats/ceph.md, "Placement".
static uint32_t placement_hash(const uint8_t *p, size_t length) {
  uint32_t a = 0x9e3779b9, b = a, c = 0;
  size_t left = length;
  for (;;) {
    if (left >= 12) {
      a += word(p), b += word(p + 4), c += word(p + 8);
    } else {
      uint8_t tail[12] = {0};
      memcpy(tail, p, left);
      a += word(tail), b += word(tail + 4);
      // The low byte of c is the length's.
      c += (word(tail + 8) << 8) + (uint32_t)length;
    }
    a -= b, a -= c, a ^= c >> 13;
    b -= c, b -= a, b ^= a << 8;
    c -= a, c -= b, c ^= b >> 13;
    a -= b, a -= c, a ^= c >> 12;
    b -= c, b -= a, b ^= a << 16;
    c -= a, c -= b, c ^= b >> 5;
    a -= b, a -= c, a ^= c >> 3;
    b -= c, b -= a, b ^= a << 10;
    c -= a, c -= b, c ^= b >> 15;
    if (left < 12) return c;
    p += 12, left -= 12;
  }
}

static void self_test(void) {
  // As a real cluster stored them.
  if (placement_hash((const uint8_t *)"rbd_directory", 13) != 0x30A98C1C) abort();
  const char *name = "rbd_data.102b6c4ee5e6.0000000000000004";
  if (placement_hash((const uint8_t *)name, strlen(name)) != 0xDEE5305C) abort();
}

struct tree {
  const char *root;
  uint32_t pg_num, depth, pool;
  int *leaves; // directory fd by the hash's low DEPTH digits, 0: not made yet
};

static void forget_leaves(struct tree *t) {
  for (uint32_t slot = 0; slot < 1u << 4 * t->depth; slot++) {
    if (t->leaves[slot] != 0) close(t->leaves[slot]);
    t->leaves[slot] = 0;
  }
}

static int leaf(struct tree *t, int osd, uint32_t hash) {
  uint32_t slot = hash & ((1u << 4 * t->depth) - 1);
  if (t->leaves[slot] != 0) return t->leaves[slot];
  char path[4096];
  int n = snprintf(path, sizeof path, "%s/osd.%d/current/%u.%x_head", t->root, osd, t->pool,
                   hash & (t->pg_num - 1));
  if (mkdir(path, 0755) < 0 && errno != EEXIST) die(path);
  for (uint32_t level = 0; level < t->depth; level++) {
    n += snprintf(path + n, sizeof path - n, "/DIR_%X", hash >> 4 * level & 15);
    if (mkdir(path, 0755) < 0 && errno != EEXIST) die(path);
  }
  int fd = open(path, O_RDONLY | O_DIRECTORY);
  if (fd < 0 && errno == EMFILE) {
    forget_leaves(t);
    fd = open(path, O_RDONLY | O_DIRECTORY);
  }
  if (fd < 0) die(path);
  return t->leaves[slot] = fd;
}

static int holds(uint32_t pg, int osd, int osds, int size) {
  return (osd + osds - (int)(pg % osds)) % osds < size;
}

// Links that a file may have: ext4 takes 65,000.
enum { LINKS = 60000 };

// An empty file by that name, most often a further link to the last one made.
static void make(int fd, const char *file) {
  static int seed_fd = -1;
  static char seed[192];
  static int links = LINKS;
  if (links++ < LINKS && linkat(seed_fd, seed, fd, file, 0) == 0) return;
  if (mknodat(fd, file, S_IFREG | 0644, 0) < 0) die(file);
  if (seed_fd >= 0) close(seed_fd);
  strcpy(seed, file);
  links = (seed_fd = dup(fd)) < 0 ? LINKS : 1;
}

// Objects of different images are made in turn, so that folders grow side by side as in life.
static uint64_t fill(struct tree *t, int osd, int osds, int size, uint64_t objects, uint32_t images) {
  uint64_t made = 0;
  for (uint64_t i = 0; i < objects; i++) {
    uint32_t image = i / RUN % images;
    uint64_t number = i / RUN / images * RUN + i % RUN;
    char name[128];
    int n = snprintf(name, sizeof name, "rbd_data.%x6b8b4567.%016llx", 0x10200 + image * 7,
                     (unsigned long long)number);
    uint32_t hash = placement_hash((const uint8_t *)name, n);
    if (!holds(hash & (t->pg_num - 1), osd, osds, size)) continue;
    int fd = leaf(t, osd, hash);
    char file[192];
    snprintf(file, sizeof file, "rbd\\udata%s__head_%08X__%x", name + 8, hash, t->pool);
    make(fd, file);
    made++;
    if (number * 2654435761u % 100 >= 3) continue;
    snprintf(file, sizeof file, "rbd\\udata%s__%x_%08X__%x", name + 8, 4 + image % 28, hash, t->pool);
    make(fd, file);
    made++;
  }
  return made;
}

int main(int argc, char **argv) {
  if (argc != 9) return 2;
  self_test();
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  int osds = atoi(argv[3]);
  for (int osd = 0; osd < osds; osd++) {
    if (fork() != 0) continue;
    struct tree t = {argv[1], atoi(argv[6]), atoi(argv[7]), atoi(argv[8]), 0};
    t.leaves = calloc(1u << 4 * t.depth, sizeof *t.leaves);
    uint64_t made = fill(&t, osd, osds, atoi(argv[4]), strtoull(argv[2], 0, 10), atoi(argv[5]));
    printf("osd.%d %llu\n", osd, (unsigned long long)made);
    return 0;
  }
  int status, failed = 0;
  while (wait(&status) > 0) failed |= status != 0;
  return failed;
}
