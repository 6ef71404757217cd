// The parts of the benchmark of the core; each prints a JSON array.
#pragma once

int bench_decisions();  // {policy, deployments, us, allocations}
int bench_ledger();     // {threads, us}
