#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "bench.h"

namespace {
std::atomic<long> made{0};
}  // namespace

long allocations() { return made.load(); }

void* operator new(std::size_t size) {
  made.fetch_add(1, std::memory_order_relaxed);
  if (void* p = std::malloc(size)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "decisions") == 0) return bench_decisions();
  if (argc == 2 && std::strcmp(argv[1], "ledger") == 0) return bench_ledger();
  if (argc == 2 && std::strcmp(argv[1], "keywords") == 0) return bench_keywords();
  if (argc == 2 && std::strcmp(argv[1], "ruled") == 0) return bench_ruled();
  if (argc == 2 && std::strcmp(argv[1], "dialects") == 0) return bench_dialects();
  std::fputs("usage: llmroute_cpp_bench decisions|dialects|ledger|keywords|ruled\n", stderr);
  return 2;
}
