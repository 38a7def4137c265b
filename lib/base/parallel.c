/* parallel.c - see parallel.h. */
#define _GNU_SOURCE
#include "parallel.h"

#include <omp.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

static int threads_wanted;
static atomic_bool interrupted;

static int usable_cores(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

void vs_threads_set(int n) { threads_wanted = n > 0 ? n : usable_cores(); }

int vs_threads(void) {
    if (!threads_wanted) vs_threads_set(0);
    return threads_wanted;
}

void vs_parallel_for(size_t n, size_t grain, vs_span_fn *fn, void *arg) {
    if (!n) return;
    if (!grain) grain = 1;
    size_t pieces = (n - 1) / grain + 1;
    int team = vs_threads();
    if (pieces < (size_t)team) team = (int)pieces;
    if (team <= 1 || omp_in_parallel()) {
        fn(arg, 0, n, 0);
        return;
    }
#pragma omp parallel num_threads(team)
    {
        /* equal shares in whole grains: the work here is even, and a fixed share keeps each core on its own memory */
        size_t w = (size_t)omp_get_thread_num(), of = (size_t)omp_get_num_threads();
        size_t begin = pieces * w / of * grain, end = pieces * (w + 1) / of * grain;
        if (end > n) end = n;
        if (begin < end) fn(arg, begin, end, (int)w);
    }
}

void vs_interrupt(void) { atomic_store(&interrupted, true); }
void vs_interrupt_clear(void) { atomic_store(&interrupted, false); }
bool vs_interrupted(void) { return atomic_load_explicit(&interrupted, memory_order_relaxed); }

void vs_tick(const vs_progress *p, const char *what, uint64_t done, uint64_t total) {
    if (p && p->tick) p->tick(p->self, what, done, total);
}

double vs_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
