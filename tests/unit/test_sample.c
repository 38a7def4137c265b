/* Choosing tokens: order, ties, frequencies that are those of the distribution; beam search against trying every text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "model/sample.h"

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
    /* min-p: at least half as likely as the likeliest; a share of what is left, top-p before it counts more */
    frequencies((vs_sampling){.temperature = 1, .top_p = 1, .min_p = 0.49f, .seed = 8}, x, 5, three, 20000);
    frequencies((vs_sampling){.temperature = 1, .top_p = 0.65f, .min_p = 0.5f, .seed = 9}, x, 5, two, 20000);
    frequencies((vs_sampling){.temperature = 1, .top_k = 3, .top_p = 1, .min_p = 0.7f, .seed = 10}, x, 5, two, 20000);
    frequencies((vs_sampling){.temperature = 1, .top_p = 1, .min_p = 1, .seed = 11}, x, 5, first, 1000);
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

/* Each sample of a seed has draws of its own, and so has each seed. */
static void samples_differ(void **state) {
    (void)state;
    assert_true(vs_sample_state(42, 0) == 42);
    uint64_t seen[64];
    for (size_t seed = 0; seed < 8; seed++)
        for (size_t i = 0; i < 8; i++) {
            uint64_t s = seen[seed * 8 + i] = vs_sample_state(seed, i + 1);
            for (size_t j = 0; j < seed * 8 + i; j++) {
                uint64_t apart = s - seen[j];
                assert_true(apart != 0);
                for (int steps = 1; steps < 2000; steps++) /* neither is some steps after the other */
                    assert_true(apart != (uint64_t)steps * 0x9E3779B97F4A7C15u &&
                                0 - apart != (uint64_t)steps * 0x9E3779B97F4A7C15u);
            }
        }
}

static void penalty(void **state) {
    (void)state;
    float x[] = {2, -2, 3, 0, -INFINITY, 5};
    const int32_t ids[] = {0, 1, 0, 4, 3, 99, -1};
    const float want[] = {2 / 1.25f, -2 * 1.25f, 3, 0, -INFINITY, 5};
    assert_int_equal(vs_penalise(NULL, x, 6, ids, 7, 1.25f), VS_OK); /* 0 is there twice and lowered once */
    assert_memory_equal(x, want, sizeof want);
    assert_int_equal(vs_penalise(NULL, x, 6, ids, 7, 1), VS_OK);
    assert_memory_equal(x, want, sizeof want);
    vs_alloc_fail_at(1);
    assert_int_equal(vs_penalise(NULL, x, 6, ids, 7, 2), VS_E_NOMEM);
    vs_alloc_fail_at(0);
}

/* ---- beams: a made-up language of five tokens, 4 its end ---- */

enum { WORDS = 5, END = 4 };
static const float after[WORDS + 1][WORDS] = {
    {0.10f, 0.45f, 0.20f, 0.15f, 0.10f}, /* after 0, … */
    {0.30f, 0.10f, 0.25f, 0.30f, 0.05f},
    {0.02f, 0.03f, 0.05f, 0.05f, 0.85f},
    {0.20f, 0.25f, 0.15f, 0.20f, 0.20f},
    {0.20f, 0.20f, 0.20f, 0.20f, 0.20f},
    {0.40f, 0.25f, 0.30f, 0.04f, 0.01f}, /* at the beginning */
};
static vs_status speak(vs_err *err, void *calls, size_t beams, const int32_t *ids, size_t n, const size_t *from, float *logits) {
    (void)err;
    ++*(int *)calls;
    for (size_t b = 0; b < beams; b++) {
        assert_in_range(from[b], 0, 3);
        for (size_t v = 0; v < WORDS; v++)
            logits[b * WORDS + v] = logf(after[n ? ids[b * n + n - 1] : WORDS][v]) + 7; /* not normalised */
    }
    return VS_OK;
}

