/* Axes over the built-in words: the directions, places and held-out sides that numpy and scikit-learn 1.7 give (difference of
 * means; SVD of what stands about the middle; LogisticRegression with C = 1 / (0.1 mean |x|^2)); the random control where it
 * can be told beforehand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/parallel.h"
#include "space/axis.h"
#include "space/space.h"

enum { D = 50, N = 12 };
static vs_space *words;

static int open_words(void **state) {
    (void)state;
    return vs_space_default(NULL, &words) != VS_OK;
}
static int close_words(void **state) {
    (void)state;
    vs_space_free(words);
    return 0;
}

static void vector_of(const char *word, float *out) {
    size_t row;
    assert_true(vs_space_find(words, word, strlen(word), &row));
    assert_int_equal(vs_space_row(NULL, words, row, out), VS_OK);
}

static const char *const royal[N] = {"man", "woman", "boy", "girl", "farmer", "soldier", "king", "queen", "prince", "princess", "duke", "emperor"};
static const char *const mixed[N] = {"nurse", "teacher", "queen", "girl", "city", "chair", "doctor", "lawyer", "king", "soldier", "river", "table"};

static void load(const char *const *word, size_t n, float *x, uint8_t *side) {
    for (size_t i = 0; i < n; i++) {
        vector_of(word[i], x + i * D);
        side[i] = i >= N / 2;
    }
}

static void as_numpy_has_it(void **state) {
    (void)state;
    static const struct {
        const char *const *word;
        size_t n;
        vs_axis_method method;
        double norm, origin, axis[4], throne;
        int8_t held[N];
    } known[] = {
        {royal, N, VS_AXIS_MEAN, 4.665211005580591, 0.023150321589668166, {1.137767822171251, 0.8097870262960591, -0.45447270075480145, 0.5776700852438807}, 1.2838855689704913, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
        {royal, N, VS_AXIS_PCA, 4.659008883421478, 0.03402116273782869, {1.1478426141500635, 0.7683682938912288, -0.4552377648874383, 0.5488440301437356}, 1.2960446339143115, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
        {royal, N, VS_AXIS_LOGISTIC, 4.629916071761307, 0.10083354796787103, {1.1319222723162257, 0.9985990627015894, -0.5492098811765754, 0.6558584082477762}, 1.2577019141777528, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
        {royal, N - 2, VS_AXIS_PCA, 4.498211258008739, 0.12358630502575069, {1.1594422330435716, 1.0683294982953226, -0.5269532016534443, 0.7004543875739748}, (double)NAN, {-2}},
        {mixed, N, VS_AXIS_MEAN, 2.0396861184821917, -0.6488814088935163, {0.35922165525456273, -0.30041012447327387, 0.34009802589813876, 0.31342910633732873}, 1.3581400159809571, {1, 1, 0, 1, 0, 1, 0, 0, 1, 0, 0, 1}},
        {mixed, N, VS_AXIS_LOGISTIC, 1.975562868907598, -0.5718029536186215, {0.34817096648108675, -0.37361637840686146, 0.360335586131701, 0.21596561610621257}, 0.8262573282141145, {1, 1, 0, 1, 0, 1, 0, 0, 1, 0, 0, 0}},
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        float x[N * D], axis[D], throne[D];
        uint8_t side[N];
        int8_t held[N];
        size_t right = 0;
        vs_axis_result r;
        vs_axis_options o = {.method = known[k].method, .lambda = 0.1, .folds = 20, .randoms = 50};
        load(known[k].word, known[k].n, x, side);
        vector_of("throne", throne);
        assert_int_equal(vs_axis_fit(NULL, x, side, known[k].n, D, &o, axis, held, &r), VS_OK);
        double norm = 0;
        for (size_t j = 0; j < D; j++) norm += (double)axis[j] * (double)axis[j];
        assert_true(fabs(sqrt(norm) - known[k].norm) < 1e-5);
        assert_true(fabs(r.origin - known[k].origin) < 1e-5);
        for (size_t j = 0; j < 4; j++) assert_true(fabs((double)axis[j] - known[k].axis[j]) < 1e-5);
        if (!isnan(known[k].throne)) assert_true(fabs(vs_axis_place(axis, r.origin, throne, D) - known[k].throne) < 1e-5);
        for (size_t i = 0; i < known[k].n && known[k].held[0] != -2; i++) {
            assert_int_equal(held[i], known[k].held[i]);
            right += held[i] == 1;
        }
        if (known[k].held[0] != -2) assert_int_equal(r.right, right);
        assert_int_equal(r.tried, known[k].n);
        /* the means of the sides are at -1 and 1 */
        double place[2] = {0, 0};
        for (size_t i = 0; i < known[k].n; i++)
            place[side[i]] += vs_axis_place(axis, r.origin, x + i * D, D) / (double)(side[i] ? known[k].n - N / 2 : N / 2);
        assert_true(fabs(place[0] + 1) < 1e-5 && fabs(place[1] - 1) < 1e-5);
        assert_true(r.random_mean > 0 && r.random_mean < 1 && r.random_95 >= r.random_mean);
    }
}

