/* bench_grad.c - a step of training without its optimiser: loss and every weight's gradient of 4 texts of 128 tokens.
 *
 *   bench_grad MODEL THREADS [ISA]
 *
 * Prints one JSON object: the median seconds of forward and backward together, and of a forward pass alone. */
#include "base/parallel.h"
#include "model/grad.h"
#include "tensor/cpu.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEXTS = 4, LONG = 128, ROWS = TEXTS * LONG, RUNS = 5 };

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static vs_status measure(vs_err *err, vs_model *m, double *both, double *forward) {
    static int32_t ids[ROWS], targets[ROWS];
    size_t starts[TEXTS + 1], V = vs_model_info_of(m)->V;
    vs_objective of = {.site = {.kind = VS_SITE_LOGITS, .layer = -1, .head = -1}, .factor = 1, .targets = targets};
    vs_grad_request rq = {.of = &of, .n_of = 1};
    vs_grad *g = NULL;
    vs_status s = vs_weight_grads_new(err, m, NULL, 0, &rq.weights);
    for (size_t i = 0; i <= TEXTS; i++) starts[i] = i * LONG;
    for (size_t i = 0; i < ROWS; i++) ids[i] = (int32_t)(i * 2654435761u % V);
    rq.pass = (vs_request){.in = {.ids = ids, .rows = ROWS, .starts = starts, .n_seqs = TEXTS}, .logits = VS_LOGITS_ALL};
    vs_targets_next(&rq.pass.in, targets);
    if (s == VS_OK) s = vs_grad_new(err, m, &g);
    for (int i = -1; i < RUNS && s == VS_OK; i++) { /* the first is not counted */
        vs_pass *p = NULL;
        double began = vs_seconds();
        vs_weight_grads_zero(rq.weights);
        s = vs_grad_run(err, g, &rq);
        double took = vs_seconds() - began;
        began = vs_seconds();
        if (s == VS_OK) s = vs_run(err, m, &rq.pass, &p);
        vs_pass_free(p);
        if (i >= 0) both[i] = took, forward[i] = vs_seconds() - began;
    }
    vs_grad_free(g);
    vs_weight_grads_free(rq.weights);
    return s;
}

int main(int argc, char **argv) {
    vs_err err = {0};
    vs_model *m = NULL;
    double both[RUNS], forward[RUNS];
    if (argc < 3) return fprintf(stderr, "usage: bench_grad MODEL THREADS [ISA]\n"), 2;
    vs_threads_set((int)strtol(argv[2], NULL, 10));
    vs_status s = argc > 3 ? vs_isa_set(&err, argv[3]) : VS_OK;
    if (s == VS_OK) s = vs_model_open(&err, argv[1], &m);
    if (s == VS_OK) s = measure(&err, m, both, forward);
    vs_model_close(m);
    if (s != VS_OK) return fprintf(stderr, "bench_grad: %s\n", err.msg), 1;
    qsort(both, RUNS, sizeof *both, by_size);
    qsort(forward, RUNS, sizeof *forward, by_size);
    printf("{\"both\": %.4f, \"forward\": %.4f}\n", both[RUNS / 2], forward[RUNS / 2]);
    return 0;
}
