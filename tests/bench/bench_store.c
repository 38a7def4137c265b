/* bench_store.c - how fast the store is here: 400,000 words of 50 numbers written, opened, asked, dropped; activations.
 *
 *   make bench-store [DIR=/tmp]
 *
 * Every line is the best of three: seconds that passed, and seconds of work on the processor. */
#include "base/alloc.h"
#include "base/parallel.h"
#include "sql/sql.h"
#include "store/store.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { ROWS = 400000, DIM = 50, RUNS = 10, VECTORS = 5000, WIDTH = 640, ROUNDS = 3, STEPS = 8 };
static const char *const step_words[STEPS] = {"store 400,000 x 50",   "open the space at first", "open it from its cache file",  "a key by its index (x 1000)",
                                              "SQL: ORDER BY cosine", "SQL: vs_neighbors",       "drop it, disk given back", "10 runs of 5,000 x 640"};
static struct {
    double wall, work;
} best[STEPS];
static vs_err err;

static double work_seconds(void) {
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)r.ru_utime.tv_sec + (double)r.ru_stime.tv_sec + 1e-6 * (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

static double wall_from, work_from;
static void start(void) {
    wall_from = vs_seconds();
    work_from = work_seconds();
}
static void stop(int step) {
    double wall = vs_seconds() - wall_from, work = work_seconds() - work_from;
    if (!best[step].wall || wall < best[step].wall) best[step].wall = wall;
    if (!best[step].work || work < best[step].work) best[step].work = work;
}

static float vector[DIM];
static void next_vector(void) { /* any numbers around 0 */
    static uint32_t state = 1;
    for (int j = 0; j < DIM; j++) vector[j] = (float)((state = state * 1664525u + 1013904223u) >> 8) * 0x1p-24f - 0.5f;
}

static vs_status store_words(vs_store *st) {
    vs_space_record r = {.name = "words", .place = "words", .metric = "cosine", .dim = DIM};
    vs_space_writer *w;
    VS_TRY(vs_store_space_begin(&err, st, &r, &w));
    for (int i = 0; i < ROWS; i++) {
        char key[32];
        int n = snprintf(key, sizeof key, "word%d", i);
        next_vector();
        vs_status s = vs_store_space_add(&err, w, key, (size_t)n, vector);
        if (s != VS_OK) {
            vs_store_space_abort(w);
            return s;
        }
    }
    return vs_store_space_commit(&err, w, NULL);
}

static vs_status find_keys(vs_store *st) {
    vs_block *b;
    size_t row, found = 0;
    VS_TRY(vs_store_space_open(&err, st, "words", NULL, &b));
    start();
    for (int i = 0; i < 1000; i++) {
        char key[32];
        int n = snprintf(key, sizeof key, "word%d", i * 397);
        found += vs_block_find(b, key, (size_t)n, &row) && row == (size_t)i * 397;
    }
    stop(3);
    vs_block_close(b);
    return found == 1000 ? VS_OK : vs_fail(&err, VS_E_UNKNOWN, "%zu of 1000 keys found", found);
}

/* A query with the last vector, as JSON, between two parts. */
static vs_status ask(vs_store *st, int step, const char *before, const char *after) {
    vs_buf query = {0};
    vs_buf_puts(&query, before);
    for (int j = 0; j < DIM; j++) vs_buf_printf(&query, j ? ",%g" : "'[%g", (double)vector[j]);
    vs_buf_printf(&query, "]'%s", after);
    start();
    vs_status s = vs_store_sql(&err, st, query.s, true, NULL, NULL, NULL);
    stop(step);
    vs_buf_free(&query);
    return s;
}

static vs_status store_runs(vs_store *st) {
    float wide[WIDTH] = {0};
    for (int i = 0; i < RUNS; i++) {
        vs_run_record r = {.text = "x"};
        vs_id run;
        VS_TRY(vs_store_run_begin(&err, st, &r, &run));
        for (int k = 0; k < VECTORS; k++) VS_TRY(vs_store_activation(&err, st, run, "resid_pre", k % 18, -1, k / 18, wide, WIDTH));
        VS_TRY(vs_store_run_commit(&err, st));
    }
    return VS_OK;
}

static vs_status round_of(vs_store *st) {
    vs_block *b;
    start();
    VS_TRY(store_words(st));
    stop(0);
    for (int step = 1; step <= 2; step++) {
        start();
        VS_TRY(vs_store_space_open(&err, st, "words", NULL, &b));
        stop(step);
        vs_block_close(b);
    }
    VS_TRY(find_keys(st));
    VS_TRY(ask(st, 4, "SELECT key FROM vectors_of('words') ORDER BY vs_cosine(vec, ", ") DESC LIMIT 10"));
    VS_TRY(ask(st, 5, "SELECT key FROM vs_neighbors('words', ", ", 10)"));
    start();
    VS_TRY(vs_store_space_drop(&err, st, "words"));
    stop(6);
    start();
    VS_TRY(store_runs(st));
    stop(7);
    return VS_OK;
}

int main(int argc, char **argv) {
    char path[4096];
    vs_store *st;
    snprintf(path, sizeof path, "%s/vs-bench-%ld.db", argc > 1 ? argv[1] : "/tmp", (long)getpid());
    vs_status s = vs_store_open(&err, path, &st);
    if (s == VS_OK) s = vs_sql_install(&err, NULL, st);
    for (int i = 0; i < ROUNDS && s == VS_OK; i++) s = round_of(st);
    vs_store_close(st);
    unlink(path);
    if (s != VS_OK) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    for (int i = 0; i < STEPS; i++) printf("%-30s %8.2f ms   %8.2f ms of work\n", step_words[i], best[i].wall * 1e3, best[i].work * 1e3);
    return 0;
}
