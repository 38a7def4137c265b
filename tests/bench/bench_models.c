/* bench_models.c - how fast a decoder is taken apart: passes with every site kept, and sweeps of edits, inside one process.
 *
 *   build/release/tests/bench/bench_models MODEL THREADS [RUNS]      (tests/bench/peers/lens.py: the same by TransformerLens)
 *
 * One JSON object, seconds, medians of RUNS (5) after one that is not counted: "open", "keep12", "keep64", "keep512" (a text
 * of so many tokens, all logits, and every site but attn.result, which TransformerLens leaves out too), "patch" (the stream
 * entering each block at each of 12 positions put in place from another text, one at a time), "ablate" (each head at zero,
 * one at a time). */
#include "base/alloc.h"
#include "base/parallel.h"
#include "model/run.h"
#include "tensor/cpu.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST = 512, SWEPT = 12 };

typedef struct bench {
    vs_err err;
    const char *path;
    vs_model *m;
    const vs_model_info *info;
    int32_t x[MOST], y[MOST]; /* two texts */
    size_t T;                 /* tokens of the pass that is timed */
    vs_site *keep;
    size_t n_keep;
    vs_pass *clean;           /* of the first text: where patches come from */
    vs_edit *edits;
    size_t n_edits;
    float *logits;
} bench;

static vs_status open_model(bench *b) {
    vs_model_close(b->m);
    VS_TRY(vs_model_open(&b->err, b->path, &b->m));
    b->info = vs_model_info_of(b->m);
    return VS_OK;
}

static vs_status keep_sites(bench *b) {
    size_t all;
    VS_TRY(vs_site_list(&b->err, b->m, &b->keep, &all));
    for (size_t i = 0; i < all; i++)
        if (b->keep[i].kind != VS_SITE_RESULT) b->keep[b->n_keep++] = b->keep[i];
    return VS_OK;
}

static vs_status keep_all(bench *b) {
    vs_pass *p;
    vs_request rq = {.in = {.ids = b->x, .rows = b->T, .n_seqs = 1}, .keep = b->keep, .n_keep = b->n_keep, .logits = VS_LOGITS_ALL};
    VS_TRY(vs_run(&b->err, b->m, &rq, &p));
    vs_pass_free(p);
    return VS_OK;
}

/* The edits of a sweep: places [layers, places] of a kind, each a variant. */
static vs_status make_edits(bench *b, bool heads) {
    const vs_stack_info *k = &b->info->stack[0];
    size_t places = heads ? k->H : SWEPT;
    vs_free(b->edits);
    b->n_edits = k->L * places;
    b->edits = vs_zalloc(b->n_edits, sizeof *b->edits);
    vs_free(b->logits);
    b->logits = vs_alloc(b->n_edits, b->info->V * sizeof *b->logits);
    if (!b->edits || !b->logits) return vs_fail(&b->err, VS_E_NOMEM, "no memory for %zu edits", b->n_edits);
    for (size_t i = 0; i < b->n_edits; i++) {
        vs_tensor t;
        vs_edit *e = &b->edits[i];
        int16_t layer = (int16_t)(i / places), at = (int16_t)(i % places);
        *e = (vs_edit){.kind = VS_EDIT_SET, .text = i + 1, .at = {.all = heads, .from = at, .to = at}};
        e->site = (vs_site){.kind = heads ? VS_SITE_Z : VS_SITE_RESID_PRE, .layer = layer, .head = heads ? at : (int16_t)-1};
        if (heads) continue;
        VS_TRY(vs_pass_site(&b->err, b->clean, e->site, 0, &t));
        e->vec = vs_tensor_row(&t, (size_t)at);
        e->width = k->d;
    }
    return VS_OK;
}

static vs_status sweep(bench *b) {
    const vs_request rq = {.in = {.ids = b->y, .rows = SWEPT, .n_seqs = 1}, .edits = b->edits, .n_edits = b->n_edits, .logits = VS_LOGITS_LAST};
    return vs_sweep(&b->err, b->m, &rq, b->n_edits, b->logits, NULL);
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Print the median seconds of fn. */
static vs_status timed(bench *b, const char *name, vs_status (*fn)(bench *b), int runs) {
    double took[64];
    VS_TRY(fn(b));
    for (int i = 0; i < runs; i++) {
        double began = vs_seconds();
        VS_TRY(fn(b));
        took[i] = vs_seconds() - began;
    }
    qsort(took, (size_t)runs, sizeof *took, by_size);
    printf(", \"%s\": %.6f", name, took[runs / 2]);
    return VS_OK;
}

static vs_status run(bench *b, int runs) {
    static const size_t lengths[] = {12, 64, 512};
    uint32_t state = 1;
    VS_TRY(timed(b, "open", open_model, runs));
    for (size_t i = 0; i < 2 * MOST; i++) {
        state = state * 1664525u + 1013904223u;
        (i < MOST ? b->x : b->y)[i % MOST] = (int32_t)((state >> 8) % (b->info->V < 50000 ? b->info->V : 50000));
    }
    VS_TRY(keep_sites(b));
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char name[24];
        b->T = lengths[i];
        if (b->T > b->info->context) continue;
        snprintf(name, sizeof name, "keep%zu", b->T);
        VS_TRY(timed(b, name, keep_all, runs));
    }
    vs_request clean = {.in = {.ids = b->x, .rows = SWEPT, .n_seqs = 1}, .keep = b->keep, .n_keep = b->n_keep};
    clean.logits = VS_LOGITS_ALL;
    VS_TRY(vs_run(&b->err, b->m, &clean, &b->clean));
    VS_TRY(make_edits(b, false));
    VS_TRY(timed(b, "patch", sweep, runs));
    VS_TRY(make_edits(b, true));
    return timed(b, "ablate", sweep, runs);
}

int main(int argc, char **argv) {
    static bench b;
    int runs = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 5;
    if (argc < 3 || runs < 1 || runs > 64) {
        fprintf(stderr, "usage: bench_models MODEL THREADS [RUNS]\n");
        return 2;
    }
    b.path = argv[1];
    vs_threads_set((int)strtol(argv[2], NULL, 10));
    printf("{\"isa\": \"%s\"", vs_isa_name());
    vs_status s = run(&b, runs);
    printf("}\n");
    if (s != VS_OK) fprintf(stderr, "bench_models: %s\n", b.err.msg);
    vs_pass_free(b.clean);
    vs_free(b.edits);
    vs_free(b.logits);
    vs_free(b.keep);
    vs_model_close(b.m);
    return s != VS_OK;
}
