/* Which word is odd, which are closer, which lie between, how far texts are apart: gensim's figures over the built-in words
 * (KeyedVectors of the same rows, gensim 4.4), and what the definitions say row by row. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "space/among.h"
#include "space/bag.h"

enum { D = 50, ROWS = 20000 };
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

static size_t row_of(const char *word) {
    size_t row;
    assert_true(vs_space_find(words, word, strlen(word), &row));
    return row;
}
static void vector_of(const char *word, float *out) { assert_int_equal(vs_space_row(NULL, words, row_of(word), out), VS_OK); }
static bool is_word(size_t row, const char *word) {
    size_t len;
    const char *key = vs_space_key(words, row, &len);
    return len == strlen(word) && !memcmp(key, word, len);
}

static void odd_is_gensims(void **state) {
    (void)state;
    static const struct {
        const char *word[5];
        double cosine[5];
        size_t odd;
    } known[] = {{{"breakfast", "cereal", "dinner", "lunch"}, {0.96072865, 0.6571446, 0.89909387, 0.9045423}, 1},
                 {{"paris", "london", "berlin", "banana", "rome"}, {0.8972498, 0.7996913, 0.8186094, 0.20079967, 0.80022055}, 3},
                 {{"monday", "tuesday", "friday", "january"}, {0.9774889, 0.9766716, 0.9789627, 0.79963017}, 3},
                 {{"the", "of", "and", "king"}, {0.932803, 0.94430983, 0.9127213, 0.75506634}, 3}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        float x[5 * D], cosine[5];
        size_t n = 0, odd;
        for (; n < 5 && known[k].word[n]; n++) vector_of(known[k].word[n], x + n * D);
        assert_int_equal(vs_odd(NULL, x, n, D, cosine, &odd), VS_OK);
        assert_int_equal(odd, known[k].odd);
        for (size_t i = 0; i < n; i++) assert_true(fabs((double)cosine[i] - known[k].cosine[i]) < 1e-5);
    }
    float zero[D] = {0}, two[2 * D] = {1}, cosine[2];
    size_t odd;
    assert_int_equal(vs_odd(NULL, zero, 1, D, cosine, &odd), VS_E_NUMERIC);
    two[D] = -1;
    assert_int_equal(vs_odd(NULL, two, 2, D, cosine, &odd), VS_E_NUMERIC);
}

static void ranks_are_gensims(void **state) {
    (void)state;
    static const struct {
        const char *a, *b, *closer[3];
        size_t rank;
    } known[] = {{"king", "queen", {"prince"}, 2},
                 {"queen", "king", {"lady", "elizabeth", "princess"}, 4},
                 {"france", "paris", {"french", "belgium"}, 3},
                 {"bank", "river", {NULL}, 2203},
                 {"the", "banana", {NULL}, 11211}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        float a[D], b[D], cosine;
        size_t own = row_of(known[k].a);
        vs_ranked r;
        vector_of(known[k].a, a);
        vector_of(known[k].b, b);
        assert_int_equal(vs_space_closer(NULL, words, a, b, row_of(known[k].b), &own, 1, &r, &cosine), VS_OK);
        assert_int_equal(r.n + 1, known[k].rank);
        assert_true(fabsf(cosine - vs_cosine(a, b, D)) < 1e-5F);
        for (size_t i = 0; i < 3 && known[k].closer[i]; i++) {
            bool there = false;
            for (size_t j = 0; j < r.n; j++) there = there || is_word(r.row[j], known[k].closer[i]);
            assert_true(there);
        }
        vs_ranked_free(&r);
    }
}

/* A vector that is no row: those above its cosine, each asked for by itself. */
static void closer_than_any_vector(void **state) {
    (void)state;
    float a[D], b[D], row[D];
    vector_of("king", a);
    vector_of("city", b);
    for (size_t j = 0; j < D; j++) b[j] += 0.3F * a[j];
    vs_ranked r;
    assert_int_equal(vs_space_closer(NULL, words, a, b, SIZE_MAX, NULL, 0, &r, NULL), VS_OK);
    size_t n = 0;
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(vs_space_row(NULL, words, i, row), VS_OK);
        n += vs_cosine(a, row, D) > vs_cosine(a, b, D);
    }
    assert_true(n > 64 && n < ROWS / 2);
    assert_int_equal(r.n, n);
    for (size_t i = 1; i < r.n; i++) assert_true(r.score[i - 1] >= r.score[i]);
    vs_ranked_free(&r);
}

