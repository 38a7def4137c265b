/* Calls in expressions, in a session of its own spaces: the centre of a cluster, vectors of SQL, maps; memory that runs out. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "session.h"
#include "sql/sql.h"

enum { N = 24, D = 3 };

static vs_err err;
#define OK(x)                                                                                                          \
    do {                                                                                                               \
        if ((x) != VS_OK) fail_msg("%s: %s", #x, err.msg);                                                             \
    } while (0)

/* Keys k0, k1, …; the rows are the space's own. */
static float rows_of[3][N * D];
static char key_text[N][8];

static const char *key_of(void *self, size_t row, size_t *len) {
    (void)self;
    *len = strlen(key_text[row]);
    return key_text[row];
}

static bool find_key(void *self, const char *key, size_t n, size_t *row) {
    (void)self;
    for (*row = 0; *row < N; ++*row)
        if (strlen(key_text[*row]) == n && !memcmp(key_text[*row], key, n)) return true;
    return false;
}

static void add(vs_session *s, const char *name, const float *rows) {
    vs_space_desc desc = {.name = name, .place = "words", .keys = {.key = key_of, .find = find_key}};
    vs_space *sp;
    OK(vs_tensor_over(&err, rows, VS_F32, 2, (size_t[]){N, D}, &desc.rows, NULL));
    OK(vs_space_new(&err, &desc, &sp));
    OK(vs_session_add_space(&err, s, sp, NULL));
}

/* Two bundles of directions: even rows about (1, 0, 0), odd ones about (0, 1, 0), of different lengths. */
static vs_session *session(void) {
    vs_session *s;
    for (size_t i = 0; i < N; i++) {
        snprintf(key_text[i], sizeof key_text[i], "k%zu", i);
        float length = 1 + (float)(i % 5), by = (float)(i % 7) * 0.01F;
        float *x = &rows_of[0][i * D], *y = &rows_of[1][i * D], *z = &rows_of[2][i * D];
        x[i % 2] = length;
        x[2] = by * length;
        x[1 - i % 2] = 0;
        z[0] = x[2], z[1] = x[1], z[2] = x[0];
        y[0] = x[1] + 1, y[1] = x[2], y[2] = -x[0]; /* the first one turned and moved */
    }
    OK(vs_session_new(&err, NULL, &s));
    vs_session_on_store(s, vs_sql_install);
    add(s, "a", rows_of[0]);
    return s;
}

static vs_status eval(vs_session *s, const char *text, vs_value *out) { return vs_session_eval_any(&err, s, text, strlen(text), NULL, out); }

static void clusters(void **state) {
    (void)state;
    vs_session *s = session();
    vs_value v;
    double want[D] = {0};
    for (size_t i = 0; i < N; i += 2) {
        const float *x = &rows_of[0][i * D];
        double length = sqrt((double)x[0] * (double)x[0] + (double)x[2] * (double)x[2]);
        for (size_t j = 0; j < D; j++) want[j] += (double)x[j] / length / (N / 2);
    }
    OK(eval(s, "cluster(k4, 2)", &v));
    for (size_t j = 0; j < D; j++) assert_true(fabs((double)v.vec[j] - want[j]) < 1e-6);
    assert_true(v.n_rows == 1 && v.rows[0] == 4); /* it stands for its operand, which is no answer */
    vs_value_free(&v);
    OK(eval(s, "dist(cluster(k3, 2), cluster(3 * k5, 2))", &v));
    assert_true(v.number == 0);
    OK(eval(s, "cos(cluster(k3, 2), cluster(k4, 2))", &v));
    assert_true(v.number < 0.1);
    add(s, "a", rows_of[2]); /* another space of that name: nothing is left of the old one's clusters */
    OK(eval(s, "cluster(k4, 2)", &v));
    assert_true(v.vec[2] > 0.9F && fabsf(v.vec[0]) < 0.1F);
    vs_value_free(&v);
    assert_int_equal(eval(s, "cluster(k4, 25)", &v), VS_E_RANGE);
    assert_int_equal(eval(s, "cluster(k4, -2)", &v), VS_E_SYNTAX);
    assert_int_equal(eval(s, "cluster(k4, 99999999999999999999)", &v), VS_E_SYNTAX);
    vs_session_free(s);
}

