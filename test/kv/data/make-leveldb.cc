// Makes the LevelDB databases under test/kv/data: see README.md there.
//   g++ -std=c++17 make-leveldb.cc -o make-leveldb -lleveldb
//   ./make-leveldb DIRECTORY snappy|plain KEYS
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <unistd.h>
#include <cstdio>
#include <cstdlib>
#include <string>
using namespace leveldb;

static std::string key(unsigned i) {
  char text[40];
  snprintf(text, sizeof text, "_USER_%06u_USER_%c", i * 7919 % 99991, 'a' + i % 3);
  return text;
}

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  unsigned keys = atoi(argv[3]);
  Options options;
  options.create_if_missing = true;
  options.compression = std::string(argv[2]) == "snappy" ? kSnappyCompression : kNoCompression;
  options.block_size = keys < 5000 ? 512 : 4096;
  options.filter_policy = NewBloomFilterPolicy(10);
  DB* db;
  for (int pass = 0; pass < 3; pass++) {
    Status s = DB::Open(options, argv[1], &db);
    if (!s.ok()) return 1;
    for (unsigned i = pass; i < keys; i += pass * 2 + 1) {
      std::string value = "pass " + std::to_string(pass) + " value " + std::to_string(i);
      value.append(i % 40, '.');
      db->Put(WriteOptions(), key(i), value);
      if (i % 13 == 5) db->Delete(WriteOptions(), key(i - 5));
    }
    if (pass < 2) {
      if (pass == 0) db->CompactRange(nullptr, nullptr);
      delete db;
    }
  }
  _exit(0);  // as if killed: the last pass is in the log only
}
