/* Exact neighbours: against a plain scan in double, with ties, rows left out, zero, huge, tiny and damaged rows, any
 * number of threads and every instruction set; repeated, because a later scan may take another path to the same answer. */
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
#include "space/nn_impl.h"
#include "tensor/cpu.h"
#include "tensor/kernels.h"

static const char *no_key(void *self, size_t row, size_t *len) {
    (void)self;
    (void)row;
    *len = 1;
    return "k";
}

static bool no_find(void *self, const char *key, size_t n, size_t *row) {
    (void)self;
    (void)key;
    (void)n;
    (void)row;
    return false;
}

static vs_space *over(const void *data, vs_dtype t, size_t n, size_t d) {
    vs_space_desc desc = {.name = "test", .place = "test"};
    desc.keys = (vs_keys){.key = no_key, .find = no_find};
    vs_space *s;
    assert_int_equal(vs_tensor_over(NULL, data, t, 2, (size_t[]){n, d}, &desc.rows, NULL), VS_OK);
    assert_int_equal(vs_space_new(NULL, &desc, &s), VS_OK);
    return s;
}

static uint64_t seed;
static float random_unit(void) { /* in (-1, 1) */
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (float)(int32_t)(seed >> 32) * 0x1p-31F;
}

static float *random_rows(size_t n, size_t d) {
    float *x = malloc(n * d * sizeof *x + 1);
    assert_non_null(x);
    for (size_t i = 0; i < n * d; i++) x[i] = random_unit();
    return x;
}

/* The cosine in double; NaN for a row that cannot be an answer. */
static double cosine(const float *q, const float *row, size_t d) {
    double ab = 0, aa = 0, bb = 0;
    for (size_t j = 0; j < d; j++) {
        ab += (double)q[j] * (double)row[j];
        aa += (double)q[j] * (double)q[j];
        bb += (double)row[j] * (double)row[j];
    }
    if (!isfinite(bb)) return (double)NAN;
    return aa > 0 && bb > 0 ? ab / sqrt(aa) / sqrt(bb) : 0;
}

/* The answer is right: scores are the cosines, in order, ties by row, nothing better was left out, none is left out that
 * should be there. */
static void check(vs_space *s, const float *x, size_t n, size_t d, const float *q, size_t k, const size_t *skip, size_t n_skip) {
    const double tolerance = 4e-6;
    size_t *idx = malloc((k + 1) * sizeof *idx), found;
    float *score = malloc((k + 1) * sizeof *score);
    bool *in = calloc(n + 1, 1);
    vs_err err = {0};
    assert_true(idx && score && in);
    if (vs_space_near(&err, s, q, k, skip, n_skip, idx, score, &found) != VS_OK) fail_msg("%s", err.msg);
    for (size_t i = 0; i < n_skip; i++) in[skip[i]] = true;
    size_t possible = 0;
    for (size_t r = 0; r < n; r++) possible += !in[r] && !isnan(cosine(q, x + r * d, d));
    assert_int_equal(found, possible < k ? possible : k);
    for (size_t i = 0; i < found; i++) {
        assert_true(idx[i] < n && !in[idx[i]]);
        in[idx[i]] = true;
        double want = cosine(q, x + idx[i] * d, d);
        if (fabs(want - (double)score[i]) > tolerance) fail_msg("row %zu scores %g, want %g", idx[i], (double)score[i], want);
        if (i) assert_true(score[i - 1] > score[i] || (score[i - 1] == score[i] && idx[i - 1] < idx[i]));
    }
    for (size_t r = 0; r < n && found == k && found > 0; r++)
        if (!in[r] && cosine(q, x + r * d, d) > (double)score[found - 1] + tolerance)
            fail_msg("row %zu of cosine %g is missing; the last there is %g", r, cosine(q, x + r * d, d), (double)score[found - 1]);
    free(idx);
    free(score);
    free(in);
}

static void random_spaces(void **state) {
    (void)state;
    static const struct {
        size_t n, d, k;
    } sizes[] = {{1, 1, 1}, {3, 7, 5}, {1000, 50, 10}, {5000, 50, 1}, {777, 33, 777}, {60000, 50, 10}, {40001, 64, 100}, {9000, 300, 10}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t n = sizes[i].n, d = sizes[i].d;
        seed = i;
        float *x = random_rows(n, d);
        vs_space *s = over(x, VS_F32, n, d);
        size_t skip[] = {n - 1, 0};
        for (int again = 0; again < 4; again++) {
            float *q = random_rows(1, d);
            check(s, x, n, d, again == 3 ? x + (n / 2) * d : q, sizes[i].k, skip, n > 2 && again ? 2 : 0);
            free(q);
        }
        vs_space_free(s);
        free(x);
    }
}

