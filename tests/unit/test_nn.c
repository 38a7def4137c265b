/* Exact neighbours: against a plain scan in double, and row for row and bit for bit against one that scores each row by
 * the definition; with ties, rows left out, zero, huge, tiny and damaged rows, any number of threads and every instruction
 * set; repeated, because a later scan may take another path to the same answer. */
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

/* The score of a row by its definition (space.h), larger is nearer; NaN: no answer.  scaled: the query over a power of two
 * for a dot product, so that nothing overflows. */
static double defined(vs_measure measure, const float *unit, const float *q, const float *scaled, const float *row, size_t d,
                      float inverse) {
    double dot = 0, square = 0;
    for (size_t j = 0; j < d; j++) {
        dot += (double)(measure == VS_MEASURE_COSINE ? unit : scaled)[j] * (double)row[j];
        square += (double)row[j] * (double)row[j];
    }
    if (!isfinite(square)) return (double)NAN;
    if (measure == VS_MEASURE_L2) return -vs_l2(q, row, d);
    if (measure == VS_MEASURE_DOT) return isnan(inverse) ? dot : (double)vs_dot(scaled, row, d);
    return isnan(inverse) ? (double)(float)(dot / sqrt(square)) : (double)(vs_dot(unit, row, d) * inverse);
}

