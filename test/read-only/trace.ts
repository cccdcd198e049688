import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { BIN, start } from '../helpers/program.ts';

/** One system call, as strace prints it: `openat(AT_FDCWD</x>, "/y", O_RDONLY) = 3</y>`. */
export interface Call {
  name: string;
  /** everything behind the name */
  text: string;
}

export const hasStrace = spawnSync('strace', ['-f', 'true']).status === 0;

/** Paths and descriptors: whatever reaches a file is one of these, or io_uring. */
const TRACED = 'trace=%file,%desc,io_uring_setup';

/** With `-f`, a call that another thread interrupts is printed in two pieces. */
function* parse(lines: Iterable<string>): Generator<Call> {
  const begun = new Map<string, string>();
  for (const line of lines) {
    const [, pid, rest] = /^(\d+) +(.*)$/s.exec(line) ?? [];
    if (pid === undefined || rest === undefined) continue;
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/s.exec(rest);
    const whole = resumed === null ? rest : (begun.get(pid) ?? '') + resumed[1];
    if (whole.endsWith('<unfinished ...>')) {
      begun.set(pid, whole.slice(0, -'<unfinished ...>'.length));
      continue;
    }
    const [, name, text] = /^(\w+)\((.*)$/s.exec(whole) ?? [];
    if (name !== undefined) yield { name, text: text! };
  }
}

export interface Traced {
  status: number | null;
  stderr: string;
  calls: Call[];
}

/** Runs the program under strace, all its threads. */
export async function trace(argv: readonly string[], log: string): Promise<Traced> {
  const strace = ['-f', '-qq', '-y', '-s', '4096', '-o', log, '-e', TRACED, '-e', 'signal=none'];
  const command = [...strace, process.execPath, BIN, ...argv];
  const { status, stderr } = await start('strace', command, 60_000).ended;
  return { status, stderr, calls: [...parse(readFileSync(log, 'latin1').split('\n'))] };
}

/** Calls whose strings are data, not paths. */
const CARRIES_DATA = /^(p?write(v|64|v2)?|p?read(v|64|v2)?|send\w*|recv\w*|execve\w*)$/;

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Is a file or directory below `directory` named in the call, or open under a descriptor in it? */
export function isAbout({ name, text }: Call, directory: string): boolean {
  // Not an octal escape: a path of 60 bytes in MessagePack is written as \331< and itself.
  if (new RegExp(`(?<![\\\\\\d])\\d+<${escaped(directory)}[/>]`).test(text)) return true;
  if (CARRIES_DATA.test(name)) return false;
  return new RegExp(`"${escaped(directory)}[/"]`).test(text);
}

/** Calls that leave what they are about as it is, whatever their arguments. */
const HARMLESS = new Set(
  (
    'stat lstat fstat newfstatat statx access faccessat faccessat2 readlink readlinkat getcwd statfs fstatfs ' +
    'getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr getdents64 lseek read pread64 readv ' +
    'preadv preadv2 fadvise64 readahead close epoll_ctl epoll_wait epoll_pwait poll dup dup2 dup3 chdir fchdir'
  ).split(' '),
);

const READS_ONLY: Readonly<Record<string, RegExp>> = {
  ioctl: /BLKGETSIZE64|BLKSSZGET|FS_IOC_FIEMAP|TCGETS/,
  fcntl: /F_GETF[DL]|F_SETFD|F_DUPFD/,
  mmap: /MAP_PRIVATE|(?<!PROT_WRITE.*), PROT_READ, MAP_SHARED/,
};

const OPENED_TO_WRITE = /O_(WRONLY|RDWR|CREAT|TRUNC|APPEND|TMPFILE|EXCL)|O_ACCMODE/;

/** Might the call change the file, its names, times, attributes or locks? */
export function mayChange({ name, text }: Call): boolean {
  if (HARMLESS.has(name)) return false;
  if (/^open(at2?)?$/.test(name))
    return OPENED_TO_WRITE.test(text) || !/O_RDONLY|O_PATH/.test(text);
  return !(READS_ONLY[name]?.test(text) ?? false);
}

/** Was something opened in a way that sets its access time when it is read? */
export const setsAccessTime = ({ name, text }: Call): boolean =>
  /^open(at2?)?$/.test(name) && !/O_NOATIME|O_PATH/.test(text) && !/ = -1 /.test(text);
