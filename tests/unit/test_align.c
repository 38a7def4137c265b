/* Maps between spaces: a space that is another one turned, moved and stretched is found again; which keys are the same; what
 * is held out; what is refused. */
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
#include "base/parallel.h"
#include "space/align.h"

enum { N = 400, P = 4, Q = 6 };

static uint64_t seed = 1;
static float random_unit(void) { /* in (-1, 1) */
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (float)(int32_t)(seed >> 32) * 0x1p-31F;
}

/* A space whose key of row i is before + word[i] + number, where there is a word. */
typedef struct made {
    char key[N][24];
    size_t n;
} made;

static const char *made_key(void *self, size_t row, size_t *len) {
    made *m = self;
    *len = strlen(m->key[row]);
    return m->key[row];
}

static bool made_find(void *self, const char *key, size_t n, size_t *row) {
    made *m = self;
    for (*row = 0; *row < m->n; ++*row)
        if (strlen(m->key[*row]) == n && !memcmp(m->key[*row], key, n)) return true;
    return false;
}

static vs_space *over(made *m, const char *name, const float *x, size_t n, size_t d, bool pieces) {
    vs_space_desc desc = {.name = name, .place = "test", .keys = {.self = m, .key = made_key, .find = made_find, .pieces = pieces}};
    vs_space *s;
    m->n = n;
    assert_int_equal(vs_tensor_over(NULL, x, VS_F32, 2, (size_t[]){n, d}, &desc.rows, NULL), VS_OK);
    assert_int_equal(vs_space_new(NULL, &desc, &s), VS_OK);
    return s;
}

static float a_rows[N * P], b_rows[N * Q];
static made a_keys, b_keys;
static const float a_mean[P] = {3, -1, 0.5F, 2}, b_mean[Q] = {0.1F, 0.1F, -0.1F, 0.02F, 0, 0.05F};
/* Rows that are orthogonal: [P, Q], each of length 2. */
static const float turn[P][Q] = {{1, 1, 1, 1, 0, 0}, {1, -1, 1, -1, 0, 0}, {0, 0, 0, 0, 2, 0}, {1, 1, -1, -1, 0, 0}};

/* b = (a − mean) turn + mean', its rows in the other order; b's keys mark a blank, or are WordPiece's. */
static void make(const char *before) {
    seed = 3;
    for (size_t i = 0; i < N; i++) {
        size_t to = N - 1 - i;
        snprintf(a_keys.key[i], sizeof a_keys.key[i], "w%zu", i);
        snprintf(b_keys.key[to], sizeof b_keys.key[to], "%sw%zu", before, i);
        for (size_t j = 0; j < P; j++) a_rows[i * P + j] = a_mean[j] + random_unit();
        for (size_t k = 0; k < Q; k++) {
            double sum = (double)b_mean[k];
            for (size_t j = 0; j < P; j++) sum += (double)(a_rows[i * P + j] - a_mean[j]) * (double)turn[j][k];
            b_rows[to * Q + k] = (float)sum;
        }
    }
}

static const vs_align_options plain = {.method = VS_ALIGN_PROCRUSTES, .words = 1000, .held_out = 0.25, .seed = 1};

/* y is (x − mean) turn: of a place from the middle of what was learnt from, of a difference as it is. */
static void maps_as(const vs_space *map, double tolerance) {
    float x[P] = {1, 2, -1, 0.5F}, y[Q], z[Q];
    assert_int_equal(vs_align_map(NULL, map, x, 0, y), VS_OK);
    for (size_t k = 0; k < Q; k++) {
        double want = 0;
        for (size_t j = 0; j < P; j++) want += (double)x[j] * (double)turn[j][k];
        if (fabs((double)y[k] - want) > tolerance) fail_msg("number %zu is %g, want %g", k, (double)y[k], want);
    }
    float at[P];
    for (size_t j = 0; j < P; j++) at[j] = a_mean[j] + x[j];
    assert_int_equal(vs_align_map(NULL, map, at, 1, z), VS_OK);
    for (size_t k = 0; k < Q; k++) assert_true(fabs((double)z[k] - (double)y[k]) < 0.2); /* the rows' mean is not quite a_mean */
}