static void between_as_defined(void **state) {
    (void)state;
    static const char *const pair[][2] = {{"king", "queen"}, {"breakfast", "dinner"}, {"bank", "banana"}, {"war", "peace"}};
    size_t filled = 0, inside = 0;
    for (size_t p = 0; p < 4; p++) {
        float a[D], b[D], row[D], cosine, worst = 2;
        size_t found, all, n = 0;
        vs_between_row out[20];
        vector_of(pair[p][0], a);
        vector_of(pair[p][1], b);
        assert_int_equal(vs_space_between(NULL, words, a, row_of(pair[p][0]), b, row_of(pair[p][1]), NULL, 0, 20, out, &found, &all, &cosine),
                         VS_OK);
        double c = (double)vs_cosine(a, b, D);
        for (size_t i = 0; i < found; i++) {
            float low = fminf(out[i].a, out[i].b), sum = out[i].a + out[i].b;
            assert_int_equal(out[i].between, i < all);
            if (i == all) worst = 2;
            assert_true(i < all ? low <= worst && low > cosine : low <= cosine && sum <= worst + 1e-5F);
            worst = i < all ? low : sum;
            assert_int_equal(vs_space_row(NULL, words, out[i].row, row), VS_OK);
            assert_true(fabsf(out[i].a - vs_cosine(a, row, D)) < 1e-5F && fabsf(out[i].b - vs_cosine(b, row, D)) < 1e-5F);
            /* the angle from a of its shadow on the plane of a and b, in the axes a and what of b stands upright on a */
            double up = ((double)out[i].b - c * (double)out[i].a) / sin(acos(c));
            assert_true(fabs(out[i].at - atan2(up, (double)out[i].a) / acos(c)) < 1e-5);
        }
        size_t better = 0;
        for (size_t i = 0; i < ROWS; i++) {
            assert_int_equal(vs_space_row(NULL, words, i, row), VS_OK);
            double x = (double)vs_cosine(a, row, D), y = (double)vs_cosine(b, row, D);
            n += x > c + 1e-6 && y > c + 1e-6 && i != row_of(pair[p][0]) && i != row_of(pair[p][1]);
            better += (all > 20 ? fmin(x, y) : x + y) > (double)worst + 1e-6 && i != row_of(pair[p][0]) && i != row_of(pair[p][1]);
        }
        assert_int_equal(all, n);
        assert_int_equal(found, 20);
        if (!all || all > 20) assert_int_equal(better, 19);
        filled += all < 20;
        inside += all > 20;
    }
    assert_true(filled && inside); /* both kinds were met */
    float a[D];
    size_t found, all;
    float cosine;
    vector_of("king", a);
    assert_int_equal(vs_space_between(NULL, words, a, SIZE_MAX, a, SIZE_MAX, NULL, 0, 0, NULL, &found, &all, &cosine), VS_E_NUMERIC);
}

/* gensim's wmdistance(x.split(), y.split()), which asks POT. */
static void movers_are_gensims(void **state) {
    (void)state;
    static const struct {
        const char *x, *y;
        double distance;
    } known[] = {{"obama speaks to the media in illinois", "the president greets the press in chicago", 0.562060641983594},
                 {"the cat sat on the mat", "a dog lay on the rug", 0.5003472029764966},
                 {"the cat sat on the mat", "the cat sat on the mat", 0},
                 {"stock markets fell sharply on monday", "shares dropped at the start of the week", 0.6670057699292448},
                 {"stock markets fell sharply on monday", "the cat sat on the mat", 0.9322522277762983},
                 {"we like red wine", "we like white wine and beer and cheese a lot", 0.48659677541291274},
                 {"king", "queen", 0.6574627215741581},
                 {"the the the cat", "cat the", 0.2637048128307458}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        vs_bag a, b;
        double flow[100], far[100], distance, sum = 0, travelled = 0;
        assert_int_equal(vs_bag_of(NULL, words, known[k].x, strlen(known[k].x), &a), VS_OK);
        assert_int_equal(vs_bag_of(NULL, words, known[k].y, strlen(known[k].y), &b), VS_OK);
        assert_true(a.n * b.n <= 100);
        assert_int_equal(vs_word_movers(NULL, words, &a, &b, flow, far, &distance), VS_OK);
        assert_true(fabs(distance - known[k].distance) < 2e-6);
        for (size_t i = 0; i < a.n * b.n; i++) {
            sum += flow[i];
            travelled += flow[i] * far[i];
        }
        assert_true(fabs(sum - 1) < 1e-12 && fabs(travelled - distance) < 1e-12);
        vs_bag_free(&a);
        vs_bag_free(&b);
    }
}