/* Rows made to break a scan: equal, all but equal, zero, huge, tiny, with one outlier, not numbers. */
static float *hostile_rows(size_t n, size_t d) {
    float *x = random_rows(n, d);
    for (size_t r = 0; r < n; r++) {
        float *row = x + r * d;
        switch (r % 16) {
        case 0: memcpy(row, x, d * sizeof *row); break; /* equal to row 0 */
        case 1:                                         /* row 0 with the last bit of one number changed */
            memcpy(row, x, d * sizeof *row);
            row[r % d] = nextafterf(row[r % d], 2);
            break;
        case 2: memset(row, 0, d * sizeof *row); break;
        case 3:
            for (size_t j = 0; j < d; j++) row[j] *= 3e38F;
            break;
        case 4:
            for (size_t j = 0; j < d; j++) row[j] *= 1e-38F;
            break;
        case 5:
            for (size_t j = 0; j < d; j++) row[j] *= 1e-44F;
            break;
        case 6: row[r % d] = 1e6F; break;
        case 7: row[r % d] = NAN; break;
        case 8: row[r % d] = r % 32 < 16 ? INFINITY : -INFINITY; break;
        case 9: /* a multiple of row 0: the same cosine, other rounding */
            for (size_t j = 0; j < d; j++) row[j] = x[j] * (float)(r + 1);
            break;
        case 10:
            for (size_t j = 0; j < d; j++) row[j] = -x[j];
            break;
        default: break;
        }
    }
    return x;
}

static void hostile_spaces(void **state) {
    (void)state;
    static const struct {
        size_t n, d;
    } sizes[] = {{64, 3}, {4000, 50}, {50000, 50}, {20000, 128}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t n = sizes[i].n, d = sizes[i].d;
        seed = 100 + i;
        float *x = hostile_rows(n, d), *q = random_rows(1, d), *zero = calloc(d, sizeof *zero);
        assert_non_null(zero);
        vs_space *s = over(x, VS_F32, n, d);
        for (int again = 0; again < 3; again++) {
            check(s, x, n, d, q, 10, NULL, 0);
            check(s, x, n, d, x, 10, (size_t[]){0}, 1);      /* every sixteenth row is the answer */
            check(s, x, n, d, x + 10 * d, n, NULL, 0);       /* all, ranked */
            check(s, x, n, d, x + 3 * d, 5, NULL, 0);        /* a huge query */
            check(s, x, n, d, zero, 7, NULL, 0);             /* no direction: all score 0 */
            check(s, x, n, d, q, 0, NULL, 0);
        }
        vs_space_free(s);
        free(x);
        free(q);
        free(zero);
    }
}

static void ties_to_the_lower_row(void **state) {
    (void)state;
    enum { N = 50000, D = 48, K = 20 };
    float *x = random_rows(N, D);
    for (size_t r = 0; r < N; r++) memcpy(x + r * D, x, D * sizeof *x);
    vs_space *s = over(x, VS_F32, N, D);
    size_t idx[K], found;
    float score[K];
    for (int again = 0; again < 3; again++) {
        assert_int_equal(vs_space_near(NULL, s, x, K, (size_t[]){3, 1, 3}, 3, idx, score, &found), VS_OK);
        assert_int_equal(found, K);
        for (size_t i = 0; i < K; i++) assert_int_equal(idx[i], i == 0 ? 0 : i == 1 ? 2 : i + 2);
    }
    vs_space_free(s);
    free(x);
}

static void same_bits(void **state) {
    (void)state;
    enum { N = 60000, D = 50, K = 50, PATHS = 3 };
    seed = 7;
    float *x = hostile_rows(N, D), *q = random_rows(1, D);
    size_t idx[K], want[K], found;
    float score[K], want_score[K];
    bool first = true, available;
    const char *name, *chosen = vs_isa_name();
    for (size_t i = 0; (name = vs_isa_list(i, &available)); i++) {
        if (!available) continue;
        assert_int_equal(vs_isa_set(NULL, name), VS_OK);
        for (int threads = 1; threads <= 5; threads += 2) {
            vs_threads_set(threads);
            vs_space *s = over(x, VS_F32, N, D);
            for (int again = 0; again < PATHS; again++) {
                assert_int_equal(vs_space_near(NULL, s, q, K, NULL, 0, idx, score, &found), VS_OK);
                assert_int_equal(found, K);
                if (first) {
                    memcpy(want, idx, sizeof idx);
                    memcpy(want_score, score, sizeof score);
                }
                first = false;
                assert_memory_equal(idx, want, sizeof idx);
                assert_memory_equal(score, want_score, sizeof score);
            }
            vs_space_free(s);
        }
    }
    vs_threads_set(0);
    assert_int_equal(vs_isa_set(NULL, chosen), VS_OK);
    free(x);
    free(q);
}

