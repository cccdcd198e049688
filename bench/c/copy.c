// The baseline of an export: stitches object files into one image with pread and pwrite, leaving
// out blocks of zeros.
//
//   copy DESTINATION [BUFFER_BYTES [UNIT STRIDE] [sync]] < LIST        LIST: lines of OFFSET PATH, or OFFSET FROM LENGTH PATH
//
// OFFSET: where in the image. FROM and LENGTH: which bytes of a device. UNIT STRIDE: each UNIT bytes of a file lie STRIDE
// bytes apart in the image (striping). With `sync` the image is on disk before it ends.
// Prints bytes read and written.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ZERO_BLOCK = 4096 };

static const char zeros[ZERO_BLOCK];

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void write_all(int fd, const char *bytes, size_t length, uint64_t at) {
  while (length > 0) {
    ssize_t n = pwrite(fd, bytes, length, at);
    if (n < 0) die("pwrite");
    bytes += n, length -= n, at += n;
  }
}

// Writes what is not zero of [bytes, length), neighbours in one call. Returns the bytes written.
static uint64_t write_data(int fd, const char *bytes, size_t length, uint64_t at) {
  uint64_t written = 0;
  size_t start = 0;
  int in_data = 0;
  for (size_t i = 0; i <= length; i += ZERO_BLOCK) {
    size_t n = length - i < ZERO_BLOCK ? length - i : ZERO_BLOCK;
    int data = i < length && (n < ZERO_BLOCK || bytes[i] != 0 || memcmp(bytes + i, zeros, ZERO_BLOCK));
    if (data && !in_data) start = i;
    if (in_data && !data) {
      size_t end = i < length ? i : length;
      write_all(fd, bytes + start, end - start, at + start);
      written += end - start;
    }
    in_data = data;
  }
  if (in_data) {
    write_all(fd, bytes + start, length - start, at + start);
    written += length - start;
  }
  return written;
}

// Writes what is not zero of the bytes from `at` on of a file that begins at `offset` of the image.
static uint64_t write_units(int fd, const char *bytes, size_t length, uint64_t at, uint64_t offset, uint64_t unit, uint64_t stride) {
  uint64_t written = 0;
  for (size_t i = 0; i < length;) {
    uint64_t within = (at + i) % unit;
    size_t n = unit - within < length - i ? unit - within : length - i;
    written += write_data(fd, bytes + i, n, offset + (at + i) / unit * stride + within);
    i += n;
  }
  return written;
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  int sync = !strcmp(argv[argc - 1], "sync");
  int striped = argc - sync > 4;
  uint64_t unit = striped ? strtoull(argv[3], NULL, 10) : UINT64_MAX;
  uint64_t stride = striped ? strtoull(argv[4], NULL, 10) : 0;
  size_t size = argc > 2 ? strtoull(argv[2], NULL, 10) : 256 << 10;
  char *buffer = aligned_alloc(4096, size);
  int image = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (image < 0) die(argv[1]);
  uint64_t read_bytes = 0, written = 0, end = 0;
  char line[4352], path[4096], open_path[4096] = "";
  int fd = -1;
  while (fgets(line, sizeof line, stdin) != NULL) {
    unsigned long long offset, from = 0, length = UINT64_MAX;
    if (sscanf(line, "%llu %llu %llu %4095[^\n]", &offset, &from, &length, path) != 4) {
      from = 0, length = UINT64_MAX;
      if (sscanf(line, "%llu %4095[^\n]", &offset, path) != 2) die(line);
    }
    // Every object of a device lies in the same file.
    if (strcmp(path, open_path)) {
      if (fd >= 0) close(fd);
      fd = open(path, O_RDONLY);
      if (fd < 0) die(path);
      strcpy(open_path, path);
    }
    ssize_t n;
    for (uint64_t at = 0; at < length; at += n) {
      n = pread(fd, buffer, length - at < size ? length - at : size, from + at);
      if (n < 0) die(path);
      if (n == 0) break;
      read_bytes += n;
      written += write_units(image, buffer, n, at, offset, unit, stride);
      uint64_t last = at + n - 1;
      uint64_t to = offset + last / unit * stride + last % unit + 1;
      if (to > end) end = to;
    }
  }
  if (ftruncate(image, end) < 0) die("ftruncate");
  if (sync && fsync(image) < 0) die("fsync");
  printf("{\"read\":%llu,\"written\":%llu}\n", (unsigned long long)read_bytes, (unsigned long long)written);
}
