/* Choosing tokens: order, ties, and frequencies that are those of the distribution. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "model/run.h"

static void best_first(void **state) {
    (void)state;
    const float x[] = {1, 5, 3, 5, -2, nanf(""), 0, 3, -INFINITY, INFINITY};
    const size_t want[] = {9, 1, 3, 2, 7, 0, 6, 4, 8, 5}; /* ties to the lower index, NaN last */
    for (size_t k = 0; k <= 12; k++) {
        size_t idx[12] = {0};
        assert_int_equal(vs_top_k(x, 10, k, idx), k < 10 ? k : 10);
        assert_memory_equal(idx, want, (k < 10 ? k : 10) * sizeof *idx);
    }
    assert_int_equal(vs_top_k(x, 0, 3, NULL), 0);
}

static const float *compared;
static int by_value(const void *a, const void *b) {
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    return compared[i] > compared[j] ? -1 : compared[i] < compared[j] ? 1 : i < j ? -1 : 1;
}

static void as_a_sort(void **state) {
    (void)state;
    enum { N = 5000 };
    static float x[N];
    static size_t sorted[N], got[N];
    uint32_t r = 12345;
    for (size_t i = 0; i < N; i++) {
        r = r * 1664525 + 1013904223;
        x[i] = (float)(r >> 20); /* many ties */
        sorted[i] = i;
    }
    compared = x;
    qsort(sorted, N, sizeof *sorted, by_value);
    for (size_t k = 1; k <= N; k = k * 3 + 1) {
        vs_top_k(x, N, k, got);
        assert_memory_equal(got, sorted, k * sizeof *got);
    }
}

static void greedy(void **state) {
    (void)state;
    const float x[] = {0, 3, 3, 1};
    uint64_t s = 7;
    const vs_sampling how = {.temperature = 0, .top_p = 1};
    assert_int_equal(vs_sample(&how, x, 4, &s), 1);
    assert_int_equal(s, 7); /* nothing was drawn */
    const vs_sampling one = {.temperature = 2, .top_k = 1, .top_p = 1};
    for (int i = 0; i < 20; i++) assert_int_equal(vs_sample(&one, x, 4, &s), 1);
    const vs_sampling narrow = {.temperature = 1, .top_p = 0.01f};
    for (int i = 0; i < 20; i++) assert_int_equal(vs_sample(&narrow, x, 4, &s), 1); /* at least one token stays */
    assert_int_equal(vs_sample(&how, x, 0, &s), -1);
}

/* How often each of n tokens comes in `times` draws, against the probabilities wanted: within 5 standard deviations. */
static void frequencies(vs_sampling how, const float *logits, size_t n, const double *want, int times) {
    int *seen = calloc(n, sizeof *seen);
    uint64_t s = how.seed;
    for (int i = 0; i < times; i++) {
        int32_t t = vs_sample(&how, logits, n, &s);
        assert_in_range(t, 0, n - 1);
        seen[t]++;
    }
    for (size_t i = 0; i < n; i++) {
        double e = want[i] * times, sd = sqrt(e * (1 - want[i]));
        if (want[i] == 0 ? seen[i] != 0 : fabs(seen[i] - e) > 5 * sd + 1)
            fail_msg("token %zu came %d times, wanted %g", i, seen[i], e);
    }
    free(seen);
}

