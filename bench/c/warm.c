// Writes to so many MiB of memory and gives them back. A virtual machine's host may have taken pages
// that were free for some seconds, and takes its time to give them again: that is done here, so that
// the run which follows at once need not wait for it.
//
//   warm MIB
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  size_t size = strtoull(argv[1], NULL, 10) << 20;
  char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    perror("mmap");
    return 1;
  }
  madvise(memory, size, MADV_HUGEPAGE);
  for (size_t at = 0; at < size; at += 4096) memory[at] = 1;
  return 0;
}
