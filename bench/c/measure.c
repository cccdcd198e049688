// Runs a command and writes what it cost to fd 3 as JSON: see measure() in run.mjs.
// A small process of its own, since a child's peak memory begins with that of whoever forked it.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval t) { return t.tv_sec + t.tv_usec / 1e6; }

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  fcntl(3, F_SETFD, FD_CLOEXEC);
  struct timespec from, to;
  clock_gettime(CLOCK_MONOTONIC, &from);
  pid_t child = fork();
  if (child == 0) {
    execvp(argv[1], argv + 1);
    perror(argv[1]);
    _exit(127);
  }
  int status;
  struct rusage usage;
  if (child < 0 || wait4(child, &status, 0, &usage) < 0) return 1;
  clock_gettime(CLOCK_MONOTONIC, &to);
  dprintf(3, "{\"wall\":%.6f,\"user\":%.6f,\"sys\":%.6f,\"rssKb\":%ld,\"status\":%d,\"signal\":%d}\n",
          (to.tv_sec - from.tv_sec) + (to.tv_nsec - from.tv_nsec) / 1e9, seconds(usage.ru_utime),
          seconds(usage.ru_stime), usage.ru_maxrss, WIFEXITED(status) ? WEXITSTATUS(status) : -1,
          WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  return 0;
}