/* Rows of half precision answer as the same rows widened. */
static void other_types(void **state) {
    (void)state;
    enum { N = 3000, D = 64, K = 10 };
    uint16_t *half = malloc(N * D * sizeof *half);
    float *wide = malloc(N * D * sizeof *wide);
    assert_true(half && wide);
    seed = 9;
    for (size_t i = 0; i < N * D; i++) {
        float f = random_unit();
        uint32_t u;
        memcpy(&u, &f, sizeof u);
        half[i] = (uint16_t)(u >> 16); /* bf16, cut */
        u &= 0xffff0000u;
        memcpy(&wide[i], &u, sizeof u);
    }
    vs_space *s = over(half, VS_BF16, N, D);
    assert_null(vs_space_data(s));
    check(s, wide, N, D, wide + 5 * D, K, NULL, 0);
    check(s, wide, N, D, wide + 5 * D, K, (size_t[]){5}, 1);
    vs_space_free(s);
    free(half);
    free(wide);
}

/* How many rows are seen by a scan of the codes when the score to reach is their own, the other rows of the block left
 * out. */
static size_t looked_at(vs__query *q, const float *x, size_t d, const float *inverse) {
    size_t n = q->s->n, seen = 0;
    for (size_t r = 0; r < n; r++) {
        size_t skip[VS__CODE_ROWS], b = r / VS__CODE_ROWS;
        float score = vs_dot(q->unit, x + r * d, d) * inverse[r];
        vs__hit top = {score, SIZE_MAX};
        vs__best best = {&top, 1, 1};
        q->n_skip = 0;
        for (size_t i = b * VS__CODE_ROWS; i < (b + 1) * VS__CODE_ROWS; i++)
            if (i != r) skip[q->n_skip++] = i;
        q->skip = skip;
        q->of_worker = &best;
        vs__codes_scan(q, b, b + 1, 0);
        seen += top.row == r;
    }
    return seen;
}

static void bound_holds(void **state) {
    (void)state;
    static const size_t dims[] = {1, 2, 3, 17, 50, 128, 1001};
    for (size_t i = 0; i < sizeof dims / sizeof *dims; i++)
        for (int kind = 0; kind < 4; kind++) {
            size_t n = 500, d = dims[i];
            seed = 1000 * i + (size_t)kind;
            float *x = random_rows(n, d), *inverse = malloc(n * sizeof *inverse), *unit = random_rows(1, d);
            assert_non_null(inverse);
            for (size_t r = 0; r < n; r++) {
                for (size_t j = 0; j < d; j++) {
                    float *v = x + r * d + j;
                    if (kind == 1) *v = j == r % d ? 1 : *v * 0x1p-7F;             /* one outlier: coarse codes */
                    if (kind == 2) *v = (float)(r % 3) / 2 + 0.25F + *v * 1e-3F;   /* nearly one direction */
                    if (kind == 3) *v = *v > 0 ? 1 : 126.5F / 127;                 /* all halfway between two codes */
                }
                inverse[r] = 1 / sqrtf(vs_sum_squares(x + r * d, d));
            }
            if (kind == 2)
                for (size_t j = 0; j < d; j++) unit[j] = 1;
            float norm = sqrtf(vs_sum_squares(unit, d));
            for (size_t j = 0; j < d; j++) unit[j] /= norm;
            vs_space *s = over(x, VS_F32, n, d);
            float wide[1001];
            vs__query q = {.s = s, .unit = unit, .inverse = inverse, .wide = wide};
            vs__codes *codes = vs__codes_new(s, inverse);
            int16_t *buffer;
            assert_non_null(codes);
            q.codes = codes;
            assert_true(vs__codes_query(&q, &buffer));
            assert_int_equal(looked_at(&q, x, d, inverse), n);
            vs__codes_free(codes);
            vs_free(buffer);
            vs_space_free(s);
            free(x);
            free(inverse);
            free(unit);
        }
}

