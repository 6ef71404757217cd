// The parts of the benchmark of the core; each prints a JSON array.
#pragma once

int bench_decisions();  // {policy, deployments, us, allocations}
int bench_ledger();     // {threads, us}
int bench_ruled();      // {deployments, us}
int bench_dialects();   // {what, dialect, us}
int bench_keywords();   // {phrases, text_bytes, us, allocations}

long allocations();  // by operator new so far, of all threads
