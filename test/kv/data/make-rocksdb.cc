// Makes the RocksDB databases under test/kv/data: see README.md there.
//   g++ -std=c++17 make-rocksdb.cc -o make-rocksdb -lrocksdb
//   ./make-rocksdb DIRECTORY VARIANT KEYS
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <unistd.h>
#include <cstdio>
#include <cstdlib>
#include <string>
using namespace rocksdb;

static void must(const Status& s) {
  if (!s.ok()) {
    fprintf(stderr, "%s\n", s.ToString().c_str());
    exit(1);
  }
}

static uint32_t state = 1;
static uint32_t rnd() {
  state = state * 1664525u + 1013904223u;
  return state >> 8;
}

static std::string key(unsigned i) {
  char text[40];
  snprintf(text, sizeof text, "object.%04u.%s", i / 7, i % 7 == 0 ? "" : std::string(i % 7, 'k').c_str());
  return text;
}

static std::string value(unsigned i) {
  std::string text = "value " + std::to_string(i) + " ";
  unsigned n = rnd() % 60;
  for (unsigned k = 0; k < n; k++) text += static_cast<char>(k % 3 ? 'a' : 'a' + rnd() % 26);
  return text;
}

struct Variant {
  const char* name;
  CompressionType compression;
  int version;
  ChecksumType checksum;
  BlockBasedTableOptions::IndexType index;
  bool hash;
  int restart;
  size_t recycle;
};

static const Variant variants[] = {
    {"plain", kNoCompression, 2, kCRC32c, BlockBasedTableOptions::kBinarySearch, false, 1, 0},
    {"snappy", kSnappyCompression, 2, kCRC32c, BlockBasedTableOptions::kBinarySearch, false, 1, 0},
    {"zlib", kZlibCompression, 2, kxxHash, BlockBasedTableOptions::kBinarySearch, false, 1, 0},
    {"lz4-twolevel", kLZ4Compression, 4, kxxHash64, BlockBasedTableOptions::kTwoLevelIndexSearch, false, 8, 0},
    {"lz4hc-hash", kLZ4HCCompression, 5, kXXH3, BlockBasedTableOptions::kBinarySearch, true, 16, 0},
    {"zstd-twolevel", kZSTD, 5, kXXH3, BlockBasedTableOptions::kTwoLevelIndexSearch, true, 1, 0},
    {"firstkey", kNoCompression, 5, kNoChecksum, BlockBasedTableOptions::kBinarySearchWithFirstKey, false, 4, 0},
    {"oldest", kLZ4Compression, 0, kCRC32c, BlockBasedTableOptions::kBinarySearch, false, 1, 0},
    {"recycled", kNoCompression, 5, kXXH3, BlockBasedTableOptions::kBinarySearch, false, 1, 2},
};

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const Variant* variant = nullptr;
  for (auto& v : variants)
    if (std::string(v.name) == argv[2]) variant = &v;
  if (!variant) return 2;
  unsigned keys = atoi(argv[3]);

  Options options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.compression = variant->compression;
  options.disable_auto_compactions = keys < 5000;
  options.recycle_log_file_num = variant->recycle;
  // Recycling is switched off under the default mode.
  if (variant->recycle) options.wal_recovery_mode = WALRecoveryMode::kSkipAnyCorruptedRecords;
  options.write_buffer_size = keys < 5000 ? 64 << 20 : 1 << 20;
  options.target_file_size_base = 1 << 20;
  BlockBasedTableOptions table;
  table.block_size = keys < 5000 ? 512 : 4096;
  table.metadata_block_size = keys < 5000 ? 16 : 1024;
  table.format_version = variant->version;
  table.checksum = variant->checksum;
  table.index_type = variant->index;
  table.index_block_restart_interval = variant->restart;
  if (variant->hash) {
    table.data_block_index_type = BlockBasedTableOptions::kDataBlockBinaryAndHash;
    table.data_block_hash_table_util_ratio = 0.75;
  }
  options.table_factory.reset(NewBlockBasedTableFactory(table));

  std::vector<ColumnFamilyDescriptor> names = {
      {"default", options}, {"m-0", options}};
  std::vector<ColumnFamilyHandle*> families;
  DB* db;
  must(DB::Open(options, argv[1], names, &families, &db));
  WriteOptions write;
  auto round = [&](unsigned step, unsigned from) {
    for (unsigned i = from; i < keys; i += step) {
      WriteBatch batch;
      must(batch.Put(families[i % 2], key(i), value(i)));
      if (i % 11 == 3) must(batch.Delete(families[(i - 3) % 2], key(i - 3)));
      // Single deletes want keys of their own: put once, deleted once.
      if (step == 1 && i % 19 < 2) must(batch.Put(families[1], "single" + key(i), value(i)));
      if (step == 9 && i % 19 == 0) must(batch.SingleDelete(families[1], "single" + key(i)));
      must(db->Write(write, &batch));
    }
  };
  auto flush = [&] {
    // Debian's 7.8.3 crashes when it flushes with recycled logs.
    if (variant->recycle && keys < 5000) return;
    for (auto f : families) must(db->Flush(FlushOptions(), f));
  };
  round(1, 0);
  flush();
  must(db->DeleteRange(write, families[0], key(keys / 4), key(keys / 3)));
  must(db->DeleteRange(write, families[1], key(keys / 2), key(keys / 2 + 9)));
  round(5, 2);
  flush();
  if (keys >= 5000) must(db->CompactRange(CompactRangeOptions(), families[0], nullptr, nullptr));
  round(9, 4);
  if (!variant->recycle) must(db->Flush(FlushOptions(), families[1]));
  must(db->DeleteRange(write, families[0], key(keys / 5), key(keys / 5 + 12)));
  round(17, 1);
  must(db->SyncWAL());
  _exit(0);  // as if killed
}