static void words_of_a_text(void **state) {
    (void)state;
    static const char text[] = " The cat, (THE dog) zyzzqx \"don't\" , -- Cat.\n the";
    static const struct {
        const char *word;
        double count;
    } want[] = {{"the", 3}, {"cat", 2}, {"dog", 1}, {",", 1}, {"--", 1}};
    vs_bag b;
    assert_int_equal(vs_bag_of(NULL, words, text, sizeof text - 1, &b), VS_OK);
    assert_int_equal(b.n, 5);
    assert_int_equal(b.words, 8);
    for (size_t i = 0; i < b.n; i++) {
        assert_true(is_word(b.row[i], want[i].word));
        assert_true(b.count[i] == want[i].count);
    }
    assert_int_equal(b.unknown, 2);
    assert_string_equal(b.missing.s, "zyzzqx \"don't\"");
    double distance;
    vs_bag none = {0};
    assert_int_equal(vs_word_movers(NULL, words, &b, &none, NULL, NULL, &distance), VS_E_RANGE);
    vs_bag_free(&b);
}

/* The formula, with p(w) = 1 / (rank H_20000) and the mean over the places of the text. */
static void phrase_weights(void **state) {
    (void)state;
    static const char text[] = "the king of the jungle";
    float vec[D], row[D];
    double weight[4], sum[D] = {0}, all = 0, h = 0;
    vs_bag b;
    assert_int_equal(vs_bag_of(NULL, words, text, sizeof text - 1, &b), VS_OK);
    for (size_t r = 1; r <= ROWS; r++) h += 1.0 / (double)r;
    static const char *const place[] = {"the", "king", "of", "the", "jungle"};
    for (int sif = 0; sif < 2; sif++) {
        double a = sif ? 1e-3 : 0;
        memset(sum, 0, sizeof sum);
        all = 0;
        assert_int_equal(vs_phrase(NULL, words, &b, a, vec, weight), VS_OK);
        for (size_t i = 0; i < 5; i++) {
            double p = 1 / ((double)(row_of(place[i]) + 1) * h), w = sif ? a / (a + p) : 1;
            vector_of(place[i], row);
            for (size_t j = 0; j < D; j++) sum[j] += w * (double)row[j];
            all += w;
            if (i == 4) assert_true(fabs(weight[3] - w) < 1e-12);
        }
        for (size_t j = 0; j < D; j++) assert_true(fabs((double)vec[j] - sum[j] / all) < 1e-6);
    }
    assert_true(weight[0] < 0.02 && weight[3] > 0.9); /* the, jungle */
    assert_int_equal(vs_phrase(NULL, words, &b, -1, vec, NULL), VS_E_RANGE);
    vs_bag_free(&b);
}

static void no_memory(void **state) {
    (void)state;
    float a[D], b[D];
    vector_of("king", a);
    vector_of("queen", b);
    for (size_t at = 1;; at++) { /* the last time nothing fails */
        vs_bag x = {0}, y = {0};
        vs_between_row out[3];
        size_t found, all;
        float cosine;
        double flow[9], far[9], distance;
        vs_alloc_fail_at(at);
        vs_status s = vs_bag_of(NULL, words, "a cat sat", 9, &x);
        if (s == VS_OK) s = vs_bag_of(NULL, words, "zyzzqx lay a", 12, &y);
        if (s == VS_OK) s = vs_word_movers(NULL, words, &x, &y, flow, far, &distance);
        if (s == VS_OK) s = vs_phrase(NULL, words, &x, 1e-3, b, NULL);
        if (s == VS_OK) s = vs_space_between(NULL, words, a, SIZE_MAX, b, SIZE_MAX, NULL, 0, 3, out, &found, &all, &cosine);
        vs_alloc_fail_at(0);
        vs_bag_free(&x);
        vs_bag_free(&y);
        if (s == VS_OK) break;
        assert_int_equal(s, VS_E_NOMEM);
        assert_true(at < 1000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(odd_is_gensims),     cmocka_unit_test(ranks_are_gensims),
                                       cmocka_unit_test(closer_than_any_vector), cmocka_unit_test(between_as_defined),
                                       cmocka_unit_test(movers_are_gensims), cmocka_unit_test(words_of_a_text),
                                       cmocka_unit_test(phrase_weights),     cmocka_unit_test(no_memory)};
    return cmocka_run_group_tests(tests, open_words, close_words);
}
