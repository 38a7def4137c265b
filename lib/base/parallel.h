/* parallel.h - all cores, one flag to stop them, one way to say how far they are. */
#ifndef VS_BASE_PARALLEL_H
#define VS_BASE_PARALLEL_H

#include "status.h"

/* vs_threads_set() - threads used from now on (0: one for each core that this process may use).  vs_threads(). */
void vs_threads_set(int n);
int vs_threads(void);

/* vs_threads_stop() - end the waiting workers and join them, before a program ends or forks; the next parallel step
 * starts them again.  Not from inside a step. */
void vs_threads_stop(void);

/* vs_parallel_for() - call fn(arg, begin, end, worker) over disjoint spans that cover [0,n), each a multiple of grain
 * long but the last; worker in [0, vs_threads()).  Runs in the caller when n <= grain or one thread is set.  No result
 * may depend on where the spans are cut. */
typedef void vs_span_fn(void *arg, size_t begin, size_t end, int worker);
void vs_parallel_for(size_t n, size_t grain, vs_span_fn *fn, void *arg);

/* Ctrl-C: the signal handler calls vs_interrupt(); long work polls vs_interrupted() and returns VS_E_STOPPED, keeping
 * what it has stored; the prompt calls vs_interrupt_clear().  Async-signal-safe. */
void vs_interrupt(void);
void vs_interrupt_clear(void);
bool vs_interrupted(void);

/* How far long work is.  tick may be NULL.  Called from one thread; total 0: unknown. */
typedef struct vs_progress {
    void (*tick)(void *self, const char *what, uint64_t done, uint64_t total);
    void *self;
} vs_progress;
void vs_tick(const vs_progress *p, const char *what, uint64_t done, uint64_t total); /* p may be NULL */

/* vs_seconds() - a monotonic clock. */
double vs_seconds(void);

#endif