/* Where all vectors lie on one line, every direction but those across it cuts them alike: the control does as well as the axis. */
static void random_control_on_a_line(void **state) {
    (void)state;
    float x[8 * 3] = {0}, axis[3];
    uint8_t side[8];
    static const float at[8] = {0, 1, 2, 6, 5, 7, 8, 3}; /* 6 and 3 are on the wrong side */
    for (size_t i = 0; i < 8; i++) {
        side[i] = i >= 4;
        x[3 * i + 1] = at[i];
    }
    vs_axis_result r, again;
    vs_axis_options o = {.method = VS_AXIS_MEAN, .folds = 8, .randoms = 200, .seed = 9};
    assert_int_equal(vs_axis_fit(NULL, x, side, 8, 3, &o, axis, NULL, &r), VS_OK);
    assert_int_equal(r.tried, 8);
    assert_int_equal(r.right, 6);
    assert_true(fabs(r.random_mean - 0.75) < 1e-12 && fabs(r.random_95 - 0.75) < 1e-12 && r.random_as_good == 1);
    assert_true(axis[0] == 0 && fabsf(axis[1] - 3.5F) < 1e-6F && fabs(r.origin - 4) < 1e-6);
    assert_int_equal(vs_axis_fit(NULL, x, side, 8, 3, &o, axis, NULL, &again), VS_OK);
    assert_true(r.random_mean == again.random_mean);
}

/* In a thousand dimensions a planted direction is found by one way and missed by chance. */
static void random_control_misses(void **state) {
    (void)state;
    enum { WIDE = 1000, MANY = 40 };
    float *x = calloc(MANY * WIDE, sizeof *x), *axis = calloc(WIDE, sizeof *axis);
    uint8_t side[MANY];
    uint64_t seed = 1;
    assert_true(x && axis);
    for (size_t i = 0; i < MANY; i++)
        for (size_t j = 0; j < WIDE; j++) {
            seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
            side[i] = i % 2;
            x[i * WIDE + j] = (float)(int32_t)(seed >> 32) * 0x1p-31F + (j == 7 ? 12.0F * (float)side[i] : 0);
        }
    for (int m = 0; m < 3; m++) {
        vs_axis_result r;
        vs_axis_options o = {.method = (vs_axis_method)m, .lambda = 0.1, .folds = 5, .randoms = 400, .seed = 2};
        assert_int_equal(vs_axis_fit(NULL, x, side, MANY, WIDE, &o, axis, NULL, &r), VS_OK);
        assert_int_equal(r.right, MANY);
        assert_true(r.random_mean > 0.4 && r.random_mean < 0.65 && r.random_95 < 0.9 && r.random_as_good < 0.01);
    }
    free(x);
    free(axis);
}

static void refuses(void **state) {
    (void)state;
    float x[6] = {1, 0, 0, 1, 1, 1}, axis[2];
    uint8_t none[3] = {1, 1, 1}, side[3] = {0, 1, 1}, two[2] = {0, 1};
    vs_axis_result r;
    int8_t held[3];
    vs_axis_options o = {.method = VS_AXIS_MEAN, .folds = 20, .randoms = 10};
    assert_int_equal(vs_axis_fit(NULL, x, none, 3, 2, &o, axis, held, &r), VS_E_RANGE);
    assert_int_equal(vs_axis_fit(NULL, x, side, 3, 2, &o, axis, held, &r), VS_OK);
    assert_true(r.tried == 0 && isnan(r.random_mean) && held[0] == -1); /* one of a side: it cannot be held out */
    x[3] = NAN;
    assert_int_equal(vs_axis_fit(NULL, x, side, 3, 2, &o, axis, held, &r), VS_E_NUMERIC);
    float same[4] = {1, 2, 1, 2};
    for (int m = 0; m < 3; m++) {
        o.method = (vs_axis_method)m;
        o.lambda = 1;
        assert_int_equal(vs_axis_fit(NULL, same, two, 2, 2, &o, axis, held, &r), VS_E_NUMERIC);
    }
    vs_axis_method method;
    assert_int_equal(vs_axis_method_find(NULL, "pca", &method), VS_OK);
    assert_int_equal(method, VS_AXIS_PCA);
    assert_int_equal(vs_axis_method_find(NULL, "svm", &method), VS_E_UNKNOWN);
    float all[N * D], wide[D];
    uint8_t sides[N];
    load(royal, N, all, sides);
    vs_interrupt();
    assert_int_equal(vs_axis_fit(NULL, all, sides, N, D, &o, wide, NULL, &r), VS_E_STOPPED);
    vs_interrupt_clear();
    for (size_t at = 1;; at++) { /* the last time nothing fails */
        vs_alloc_fail_at(at);
        vs_status s = vs_axis_fit(NULL, all, sides, N, D, &o, wide, NULL, &r);
        vs_alloc_fail_at(0);
        if (s == VS_OK) break;
        assert_int_equal(s, VS_E_NOMEM);
        assert_true(at < 200);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_numpy_has_it), cmocka_unit_test(random_control_on_a_line),
                                       cmocka_unit_test(random_control_misses), cmocka_unit_test(refuses)};
    return cmocka_run_group_tests(tests, open_words, close_words);
}