static int by_score(const void *a, const void *b) {
    const vs__hit *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* The answer by definition: every row scored, sorted, ties to the lower row. */
static size_t by_definition(vs_space *s, const float *x, const float *q, vs_measure measure, const uint64_t *allow, const size_t *skip,
                            size_t n_skip, vs__hit *out, int *power) {
    size_t n = vs_space_rows(s), d = vs_space_dim(s), count = 0;
    float *unit = malloc(2 * d * sizeof *unit), *scaled = unit + d;
    const float *inverse;
    double square = 0, most = 0;
    assert_non_null(unit);
    assert_int_equal(vs__space_inverse_norms(NULL, s, &inverse), VS_OK);
    for (size_t j = 0; j < d; j++) {
        square += (double)q[j] * (double)q[j];
        most = fmax(most, fabs((double)q[j]));
    }
    *power = 0;
    if (measure == VS_MEASURE_DOT) (void)frexp(most, power);
    for (size_t j = 0; j < d; j++) {
        unit[j] = (float)((double)q[j] * (square > 0 ? 1 / sqrt(square) : 0));
        scaled[j] = (float)ldexp((double)q[j], -*power);
    }
    for (size_t r = 0; r < n; r++) {
        bool in = !allow || (allow[r / 64] >> (r % 64) & 1);
        for (size_t i = 0; i < n_skip; i++) in = in && skip[i] != r;
        double score = in ? defined(measure, unit, q, scaled, x + r * d, d, inverse[r]) : (double)NAN;
        if (!isnan(score)) out[count++] = (vs__hit){score, r};
    }
    free(unit);
    qsort(out, count, sizeof *out, by_score);
    return count;
}

/* Many questions at once, by every measure: rows and the bits of scores are those of the definition. */
static void check_exactly(vs_space *s, const float *x, const float *q, size_t n_ask, size_t k, const uint64_t *allow) {
    size_t n = vs_space_rows(s), d = vs_space_dim(s), *idx = malloc(n_ask * k * sizeof *idx), skip[] = {n / 2, 0, n / 2};
    float *score = malloc(n_ask * k * sizeof *score);
    vs_ask *ask = malloc(n_ask * sizeof *ask);
    vs__hit *want = malloc(n * sizeof *want);
    vs_err err;
    assert_true(idx && score && ask && want);
    for (int m = 0; m < VS_MEASURES; m++) {
        for (size_t i = 0; i < n_ask; i++)
            ask[i] = (vs_ask){.q = q + i * d, .skip = skip, .n_skip = i % 2 ? 3 : 0, .idx = idx + i * k, .score = score + i * k};
        if (vs_space_near_many(&err, s, ask, n_ask, k, (vs_measure)m, allow) != VS_OK) fail_msg("%s", err.msg);
        for (size_t i = 0; i < n_ask; i++) {
            int power;
            size_t count = by_definition(s, x, q + i * d, (vs_measure)m, allow, skip, ask[i].n_skip, want, &power);
            assert_int_equal(ask[i].found, count < k ? count : k);
            for (size_t j = 0; j < ask[i].found; j++) {
                double value = m == VS_MEASURE_L2 ? -want[j].score : ldexp(want[j].score, power);
                if (ask[i].idx[j] != want[j].row || ask[i].score[j] != (float)value)
                    fail_msg("%s, question %zu, place %zu: row %zu of %.9g, want %zu of %.9g", vs_measure_name((vs_measure)m), i, j,
                             ask[i].idx[j], (double)ask[i].score[j], want[j].row, value);
            }
        }
    }
    free(idx);
    free(score);
    free(ask);
    free(want);
}

static uint64_t *some_rows(size_t n, unsigned of) { /* about one in `of` */
    uint64_t *allow = calloc((n + 63) / 64, sizeof *allow);
    assert_non_null(allow);
    for (size_t r = 0; r < n; r++)
        if ((random_unit() + 1) * (float)of < 2) allow[r / 64] |= UINT64_C(1) << (r % 64);
    return allow;
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

/* Questions of all lengths to hostile rows; rows that lie far from zero and close together, where distances cancel; rows on
 * a lattice, where most scores are equal. */
static void exactly_the_definition(void **state) {
    (void)state;
    static const struct {
        size_t n, d, asks, k;
    } sizes[] = {{1, 1, 3, 2}, {100, 3, 9, 200}, {3000, 50, 17, 10}, {30000, 50, 9, 10}, {21000, 57, 3, 30}, {2500, 600, 8, 5}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int kind = 0; kind < 3; kind++) {
            size_t n = sizes[i].n, d = sizes[i].d, asks = sizes[i].asks;
            seed = 300 + 10 * i + (size_t)kind;
            float *x = kind ? random_rows(n, d) : hostile_rows(n, d), *q = random_rows(asks, d);
            for (size_t j = 0; kind == 1 && j < n * d; j++) x[j] = 100 + (float)(j % d) + x[j] * 1e-3F;
            for (size_t j = 0; kind == 2 && j < n * d; j++) x[j] = rintf(x[j] * 1.5F) / 4;
            for (size_t a = 0; a < asks; a++) {
                static const float lengths[] = {1, 1e-3F, 1e37F, 1e-38F, 1e-44F, 0, 1e4F, 1e15F};
                for (size_t j = 0; j < d; j++) {
                    float *v = q + a * d + j;
                    *v = kind == 0 ? *v * lengths[a % 8] : kind == 1 ? x[(a * 7 % n) * d + j] + *v * 1e-3F : rintf(*v * 1.5F) / 4;
                }
            }
            vs_space *s = over(x, VS_F32, n, d);
            uint64_t *allow[] = {NULL, some_rows(n, 3), some_rows(n, 150)};
            for (int again = 0; again < 4; again++) check_exactly(s, x, q, again == 2 ? 1 : asks, sizes[i].k, allow[again % 3]);
            vs_space_free(s);
            free(allow[1]);
            free(allow[2]);
            free(x);
            free(q);
        }
}

/* A question among many has the answer that it has alone, also where they are more than one scan takes. */
static void many_as_one(void **state) {
    (void)state;
    enum { N = 30000, D = 40, ASKS = 1200, K = 3 };
    seed = 21;
    float *x = random_rows(N, D), *q = random_rows(ASKS, D), score[K];
    size_t idx[K], *all = malloc(ASKS * K * sizeof *all), found;
    float *scores = malloc(ASKS * K * sizeof *scores);
    vs_ask *ask = malloc(ASKS * sizeof *ask);
    assert_true(all && scores && ask);
    vs_space *s = over(x, VS_F32, N, D);
    for (size_t i = 0; i < ASKS; i++) ask[i] = (vs_ask){.q = q + i * D, .idx = all + i * K, .score = scores + i * K};
    assert_int_equal(vs_space_near_many(NULL, s, ask, ASKS, K, VS_MEASURE_COSINE, NULL), VS_OK);
    for (size_t i = 0; i < ASKS; i += 97) {
        assert_int_equal(vs_space_near(NULL, s, q + i * D, K, NULL, 0, idx, score, &found), VS_OK);
        assert_int_equal(found, ask[i].found);
        assert_memory_equal(idx, ask[i].idx, sizeof idx);
        assert_memory_equal(score, ask[i].score, sizeof score);
    }
    vs_space_free(s);
    free(x);
    free(q);
    free(all);
    free(scores);
    free(ask);
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

/* Blocks of 8-bit numbers, and bf16 through codes, are scored as the same rows widened. */
static void quantised_rows(void **state) {
    (void)state;
    static const struct {
        vs_dtype type;
        size_t n, d;
    } cases[] = {{VS_Q8_0, 3000, 64}, {VS_BF16, 20000, 64}, {VS_F16, 17000, 64}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = cases[i].n, d = cases[i].d, block = cases[i].type == VS_Q8_0 ? 34 : 2, of = cases[i].type == VS_Q8_0 ? 32 : 1;
        size_t bytes = n * d / of * block;
        uint8_t *rows = malloc(bytes);
        float *wide = malloc(n * d * sizeof *wide), *q;
        assert_true(rows && wide);
        seed = 77 + i;
        for (size_t b = 0; b < bytes; b++) rows[b] = (uint8_t)((random_unit() + 1) * 127);
        for (size_t b = 0; b < bytes; b += block) /* scales, or numbers, of a middling size: exponents kept from the ends */
            rows[b + 1] = (uint8_t)((rows[b + 1] & 0x83) | (cases[i].type == VS_BF16 ? 0x38 + (rows[b] & 4) : 0x28 + (rows[b] & 0x10)));
        vs_widen(cases[i].type, rows, wide, n * d);
        vs_space *s = over(rows, cases[i].type, n, d);
        q = random_rows(9, d);
        for (int again = 0; again < 3; again++) check_exactly(s, wide, q, again ? 9 : 1, 10, NULL);
        assert_true((atomic_load(&s->codes) != NULL) == (cases[i].type != VS_Q8_0));
        vs_space_free(s);
        free(rows);
        free(wide);
        free(q);
    }
}

/* How many rows are seen by a scan of the codes when the score to reach is their own, the other rows of the block not
 * allowed. */
static size_t looked_at(vs__search *q, const float *x) {
    size_t n = q->s->n, d = q->s->d, seen = 0;
    uint64_t *allow = malloc((n + 63) / 64 * sizeof *allow);
    vs__query *u = &q->query[0];
    assert_non_null(allow);
    q->allow = allow;
    for (size_t r = 0; r < n; r++) {
        float dot = vs_dot(u->x, x + r * d, d);
        double score = q->measure == VS_MEASURE_COSINE ? (double)(dot * q->inverse[r])
                       : q->measure == VS_MEASURE_DOT  ? (double)dot
                                                       : -vs_l2(u->x, x + r * d, d);
        vs__hit top = {score, SIZE_MAX};
        vs__best best = {&top, 1, 1};
        memset(allow, 0, (n + 63) / 64 * sizeof *allow);
        allow[r / 64] = UINT64_C(1) << (r % 64);
        u->best = &best;
        vs__codes_scan(q, r / VS__CODE_ROWS, r / VS__CODE_ROWS + 1, 0);
        seen += top.row == r;
    }
    q->allow = NULL;
    free(allow);
    return seen;
}

/* A search of one question, as vs_space_near_many() would set it up. */
static void set_up(vs__search *q, vs__query *u, vs_space *s, vs_measure measure, const float *x, const float *inverse, vs__codes *codes) {
    *u = (vs__query){.x = x};
    for (size_t j = 0; j < s->d; j++) u->square += (double)x[j] * (double)x[j];
    *q = (vs__search){.s = s, .measure = measure, .inverse = inverse, .query = u, .n = 1, .codes = codes};
    assert_true(vs__codes_ask(q));
}

static void bound_holds(void **state) {
    (void)state;
    static const size_t dims[] = {1, 2, 3, 17, 50, 128, 1001};
    for (size_t i = 0; i < sizeof dims / sizeof *dims; i++)
        for (int kind = 0; kind < 5; kind++) {
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
                    if (kind == 4) *v = *v * (r % 2 ? 1e13F : 1e-11F) / sqrtf((float)d); /* of very different lengths */
                }
                inverse[r] = 1 / sqrtf(vs_sum_squares(x + r * d, d));
            }
            if (kind == 2)
                for (size_t j = 0; j < d; j++) unit[j] = 1;
            float norm = sqrtf(vs_sum_squares(unit, d));
            for (size_t j = 0; j < d; j++) unit[j] /= norm;
            vs_space *s = over(x, VS_F32, n, d);
            vs__codes *codes = vs__codes_new(s, inverse);
            assert_non_null(codes);
            for (int m = 0; m < VS_MEASURES; m++) {
                vs__search q;
                vs__query u;
                set_up(&q, &u, s, (vs_measure)m, unit, inverse, codes);
                assert_int_equal(looked_at(&q, x), n);
                vs__codes_done(&q);
            }
            vs__codes_free(codes);
            vs_space_free(s);
            free(x);
            free(inverse);
            free(unit);
        }
}

/* The codes are worth their memory: of random rows, few below the score to reach are looked at. */
static void bound_is_close(void **state) {
    (void)state;
    enum { N = 4096, D = 50, MOST = 60 };
    seed = 5;
    float *x = random_rows(N, D), inverse[N], unit[D];
    for (size_t r = 0; r < N; r++) inverse[r] = 1 / sqrtf(vs_sum_squares(x + r * D, D));
    for (size_t j = 0; j < D; j++) unit[j] = x[j] * inverse[0];
    vs_space *s = over(x, VS_F32, N, D);
    vs__codes *codes = vs__codes_new(s, inverse);
    assert_non_null(codes);
    for (int m = 0; m < VS_MEASURES; m++) { /* rows before the tenth best that are let through with a floor of its score */
        vs__search q;
        vs__query u;
        vs__hit hit[N], ten[N];
        vs__best all = {hit, 0, N}, best = {ten, 0, 10};
        set_up(&q, &u, s, (vs_measure)m, unit, inverse, codes);
        u.best = &best;
        vs__codes_scan(&q, 0, N / VS__CODE_ROWS, 0);
        double floor = vs__best_floor(&best);
        for (size_t r = 0; r < MOST; r++) hit[r] = (vs__hit){floor, SIZE_MAX};
        all.n = all.k = MOST; /* full of what is as good as the tenth: whoever is better pushes one out */
        u.best = &all;
        vs__codes_scan(&q, 0, N / VS__CODE_ROWS, 0);
        size_t in = 0;
        for (size_t r = 0; r < MOST; r++) in += hit[r].row != SIZE_MAX;
        assert_int_equal(in, 10);
        vs__codes_done(&q);
    }
    vs__codes_free(codes);
    vs_space_free(s);
    free(x);
}

/* The kernel against its definition, on every instruction set. */
static void codes_are_scanned(void **state) {
    (void)state;
    enum { BLOCKS = 7, PAIRS = 9, ROWS = 16, MANY = VS_SCAN_MANY };
    static int8_t codes[BLOCKS][PAIRS][ROWS][2];
    float scale[BLOCKS * ROWS], offset[BLOCKS * ROWS], step[MANY], add[MANY], floor[MANY];
    int16_t q[PAIRS][MANY][2];
    seed = 11;
    for (size_t i = 0; i < sizeof codes; i++) ((int8_t *)codes)[i] = (int8_t)(random_unit() * 128);
    for (size_t i = 0; i < PAIRS * MANY; i++)
        for (size_t j = 0; j < 2; j++) q[i / MANY][i % MANY][j] = (int16_t)(random_unit() * 32767);
    for (size_t i = 0; i < BLOCKS * ROWS; i++) scale[i] = i % 23 == 5 ? NAN : random_unit(), offset[i] = random_unit();
    memset(codes[3], -127, sizeof codes[3]); /* as large as sums get */
    for (size_t i = 0; i < MANY; i++) step[i] = 1e-5F / (float)(i + 1), add[i] = 0.25F * (float)i;
    bool available, some[2] = {false, false};
    const char *name, *chosen = vs_isa_name();
    for (size_t i = 0; (name = vs_isa_list(i, &available)); i++) {
        if (!available) continue;
        assert_int_equal(vs_isa_set(NULL, name), VS_OK);
        for (int pass = 0; pass < 256; pass++) {
            size_t many = pass & 1 ? MANY : 1;
            uint16_t reach[MANY * BLOCKS];
            for (size_t a = 0; a < MANY; a++) floor[a] = (float)(pass / 4 - 32) / 4 + (float)a;
            vs_scan scan = {&codes[0][0][0][0], scale, pass & 2 ? offset : NULL, BLOCKS, PAIRS, &q[0][0][0], many, step, add, floor};
            vs_scan_codes(&scan, reach);
            for (size_t at = 0; at < many * BLOCKS * ROWS; at++) {
                size_t l = at % ROWS, b = at / ROWS % BLOCKS, a = at / ROWS / BLOCKS;
                int32_t sum = 0;
                for (size_t p = 0; p < PAIRS; p++) {
                    const int16_t *pair = &q[0][0][0] + (p * many + a) * 2;
                    sum += codes[b][p][l][0] * pair[0] + codes[b][p][l][1] * pair[1];
                }
                float product = (float)sum * step[a], bound = product + add[a], value = scale[b * ROWS + l] * bound;
                if (scan.offset) value += offset[b * ROWS + l];
                bool want = !(value < floor[a]);
                some[want] = true;
                assert_int_equal(reach[a * BLOCKS + b] >> l & 1, want);
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
        cmocka_unit_test(random_spaces), cmocka_unit_test(hostile_spaces), cmocka_unit_test(exactly_the_definition),
        cmocka_unit_test(many_as_one),   cmocka_unit_test(ties_to_the_lower_row), cmocka_unit_test(quantised_rows),
        cmocka_unit_test(same_bits),     cmocka_unit_test(other_types),    cmocka_unit_test(bound_holds),
        cmocka_unit_test(bound_is_close), cmocka_unit_test(codes_are_scanned), cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests_name("neighbours", tests, NULL, NULL);
}