static void as_often_as_the_model_says(void **state) {
    (void)state;
    const float x[] = {logf(0.1f), logf(0.4f), logf(0.2f), logf(0.3f), -INFINITY};
    const double all[] = {0.1, 0.4, 0.2, 0.3, 0};
    frequencies((vs_sampling){.temperature = 1, .top_p = 1, .seed = 1}, x, 5, all, 20000);
    const double two[] = {0, 4.0 / 7, 0, 3.0 / 7, 0};
    frequencies((vs_sampling){.temperature = 1, .top_k = 2, .top_p = 1, .seed = 2}, x, 5, two, 20000);
    frequencies((vs_sampling){.temperature = 1, .top_p = 0.65f, .seed = 3}, x, 5, two, 20000);
    const double three[] = {0, 4.0 / 9, 2.0 / 9, 3.0 / 9, 0};
    frequencies((vs_sampling){.temperature = 1, .top_p = 0.75f, .seed = 4}, x, 5, three, 20000);
    frequencies((vs_sampling){.temperature = 1, .top_k = 4, .top_p = 0.75f, .seed = 5}, x, 5, three, 20000);
    /* top-p counts what top-k left: of {4/7, 3/7}, 0.5 is the first alone */
    const double first[] = {0, 1, 0, 0, 0};
    frequencies((vs_sampling){.temperature = 1, .top_k = 2, .top_p = 0.5f, .seed = 6}, x, 5, first, 1000);
    /* temperature 0.5 squares the probabilities */
    const double cold[] = {0.01 / 0.3, 0.16 / 0.3, 0.04 / 0.3, 0.09 / 0.3, 0};
    frequencies((vs_sampling){.temperature = 0.5f, .top_p = 1, .seed = 7}, x, 5, cold, 20000);
}

/* A nucleus larger than the first shortlist: 3,000 equal tokens among 10,000. */
static void wide_nucleus(void **state) {
    (void)state;
    enum { N = 10000, LIKELY = 3000 };
    static float x[N];
    static int seen[N];
    for (int i = 0; i < N; i++) x[i] = i % 10 < 3 ? 5 : -30;
    uint64_t s = 11;
    const vs_sampling how = {.temperature = 1, .top_p = 0.5f};
    for (int i = 0; i < 2000; i++) seen[vs_sample(&how, x, N, &s)]++;
    int different = 0;
    for (int i = 0; i < N; i++) {
        different += seen[i] > 0;
        if (seen[i]) assert_true(i % 10 < 3 && i < N / 2 + 10); /* ties to the lower index: the first half of them */
    }
    assert_in_range(different, 1000, 1501);
}

static void the_same_draws(void **state) {
    (void)state;
    float x[100];
    int32_t a[50];
    for (int i = 0; i < 100; i++) x[i] = sinf((float)i) * 2;
    const vs_sampling how = {.temperature = 0.8f, .top_k = 40, .top_p = 0.95f, .seed = 42};
    uint64_t s = how.seed;
    for (int i = 0; i < 50; i++) a[i] = vs_sample(&how, x, 100, &s);
    /* fifty steps of SplitMix64 further: its increment, fifty times */
    assert_true(s == 42 + 50 * 0x9E3779B97F4A7C15u);
    s = how.seed;
    for (int i = 0; i < 50; i++) assert_int_equal(vs_sample(&how, x, 100, &s), a[i]);
    int different = 0;
    for (int i = 1; i < 50; i++) different += a[i] != a[0];
    assert_true(different > 10);
}

static void nothing_to_choose(void **state) {
    (void)state;
    const float nan3[] = {nanf(""), nanf(""), nanf("")}, none[] = {-INFINITY, -INFINITY};
    uint64_t s = 1;
    const vs_sampling how = {.temperature = 1, .top_p = 1}, p = {.temperature = 1, .top_p = 0.9f, .top_k = 2};
    assert_int_equal(vs_sample(&how, nan3, 3, &s), -1);
    assert_int_equal(vs_sample(&p, nan3, 3, &s), -1);
    assert_int_equal(vs_sample(&how, none, 2, &s), -1);
    const float x[] = {1, 2};
    for (size_t n = 1; n <= 2; n++) {
        vs_alloc_fail_at(n);
        assert_int_equal(vs_sample(&p, x, 2, &s), -1);
        vs_alloc_fail_at(0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(best_first),     cmocka_unit_test(as_a_sort),      cmocka_unit_test(greedy), cmocka_unit_test(as_often_as_the_model_says),
        cmocka_unit_test(wide_nucleus),   cmocka_unit_test(the_same_draws), cmocka_unit_test(nothing_to_choose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
