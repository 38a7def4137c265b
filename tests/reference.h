/* reference.h - what a reference implementation computed, and how far we are from it: for tests of the engine. */
#ifndef VS_TESTS_REFERENCE_H
#define VS_TESTS_REFERENCE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/alloc.h"
#include "io/format.h"
#include "model/run.h"
#include "tensor/cpu.h"
#include "tensor/kernels.h"

#define OK(expr)                                                                                                       \
    do {                                                                                                               \
        vs_err err_ = {0}, *err = &err_;                                                                               \
        if ((expr) != VS_OK) fail_msg("%s: %s", #expr, err_.msg);                                                      \
    } while (0)

/* What is expected of a model: DIR/expected.{json,safetensors}, or the like. */
typedef struct reference {
    json_t *json;
    vs_file *arrays;
} reference;

static inline reference reference_open(const char *json_path, const char *arrays_path) {
    reference r = {0};
    json_error_t e;
    r.json = json_load_file(json_path, 0, &e);
    if (!r.json) fail_msg("%s: %s", json_path, e.text);
    OK(vs_file_open(err, arrays_path, &r.arrays));
    return r;
}
static inline void reference_close(reference *r) {
    json_decref(r->json);
    vs_file_close(r->arrays);
}

static inline size_t reference_prompts(const reference *r) { return json_array_size(json_object_get(r->json, "prompts")); }

/* The ids of a prompt ("ids", "greedy"); how many, 0 where there are none. */
static inline size_t reference_ids(const reference *r, size_t prompt, const char *which, int32_t *ids, size_t cap) {
    json_t *list = json_object_get(json_array_get(json_object_get(r->json, "prompts"), prompt), which);
    size_t n = json_array_size(list);
    assert_true(n <= cap);
    for (size_t i = 0; i < n; i++) ids[i] = (int32_t)json_integer_value(json_array_get(list, i));
    return n;
}

/* An array of numbers by name; NULL where there is none. */
static inline const float *reference_array(const reference *r, size_t *n, const char *fmt, ...) VS_PRINTF(3, 4);
static inline const float *reference_array(const reference *r, size_t *n, const char *fmt, ...) {
    char name[96];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(name, sizeof name, fmt, ap);
    va_end(ap);
    const vs_tensor *t = vs_file_find(r->arrays, name);
    if (!t) return NULL;
    assert_int_equal(t->dtype, VS_F32);
    *n = vs_tensor_count(t);
    return t->data;
}

static inline int by_size(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The farthest row: largest difference by the row's largest magnitude; and, in *median (may be NULL), the largest median
 * difference by the row's median magnitude. */
static inline double distance(const float *got, const float *want, size_t rows, size_t width, double *median) {
    double worst = 0, worst_median = 0;
    float *diff = malloc(2 * width * sizeof *diff), *size = diff + width;
    for (size_t r = 0; r < rows; r++) {
        double far = 0, largest = 0;
        for (size_t i = 0; i < width; i++) {
            float g = got[r * width + i], w = want[r * width + i];
            diff[i] = isfinite(g) ? fabsf(g - w) : INFINITY;
            size[i] = fabsf(w);
            far = fmax(far, (double)diff[i]);
            largest = fmax(largest, (double)size[i]);
        }
        qsort(diff, width, sizeof *diff, by_size);
        qsort(size, width, sizeof *size, by_size);
        worst = fmax(worst, far / fmax(largest, 1e-30));
        worst_median = fmax(worst_median, (double)diff[width / 2] / fmax((double)size[width / 2], 1e-30));
    }
    free(diff);
    if (median) *median = worst_median;
    return worst;
}

/* A measured number or count for docs/models.md (make models): a line of the file that VS_ROWS names, where it is set. */
static inline void family_row(const char *name, const char *column, const char *fmt, ...) VS_PRINTF(3, 4);
static inline void family_row(const char *name, const char *column, const char *fmt, ...) {
    const char *path = getenv("VS_ROWS");
    FILE *f = path ? fopen(path, "a") : NULL;
    va_list ap;
    if (!f) return;
    fprintf(f, "%s\t%s\t", name, column);
    va_start(ap, fmt);
    vfprintf(f, fmt, ap);
    va_end(ap);
    fputc('\n', f);
    fclose(f);
}

static inline vs_site site_named(const vs_model *m, const char *fmt, ...) VS_PRINTF(2, 3);
static inline vs_site site_named(const vs_model *m, const char *fmt, ...) {
    char name[96];
    vs_site s;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(name, sizeof name, fmt, ap);
    va_end(ap);
    OK(vs_site_parse(err, m, name, strlen(name), &s));
    return s;
}

/* A kept site as one block of floats, rows of its last axis. */
static inline const float *site_data(const vs_pass *p, vs_site s, size_t seq, size_t *n) {
    vs_tensor t;
    OK(vs_pass_site(err, p, s, seq, &t));
    *n = vs_tensor_count(&t);
    return t.data;
}

static inline vs_request plain(const int32_t *ids, size_t n) {
    return (vs_request){.in = {.ids = ids, .rows = n, .n_seqs = 1}, .logits = VS_LOGITS_ALL};
}

/* The n ids that a model of text continues `ids` with, one best token at a time, through a cache. */
static inline void continue_greedily(vs_model *m, int32_t *ids, size_t have, size_t n) {
    vs_kv *kv;
    vs_pass *p;
    OK(vs_kv_new(err, m, n, &kv));
    for (size_t at = 0; have < n; at = have, have++) {
        vs_request rq = plain(ids + at, have - at);
        rq.logits = VS_LOGITS_LAST;
        rq.kv = kv;
        OK(vs_run(err, m, &rq, &p));
        ids[have] = (int32_t)vs_argmax(vs_pass_logits(p, NULL), vs_model_info_of(m)->V);
        vs_pass_free(p);
    }
    vs_kv_free(kv);
}

#endif