static void found_again(void **state) {
    (void)state;
    for (int method = 0; method < 2; method++) {
        make("");
        vs_space *a = over(&a_keys, "a", a_rows, N, P, false), *b = over(&b_keys, "b", b_rows, N, Q, false), *map;
        vs_align_options o = plain;
        vs_align_result r;
        vs_err err = {0};
        o.method = (vs_align_method)method;
        if (vs_align(&err, a, b, &o, "map:a->b", NULL, &r, &map) != VS_OK) fail_msg("%s", err.msg);
        assert_true(r.shared == N && r.pairs == N && r.held == N / 4);
        for (size_t k = 0; k < VS_ALIGN_CUTS; k++) assert_true(r.hits[k] > 3 * r.held / 4);
        assert_true(r.hits[2] == r.held && r.hits[0] <= r.hits[1]);
        assert_true(r.low[2] > 0.9 && r.high[2] <= 1);
        assert_true(vs_space_rows(map) == P + 1 && vs_space_dim(map) == Q);
        assert_string_equal(vs_space_name(map), "map:a->b");
        assert_string_equal(vs_space_place(map), "map");
        size_t row;
        assert_true(vs_space_find(map, "2", 1, &row) && row == 2 && vs_space_find(map, "mean", 4, &row) && row == P);
        maps_as(map, 0.05);
        vs_space_free(map);
        if (method == VS_ALIGN_PROCRUSTES) { /* and the other way, from more numbers to fewer */
            float y[Q], x[P];
            assert_int_equal(vs_align(&err, b, a, &o, "back", NULL, &r, &map), VS_OK);
            for (size_t k = 0; k < Q; k++) y[k] = turn[0][k];
            assert_int_equal(vs_align_map(NULL, map, y, 0, x), VS_OK);
            assert_true(fabsf(x[0] - 1) < 0.05F && fabsf(x[1]) < 0.05F && fabsf(x[2]) < 0.05F && fabsf(x[3]) < 0.05F);
            vs_space_free(map);
        }
        vs_space_free(a);
        vs_space_free(b);
    }
}

/* Rows that have nothing to do with each other: about chance. */
static void nothing_to_find(void **state) {
    (void)state;
    make("");
    for (size_t i = 0; i < N * Q; i++) b_rows[i] = random_unit();
    vs_space *a = over(&a_keys, "a", a_rows, N, P, false), *b = over(&b_keys, "b", b_rows, N, Q, false), *map;
    vs_align_result r;
    assert_int_equal(vs_align(NULL, a, b, &plain, "m", NULL, &r, &map), VS_OK);
    assert_true(r.hits[0] <= 4 && r.hits[2] <= 12); /* of 100: chance 0.25 and 2.5 */
    vs_space_free(map);
    vs_space_free(a);
    vs_space_free(b);
}

static size_t shared(bool a_pieces, bool b_pieces, size_t words) {
    vs_space *a = over(&a_keys, "a", a_rows, N, P, a_pieces), *b = over(&b_keys, "b", b_rows, N, Q, b_pieces), *map = NULL;
    vs_align_result r;
    vs_align_options o = plain;
    o.words = words;
    vs_status s = vs_align(NULL, a, b, &o, "m", NULL, &r, &map);
    assert_true(s == VS_OK || (s == VS_E_RANGE && !map));
    assert_true(r.pairs == (r.shared < words ? r.shared : words));
    vs_space_free(map);
    vs_space_free(a);
    vs_space_free(b);
    return r.shared;
}

