#include <leveldb/db.h>
#include <cstdio>
#include <string>
using namespace leveldb;
static void hex(const Slice&s){ for(size_t i=0;i<s.size();i++) printf("%02x",(unsigned char)s[i]); }
int main(int c,char**v){ Options o; DB*db; Status s=DB::Open(o,v[1],&db); if(!s.ok()){fprintf(stderr,"%s\n",s.ToString().c_str());return 1;}
 auto it=db->NewIterator(ReadOptions()); for(it->SeekToFirst();it->Valid();it->Next()){ printf("default "); hex(it->key()); printf(" "); hex(it->value()); printf("\n"); } return 0; }