/* The codes are worth their memory: of random rows, few below the score to reach are looked at. */
static void bound_is_close(void **state) {
    (void)state;
    enum { N = 4096, D = 50 };
    seed = 5;
    float *x = random_rows(N, D), inverse[N], unit[D], wide[D];
    for (size_t r = 0; r < N; r++) inverse[r] = 1 / sqrtf(vs_sum_squares(x + r * D, D));
    for (size_t j = 0; j < D; j++) unit[j] = x[j] * inverse[0];
    vs_space *s = over(x, VS_F32, N, D);
    vs__query q = {.s = s, .unit = unit, .inverse = inverse, .wide = wide};
    vs__codes *codes = vs__codes_new(s, inverse);
    int16_t *buffer;
    assert_non_null(codes);
    q.codes = codes;
    assert_true(vs__codes_query(&q, &buffer));
    assert_true(q.slack < 1e-3);
    size_t close = 0;
    for (size_t r = 0; r < N; r++) { /* how far the bound is above the score, at the largest scale there can be */
        float largest = 0;
        for (size_t j = 0; j < D; j++) largest = fmaxf(largest, fabsf(x[r * D + j]));
        close += (double)(q.add * largest * inverse[r] / 127) < 0.01;
    }
    assert_true(close > N * 9 / 10);
    vs__codes_free(codes);
    vs_free(buffer);
    vs_space_free(s);
    free(x);
}

/* The kernel against its definition, on every instruction set. */
static void codes_are_scanned(void **state) {
    (void)state;
    enum { BLOCKS = 7, PAIRS = 9, ROWS = 16 };
    static int8_t codes[BLOCKS][PAIRS][ROWS][2];
    float scale[BLOCKS * ROWS];
    int16_t q[2 * PAIRS];
    seed = 11;
    for (size_t i = 0; i < sizeof codes; i++) ((int8_t *)codes)[i] = (int8_t)(random_unit() * 128);
    for (size_t i = 0; i < 2 * PAIRS; i++) q[i] = (int16_t)(random_unit() * 32767);
    for (size_t i = 0; i < BLOCKS * ROWS; i++) scale[i] = i % 23 == 5 ? NAN : random_unit();
    memset(codes[3], -127, sizeof codes[3]); /* as large as sums get */
    const float step = 1e-5F, add = 0.25F;
    bool available, some[2] = {false, false};
    const char *name, *chosen = vs_isa_name();
    for (size_t i = 0; (name = vs_isa_list(i, &available)); i++) {
        if (!available) continue;
        assert_int_equal(vs_isa_set(NULL, name), VS_OK);
        for (float floor = -8; floor < 8; floor += 0.25F) {
            uint16_t reach[BLOCKS];
            vs_scan_codes(&codes[0][0][0][0], scale, BLOCKS, PAIRS, q, step, add, floor, reach);
            for (size_t b = 0; b < BLOCKS; b++)
                for (size_t l = 0; l < ROWS; l++) {
                    int32_t sum = 0;
                    for (size_t p = 0; p < PAIRS; p++) sum += codes[b][p][l][0] * q[2 * p] + codes[b][p][l][1] * q[2 * p + 1];
                    float product = (float)sum * step, bound = product + add, value = scale[b * ROWS + l] * bound;
                    bool want = !(value < floor);
                    some[want] = true;
                    assert_int_equal(reach[b] >> l & 1, want);
                }
        }
    }
    assert_true(some[0] && some[1]);
    assert_int_equal(vs_isa_set(NULL, chosen), VS_OK);
}

static void refused(void **state) {
    (void)state;
    enum { N = 10, D = 4 };
    float *x = random_rows(N, D), score[N];
    size_t idx[N], found;
    vs_space *s = over(x, VS_F32, N, D);
    vs_err err = {0};
    assert_int_equal(vs_space_near(&err, s, (float[]){1, NAN, 0, 0}, 3, NULL, 0, idx, score, &found), VS_E_NUMERIC);
    assert_int_equal(vs_space_near(&err, s, (float[]){1, INFINITY, 0, 0}, 3, NULL, 0, idx, score, &found), VS_E_NUMERIC);
    for (size_t n = 1;; n++) {
        vs_alloc_fail_at(n);
        vs_status status = vs_space_near(&err, s, x, 3, NULL, 0, idx, score, &found);
        vs_alloc_fail_at(0);
        if (status == VS_OK) break;
        assert_int_equal(status, VS_E_NOMEM);
        assert_int_equal(found, 0);
    }
    vs_space_free(s);
    free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_spaces), cmocka_unit_test(hostile_spaces), cmocka_unit_test(ties_to_the_lower_row),
        cmocka_unit_test(same_bits),     cmocka_unit_test(other_types),    cmocka_unit_test(bound_holds),
        cmocka_unit_test(bound_is_close), cmocka_unit_test(codes_are_scanned), cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests_name("neighbours", tests, NULL, NULL);
}
