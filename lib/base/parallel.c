/* parallel.c - see parallel.h.
 *
 * A pool of our own rather than OpenMP's, for one reason: a pass is hundreds of short parallel steps, and where another
 * process has the core, a barrier that spins for the worker waits a time slice at each of them.  Here a share is
 * claimed by whichever thread comes first, so the caller does the share of a worker that has not woken, and a thread
 * with nothing to do spins for some microseconds and then sleeps. */
#define _GNU_SOURCE
#include "parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

enum { SPINS = 4000, TEAM_MAX = 1024 };

static int threads_wanted;
static atomic_bool interrupted;

static int usable_cores(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

void vs_threads_set(int n) {
    threads_wanted = n > 0 ? n : usable_cores();
    if (threads_wanted > TEAM_MAX) threads_wanted = TEAM_MAX;
}

int vs_threads(void) {
    if (!threads_wanted) vs_threads_set(0);
    return threads_wanted;
}

/* ---- the pool ---- */

/* The step being shared out.  Its fields are written only while no share is claimed, and read only by who has claimed
 * one; the claim word holds the step's number, how many shares it has, and how many are claimed. */
static struct {
    size_t n, grain, pieces;
    vs_span_fn *fn;
    void *arg;
} step;
static _Atomic uint64_t claim;     /* number << 32 | shares << 16 | claimed */
static atomic_int left;            /* shares not finished */
static atomic_int sleepers;        /* workers that wait for `wake` */
static atomic_bool caller_waits;   /* the caller waits for `finished` */
static pthread_mutex_t caller = PTHREAD_MUTEX_INITIALIZER, lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER, finished = PTHREAD_COND_INITIALIZER;
static pthread_t id[TEAM_MAX];     /* of the workers; both guarded by `caller` */
static int workers;                /* started */
static atomic_bool stopping;
static _Thread_local bool inside;

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static bool has_work(uint64_t c) { return (c & 0xFFFF) < (c >> 16 & 0xFFFF); }
static bool wanted(void) { return has_work(atomic_load(&claim)) || atomic_load(&stopping); }

/* Share w of the step: equal shares in whole grains, so that each part of memory stays with one worker's number. */
static void run_share(size_t w, size_t shares) {
    size_t begin = step.pieces * w / shares * step.grain, end = step.pieces * (w + 1) / shares * step.grain;
    if (end > step.n) end = step.n;
    inside = true;
    if (begin < end) step.fn(step.arg, begin, end, (int)w);
    inside = false;
    if (atomic_fetch_sub(&left, 1) == 1 && atomic_load(&caller_waits)) {
        pthread_mutex_lock(&lock);
        pthread_cond_signal(&finished);
        pthread_mutex_unlock(&lock);
    }
}

/* Claim shares and run them until none is left to claim. */
static void work(void) {
    for (uint64_t c = atomic_load(&claim); has_work(c);)
        if (atomic_compare_exchange_weak(&claim, &c, c + 1)) {
            run_share((size_t)(c & 0xFFFF), (size_t)(c >> 16 & 0xFFFF));
            c = atomic_load(&claim);
        }
}

static void *worker(void *arg) {
    while (!atomic_load(&stopping)) {
        for (int i = 0; i < SPINS && !has_work(atomic_load_explicit(&claim, memory_order_relaxed)); i++) relax();
        if (!wanted()) {
            pthread_mutex_lock(&lock);
            atomic_fetch_add(&sleepers, 1); /* before the look below: a caller that looks after it sees a sleeper */
            while (!wanted()) pthread_cond_wait(&wake, &lock);
            atomic_fetch_sub(&sleepers, 1);
            pthread_mutex_unlock(&lock);
        }
        work();
    }
    return arg;
}

/* Start the workers that a team of this size needs.  One that cannot be started is done without: the caller claims
 * whatever nobody else does. */
static void start(int team) {
    while (workers < team - 1 && pthread_create(&id[workers], NULL, worker, NULL) == 0) workers++;
}

void vs_threads_stop(void) {
    pthread_mutex_lock(&caller);
    pthread_mutex_lock(&lock);
    atomic_store(&stopping, true);
    pthread_cond_broadcast(&wake);
    pthread_mutex_unlock(&lock);
    while (workers) pthread_join(id[--workers], NULL);
    atomic_store(&stopping, false);
    pthread_mutex_unlock(&caller);
}

static void wait_for_all(void) {
    for (int i = 0; i < SPINS; i++) {
        if (!atomic_load(&left)) return;
        relax();
    }
    pthread_mutex_lock(&lock);
    atomic_store(&caller_waits, true);
    while (atomic_load(&left)) pthread_cond_wait(&finished, &lock);
    atomic_store(&caller_waits, false);
    pthread_mutex_unlock(&lock);
}

void vs_parallel_for(size_t n, size_t grain, vs_span_fn *fn, void *arg) {
    if (!n) return;
    if (!grain) grain = 1;
    size_t pieces = (n - 1) / grain + 1;
    int team = vs_threads();
    if (pieces < (size_t)team) team = (int)pieces;
    if (team <= 1 || inside || pthread_mutex_trylock(&caller) != 0) { /* a second caller does its own work */
        fn(arg, 0, n, 0);
        return;
    }
    start(team);
    step.n = n;
    step.grain = grain;
    step.pieces = pieces;
    step.fn = fn;
    step.arg = arg;
    atomic_store(&left, team);
    atomic_store(&claim, ((atomic_load(&claim) >> 32) + 1) << 32 | (uint64_t)team << 16);
    if (atomic_load(&sleepers)) {
        pthread_mutex_lock(&lock);
        pthread_cond_broadcast(&wake);
        pthread_mutex_unlock(&lock);
    }
    work();
    wait_for_all();
    pthread_mutex_unlock(&caller);
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
