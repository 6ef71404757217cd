#include <cstdio>
#include <cstring>

#include "bench.h"

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "decisions") == 0) return bench_decisions();
  if (argc == 2 && std::strcmp(argv[1], "ledger") == 0) return bench_ledger();
  std::fputs("usage: llmroute_cpp_bench decisions|ledger\n", stderr);
  return 2;
}
