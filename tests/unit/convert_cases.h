/* convert_cases.h - a directory for converted models, and what the tests ask of them. */
#ifndef VS_TESTS_CONVERT_CASES_H
#define VS_TESTS_CONVERT_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "base/alloc.h"
#include "base/parallel.h"
#include "io/hub.h"
#include "made_model.h"
#include "model/convert.h"
#include "model/model_impl.h"
#include "tensor/narrow.h"

static char dir[64];

static inline const char *in(const char *name) {
    static char path[8][160];
    static unsigned turn;
    char *p = path[turn++ % 8];
    snprintf(p, sizeof path[0], "%s/%s", dir, name);
    return p;
}

static inline int set_up(void **state) {
    (void)state;
    snprintf(dir, sizeof dir, "%s", new_dir());
    return 0;
}

static inline int tear_down(void **state) {
    (void)state;
    static const char *const more[] = {"tokenizer_config.json", "a.gguf", "b.gguf", "back/tokenizer_config.json"};
    drop_dir(dir);
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) unlink(in(more[i]));
    drop_dir(in("back"));
    drop_dir(dir);
    assert_int_equal(access(dir, F_OK), -1); /* nothing else was left there */
    return 0;
}

static inline vs_converted converts(const char *from, const char *to, const char *type) {
    vs_err err = {0};
    vs_converted made;
    if (vs_convert(&err, from, to, type, NULL, &made) != VS_OK) fail_msg("%s", err.msg);
    return made;
}

static inline void refuses(const char *from, const char *to, const char *type, vs_status want, const char *words) {
    vs_err err = {0};
    vs_status s = vs_convert(&err, from, to, type, NULL, NULL);
    if (s != want) fail_msg("status %d, want %d: %s", s, want, err.msg);
    char all[256], *rest = NULL;
    snprintf(all, sizeof all, "%s", words);
    for (char *p = strtok_r(all, "|", &rest); p; p = strtok_r(NULL, "|", &rest))
        if (!strstr(err.msg, p)) fail_msg("no \"%s\" in: %s", p, err.msg);
    char part[200];
    snprintf(part, sizeof part, "%s.part", to);
    assert_int_equal(access(part, F_OK), -1);
}

static inline vs_model *opens(const char *path) {
    vs_err err = {0};
    vs_model *m;
    if (vs_model_open(&err, path, &m) != VS_OK) fail_msg("%s", err.msg);
    return m;
}

/* The elements of a weight as it is applied. */
static inline float *values(const vs_model *m, const vs_weight *w, size_t *n) {
    size_t cols = vs_tensor_cols(&w->t), rows = vs_tensor_rows(&w->t);
    *n = rows * cols;
    float *x = calloc(*n, sizeof *x);
    assert_non_null(x);
    (void)m;
    if (w->vec) memcpy(x, w->vec, *n * sizeof *x);
    for (size_t r = 0; !w->vec && r < rows; r++) assert_int_equal(vs_tensor_row_f32(NULL, &w->t, r, x + r * cols), VS_OK);
    return x;
}

typedef enum how { SAME_BITS, NORMS_NEAR, AS_TYPE } how;

/* The weights of b are those of a: the same bits; or norms within a rounding of 1 + g; or matrices as they come out of
 * the type that b has. */
static inline size_t same_weights(const vs_model *a, const vs_model *b, how kind) {
    size_t compared = 0;
    for (int s = 0; s < a->arch->n_stacks; s++)
        for (int r = 0; r < VS_ROLE_COUNT; r++)
            for (size_t l = 0; l < a->stack[s].L; l++) {
                const vs_weight *x = &a->stack[s].layer[l].w[r], *y = &b->stack[s].layer[l].w[r];
                if (!x->t.data) x = &a->stack[s].w[r], y = &b->stack[s].w[r];
                if (!x->t.data || !y->t.data) continue;
                size_t n, k;
                float *p = values(a, x, &n), *q = values(b, y, &k);
                if (r == VS_ROLE_POS && n > k) /* RoBERTa's two rows before the first are not written */
                    memmove(p, p + (n - k), k * sizeof *p), n = k;
                if (r == VS_ROLE_UNEMBED && a->info.tied && !b->info.tied) /* one of its own: what it reads is not scaled */
                    for (size_t i = 0; i < n; i++) p[i] *= a->stack[s].head_scale;
                assert_int_equal(n, k);
                size_t bytes = n / vs_dtype_of(y->t.dtype)->block * vs_dtype_of(y->t.dtype)->block_bytes;
                unsigned char *made = malloc(bytes);
                if (kind == AS_TYPE && !x->vec) {
                    assert_true(vs_narrow(y->t.dtype, p, made, n));
                    vs_widen(y->t.dtype, made, p, n);
                }
                for (size_t i = 0; i < n; i++) {
                    float off = fabsf(p[i] - q[i]);
                    if (kind == NORMS_NEAR && x->vec ? off > 1.2e-7f * fmaxf(1, fabsf(p[i])) : memcmp(&p[i], &q[i], sizeof *p) != 0)
                        fail_msg("%s of layer %zu, element %zu: %a, want %a", vs_role_name((vs_role)r), l, i, (double)q[i], (double)p[i]);
                }
                free(p), free(q), free(made);
                compared++;
            }
    return compared;
}

#endif