static void which_keys(void **state) {
    (void)state;
    make(" "); /* pieces that begin a word … */
    assert_int_equal(shared(false, true, 1000), N);
    assert_int_equal(shared(false, true, 100), N);
    assert_int_equal(shared(false, false, 1000), 0);
    for (size_t i = 0; i < N / 2; i++) memmove(b_keys.key[i], b_keys.key[i] + 1, 23); /* … and some that go on one */
    assert_int_equal(shared(false, true, 1000), N / 2);
    make("\xe2\x96\x81");
    snprintf(a_keys.key[0], 24, "W0"); /* case counts */
    assert_int_equal(shared(false, true, 1000), 0); /* its find() knows no " w1": the marked blank is the space's to find */
    make("");
    for (size_t i = 0; i < 100; i++) {
        char word[24];
        snprintf(word, sizeof word, "##%s", b_keys.key[i]);
        memcpy(b_keys.key[i], word, 24);
        snprintf(a_keys.key[N - 1 - i], 24, "%s", word); /* a word ##w1 is not WordPiece's piece */
    }
    assert_int_equal(shared(false, true, 1000), N - 100);
    assert_int_equal(shared(true, true, 1000), N - 100);
    assert_int_equal(shared(false, false, 1000), N);
    make(" "); /* from pieces to words: the words say which are frequent, and the pairs are still from b to a */
    vs_space *words = over(&a_keys, "a", a_rows, N, P, false), *pieces = over(&b_keys, "b", b_rows, N, Q, true), *back;
    vs_align_result of;
    assert_int_equal(vs_align(NULL, pieces, words, &plain, "m", NULL, &of, &back), VS_OK);
    assert_true(of.hits[2] > of.held / 4 && /* of 400 rows far from the origin, by cosine */ vs_space_rows(back) == Q + 1 && vs_space_dim(back) == P);
    vs_space_free(back);
    vs_space_free(words);
    vs_space_free(pieces);
    make("");
    a_rows[0] = NAN; /* a pair that is no use is shared, but not taken */
    vs_space *a = over(&a_keys, "a", a_rows, N, P, false), *b = over(&b_keys, "b", b_rows, N, Q, false), *map;
    vs_align_result r;
    assert_int_equal(vs_align(NULL, a, b, &plain, "m", NULL, &r, &map), VS_OK);
    assert_true(r.shared == N && r.pairs == N - 1);
    vs_space_free(map);
    vs_space_free(a);
    vs_space_free(b);
}

static void refused(void **state) {
    (void)state;
    make("");
    vs_space *a = over(&a_keys, "a", a_rows, N, P, false), *b = over(&b_keys, "b", b_rows, N, Q, false), *map;
    vs_align_result r;
    vs_err err = {0};
    vs_align_options o = plain;
    o.held_out = 1;
    assert_int_equal(vs_align(&err, a, b, &o, "m", NULL, &r, &map), VS_E_RANGE);
    o.held_out = (double)NAN;
    assert_int_equal(vs_align(&err, a, b, &o, "m", NULL, &r, &map), VS_E_RANGE);
    o = plain;
    o.words = 9;
    assert_int_equal(vs_align(&err, a, b, &o, "m", NULL, &r, &map), VS_E_RANGE);
    assert_string_equal(err.msg, "a map wants at least 10 pairs to be learnt from, not 9");
    snprintf(b_keys.key[5], 24, "no");
    b_keys.n = 8;
    assert_int_equal(vs_align(&err, a, b, &plain, "m", NULL, &r, &map), VS_E_RANGE);
    assert_string_equal(err.msg, "a and b share 7 keys; a map wants at least 10 to be learnt from");
    b_keys.n = N;
    make("");
    o.words = 10;
    o.held_out = 0.7;
    o.method = VS_ALIGN_LSTSQ;
    assert_int_equal(vs_align(&err, a, b, &o, "m", NULL, &r, &map), VS_E_RANGE);
    assert_string_equal(err.msg, "least squares from a, of 4 numbers, want as many pairs; there are 3");
    o.method = VS_ALIGN_PROCRUSTES;
    assert_int_equal(vs_align(&err, a, b, &o, "m", NULL, &r, &map), VS_E_NUMERIC);
    assert_null(map);
    assert_int_equal(vs_align_method_find(&err, "lstq", &o.method), VS_E_USAGE);
    for (size_t n = 1;; n++) {
        vs_alloc_fail_at(n);
        vs_status s = vs_align(&err, a, b, &plain, "m", NULL, &r, &map);
        vs_alloc_fail_at(0);
        if (s == VS_OK) break;
        assert_int_equal(s, VS_E_NOMEM);
        assert_null(map);
    }
    vs_space_free(map);
    vs_space_free(a);
    vs_space_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(found_again), cmocka_unit_test(nothing_to_find), cmocka_unit_test(which_keys),
                                       cmocka_unit_test(refused)};
    return cmocka_run_group_tests_name("maps", tests, NULL, NULL);
}