static void maps(void **state) {
    (void)state;
    vs_session *s = session();
    vs_align_options o = {.method = VS_ALIGN_PROCRUSTES, .words = 100, .held_out = 0.2};
    vs_align_result r;
    vs_space *from, *to;
    vs_value v;
    add(s, "b", rows_of[1]);
    OK(vs_session_use(&err, s, "a"));
    assert_int_equal(eval(s, "map(k1, b)", &v), VS_E_UNKNOWN);
    assert_non_null(strstr(err.msg, "learn one: map a -> b"));
    OK(vs_session_learn_map(&err, s, "a", "b", &o, NULL, &r, &from, &to));
    assert_true(r.shared == N && from == vs_session_space(s)); /* the current space stays */
    OK(eval(s, "dist(map(k1 - k2, b), b:k1 - b:k2)", &v));
    assert_true(v.number < 1e-5);
    OK(eval(s, "dist(map(k1, b) - map(k2, b), map(k1 - k2, b))", &v));
    assert_true(v.number < 1e-5);
    OK(eval(s, "map(k1 - k2, b)", &v));
    assert_ptr_equal(v.space, to);
    assert_true(v.weight == 0 && v.n_rows == 0);
    vs_value_free(&v);
    OK(vs_session_learn_map(&err, s, "a", "b", &o, NULL, &r, &from, &to)); /* once more: in the place of the first */
    assert_int_equal(vs_session_spaces(s), 3);
    assert_int_equal(vs_session_learn_map(&err, s, "a", "a", &o, NULL, &r, &from, &to), VS_E_USAGE);
    vs_session_free(s);
}

static void short_of_memory(void **state) {
    (void)state;
    vs_session *s = session();
    vs_align_options o = {.method = VS_ALIGN_PROCRUSTES, .words = 100, .held_out = 0.2};
    vs_align_result r;
    vs_space *from, *to;
    vs_value v;
    add(s, "b", rows_of[1]);
    OK(vs_session_use(&err, s, "a"));
    OK(eval(s, "sql(\"select vec from vectors_of('a')\")", &v)); /* opens the store */
    vs_value_free(&v);
    for (size_t n = 1;; n++) {
        vs_alloc_fail_at(n);
        vs_status st = vs_session_learn_map(&err, s, "a", "b", &o, NULL, &r, &from, &to);
        vs_alloc_fail_at(0);
        if (st == VS_OK) break;
        assert_int_equal(st, VS_E_NOMEM);
    }
    static const char *const texts[] = {"map(k1, b)", "sql(\"select vec from vectors_of('a')\")"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t n = 1;; n++) {
            vs_alloc_fail_at(n);
            vs_status st = eval(s, texts[i], &v);
            vs_alloc_fail_at(0);
            vs_value_free(&v);
            if (st == VS_OK) break;
            if (i < 1) assert_int_equal(st, VS_E_NOMEM); /* SQL says it in its own words */
        }
    for (size_t n = 1, k = 2;; n++) { /* another k each time: what is kept would need no memory */
        char text[40];
        snprintf(text, sizeof text, "cluster(k1 + k2, %zu)", k++ % 20 + 2);
        vs_alloc_fail_at(n);
        vs_status st = eval(s, text, &v);
        vs_alloc_fail_at(0);
        vs_value_free(&v);
        if (st == VS_OK) break;
        assert_int_equal(st, VS_E_NOMEM);
    }
    vs_session_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(clusters), cmocka_unit_test(maps), cmocka_unit_test(short_of_memory)};
    return cmocka_run_group_tests_name("calls", tests, NULL, NULL);
}
