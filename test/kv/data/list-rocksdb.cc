#include <rocksdb/db.h>
#include <rocksdb/merge_operator.h>
#include <cstdio>
#include <string>
using namespace rocksdb;
struct Op : AssociativeMergeOperator { std::string n; Op(std::string x):n(x){} bool Merge(const Slice&,const Slice* e,const Slice& v,std::string* o,Logger*) const override { *o = (e?e->ToString():std::string())+v.ToString(); return true;} const char* Name() const override {return n.c_str();} };
static void hex(const Slice&s){ for(size_t i=0;i<s.size();i++) printf("%02x",(unsigned char)s[i]); }
int main(int c,char**v){ Options o; std::vector<std::string> n; if(c>2) o.merge_operator.reset(new Op(v[2]));
 Status s=DB::ListColumnFamilies(o,v[1],&n); if(!s.ok()){fprintf(stderr,"%s\n",s.ToString().c_str());return 1;}
 std::vector<ColumnFamilyDescriptor> d; for(auto&x:n) d.emplace_back(x,o);
 std::vector<ColumnFamilyHandle*> h; DB*db; s=DB::OpenForReadOnly(o,v[1],d,&h,&db); if(!s.ok()){fprintf(stderr,"%s\n",s.ToString().c_str());return 1;}
 for(size_t i=0;i<n.size();i++){ auto it=db->NewIterator(ReadOptions(),h[i]); for(it->SeekToFirst();it->Valid();it->Next()){ printf("%s ",n[i].c_str()); hex(it->key()); printf(" "); hex(it->value()); printf("\n"); } if(!it->status().ok()) fprintf(stderr,"%s\n",it->status().ToString().c_str()); delete it; }
 return 0; }