/* The best of all texts of at most `most` tokens, by trying them. */
static double best_text(size_t most, double power, int32_t *best, size_t *length) {
    double top = -INFINITY;
    int32_t ids[8];
    size_t all = 1;
    for (size_t i = 0; i < most; i++) all *= WORDS;
    for (size_t code = 0; code < all; code++) {
        double sum = 0;
        size_t c = code, n = 0;
        int32_t last = WORDS;
        for (; n < most && last != END; n++, c /= WORDS) {
            ids[n] = (int32_t)(c % WORDS);
            sum += log((double)after[last][ids[n]]);
            last = ids[n];
        }
        double score = sum / pow((double)n, power);
        if (score <= top + 1e-9) continue;
        top = score;
        memcpy(best, ids, n * sizeof *ids);
        *length = n;
    }
    return top;
}

static void beams_find_the_best(void **state) {
    (void)state;
    int calls = 0;
    vs_beams found;
    for (size_t most = 1; most <= 5; most++)
        for (int power = 0; power <= 1; power++) {
            /* two beams are as many as five words allow; of this language they miss nothing */
            vs_beam_rules how = {.beams = 2, .most = most, .V = WORDS, .length_penalty = (float)power, .end = VS_BEAM_NEVER, .eos = END, .repetition = 1};
            int32_t want[8];
            size_t n = 0;
            double score = best_text(most, power, want, &n);
            assert_int_equal(vs_beam_search(NULL, &how, speak, &calls, &found), VS_OK);
            assert_int_equal(found.n, 2);
            assert_int_equal(found.line[0].n, n);
            assert_memory_equal(found.line[0].ids, want, n * sizeof *want);
            assert_true(fabs((double)found.line[0].score - score) < 1e-5);
            assert_true(found.line[1].score <= found.line[0].score);
            vs_beams_free(&found);
        }
}

/* How many steps a search takes before it ends by itself. */
static int steps_until(vs_beam_end end, float power) {
    int calls = 0;
    vs_beams found;
    vs_beam_rules how = {.beams = 2, .most = 40, .V = WORDS, .length_penalty = power, .end = end, .eos = END, .repetition = 1};
    assert_int_equal(vs_beam_search(NULL, &how, speak, &calls, &found), VS_OK);
    vs_beams_free(&found);
    return calls;
}

static void beams_end_in_time(void **state) {
    (void)state;
    /* both beams have ended after three words and no line that runs is as likely; at 40 words it might be, as a mean */
    assert_int_equal(steps_until(VS_BEAM_AT_ONCE, 1), 3);
    assert_int_equal(steps_until(VS_BEAM_LIKELY, 1), 3);
    assert_in_range(steps_until(VS_BEAM_NEVER, 1), 20, 39);
    assert_int_equal(steps_until(VS_BEAM_NEVER, 0), steps_until(VS_BEAM_LIKELY, 0)); /* a sum only falls */
}

static void beams_refuse(void **state) {
    (void)state;
    int calls = 0;
    vs_beams found;
    vs_beam_rules how = {.beams = 3, .most = 4, .V = WORDS, .eos = END, .repetition = 1};
    assert_int_equal(vs_beam_search(NULL, &how, speak, &calls, &found), VS_E_USAGE);
    how.beams = 0;
    assert_int_equal(vs_beam_search(NULL, &how, speak, &calls, &found), VS_E_USAGE);
    how.beams = 2, how.most = 0;
    assert_int_equal(vs_beam_search(NULL, &how, speak, &calls, &found), VS_E_USAGE);
    assert_int_equal(calls, 0);
    how.most = 4, how.repetition = 1.5f;
    for (size_t n = 1; n < 100; n++) { /* memory that runs out, anywhere */
        vs_alloc_fail_at(n);
        vs_status st = vs_beam_search(NULL, &how, speak, &calls, &found);
        vs_alloc_fail_at(0);
        vs_beams_free(&found);
        if (st == VS_OK) return;
        assert_int_equal(st, VS_E_NOMEM);
    }
    fail();
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
        cmocka_unit_test(samples_differ), cmocka_unit_test(penalty),        cmocka_unit_test(beams_find_the_best), cmocka_unit_test(beams_end_in_time), cmocka_unit_test(beams_refuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
