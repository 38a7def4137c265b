/* Training words: how a text is read, the same bits for any number of threads, and a small world's analogies. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../datasets/world.h"
#include "base/alloc.h"
#include "numeric/rng.h"
#include "space/corpus.h"
#include "space/train_words.h"

/* ---- random numbers ---- */

static void random_numbers(void **state) {
    (void)state;
    vs_rng *a, *b;
    assert_int_equal(vs_rng_new(NULL, 7, &a), VS_OK);
    assert_int_equal(vs_rng_new(NULL, 8, &b), VS_OK);
    double first = vs_rng_uniform(a), other = vs_rng_uniform(b);
    assert_true(first >= 0 && first < 1 && first != other);
    vs_rng_seed(b, 7);
    assert_true(vs_rng_uniform(b) == first);
    enum { N = 100000 };
    double weight[4] = {1, 0, 3, 6};
    size_t seen[4] = {0}, low[3] = {0};
    vs_die *die;
    assert_int_equal(vs_die_new(NULL, weight, 4, &die), VS_OK);
    for (int i = 0; i < N; i++) seen[vs_die_throw(die, a)]++, low[vs_rng_below(a, 3)]++;
    for (int i = 0; i < 4; i++) { /* within five standard deviations */
        double p = weight[i] / 10;
        assert_true(fabs((double)seen[i] - N * p) <= 5 * sqrt(N * p * (1 - p)));
    }
    for (int i = 0; i < 3; i++) assert_true(fabs((double)low[i] - N / 3.0) < 5 * sqrt(N * 2 / 9.0));
    vs_die_free(die);
    vs_rng_free(a);
    vs_rng_free(b);
}

/* ---- texts ---- */

static void check_corpus(const char *text, bool plain, size_t least, const char *words, const char *ids) {
    vs_corpus c;
    vs_buf has = {0}, line = {0};
    assert_int_equal(vs_corpus_read(NULL, "t", text, strlen(text), plain, least, NULL, &c), VS_OK);
    for (size_t i = 0; i < c.kinds; i++) vs_buf_printf(&has, "%.*s:%llu ", (int)c.len[i], c.word[i], (unsigned long long)c.count[i]);
    for (size_t i = 0; i < c.n; i++) c.id[i] == VS_CORPUS_END ? vs_buf_puts(&line, "| ") : vs_buf_printf(&line, "%u ", c.id[i]);
    assert_string_equal(has.s, words);
    assert_string_equal(line.s, ids);
    vs_buf_free(&has);
    vs_buf_free(&line);
    vs_corpus_free(&c);
}

static void texts(void **state) {
    (void)state;
    check_corpus("b a b\n\n  c\ta b\r\n", false, 1, "b:3 a:2 c:1 ", "0 1 0 | 2 1 0 | ");
    check_corpus("b a b\nc a b", false, 2, "b:3 a:2 ", "0 1 0 | 1 0 | ");
    check_corpus("The king's mother-in-law -- \"Élise\"; THE end.", true, 1, "the:2 king's:1 mother-in-law:1 élise:1 end:1 ", "0 1 2 3 0 4 | ");
    check_corpus("a \xFF\xFE a", false, 1, "a:2 ", "0 0 | "); /* what is no UTF-8 is no word */
    vs_corpus c;
    vs_err err = {0};
    assert_int_equal(vs_corpus_read(&err, "t", "a b", 3, false, 2, NULL, &c), VS_E_FORMAT);
    assert_int_equal(vs_corpus_read(&err, "t", "", 0, false, 1, NULL, &c), VS_E_FORMAT);
    char *lines = vs_alloc(2 * 2500, 1); /* a long line is cut */
    for (size_t i = 0; i < 2500; i++) lines[2 * i] = 'x', lines[2 * i + 1] = ' ';
    assert_int_equal(vs_corpus_read(&err, "t", lines, 2 * 2500, false, 1, NULL, &c), VS_OK);
    assert_int_equal(c.n, 2500 + 3);
    assert_true(c.id[VS_CORPUS_LINE_MAX] == VS_CORPUS_END);
    vs_corpus_free(&c);
    vs_free(lines);
}

/* ---- training ---- */

static vs_buf told;

static vs_space *train(const vs_train_options *o, vs_train_state *st) {
    vs_space *sp;
    vs_err err = {0};
    if (vs_train_words(&err, NULL, told.s, told.len, "world", o, NULL, NULL, NULL, st, &sp) != VS_OK) fail_msg("%s", err.msg);
    return sp;
}

static bool same_rows(const vs_space *a, const vs_space *b) {
    size_t n = vs_space_rows(a), d = vs_space_dim(a);
    return n == vs_space_rows(b) && d == vs_space_dim(b) && !memcmp(vs_space_data(a), vs_space_data(b), n * d * sizeof(float));
}

static void same_bits_for_any_threads(void **state) {
    (void)state;
    vs_train_options o = vs_train_defaults();
    vs_train_state st;
    o.dim = 20;
    o.epochs = 1;
    vs_threads_set(1);
    vs_space *one = train(&o, &st);
    for (int threads = 2; threads <= 8; threads += 3) {
        vs_threads_set(threads);
        vs_space *many = train(&o, &st);
        assert_true(same_rows(one, many));
        vs_space_free(many);
    }
    vs_threads_set(0);
    o.seed = 2;
    vs_space *other = train(&o, &st);
    assert_false(same_rows(one, other));
    vs_space_free(other);
    vs_space_free(one);
}

/* The word nearest to b - a + c but for these. */
static bool answers(vs_space *sp, const char *a, const char *b, const char *c, const char *want) {
    const char *word[3] = {b, a, c};
    float q[64] = {0}, v[64], score;
    size_t row[3], best, found, len, d = vs_space_dim(sp);
    for (int i = 0; i < 3; i++) {
        assert_true(vs_space_find(sp, word[i], strlen(word[i]), &row[i]));
        assert_int_equal(vs_space_row(NULL, sp, row[i], v), VS_OK);
        for (size_t k = 0; k < d; k++) q[k] += i == 1 ? -v[k] : v[k];
    }
    assert_int_equal(vs_space_near(NULL, sp, q, 1, row, 3, &best, &score, &found), VS_OK);
    const char *key = vs_space_key(sp, best, &len);
    return len == strlen(want) && !memcmp(key, want, len);
}

static void analogies_emerge(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        vs_train_options o = vs_train_defaults();
        vs_train_state st;
        o.dim = 50;
        o.seed = seed;
        vs_space *sp = train(&o, &st);
        assert_int_equal(st.epoch, 5);
        assert_true(st.loss > 0 && st.loss < 6 * 0.6931); /* below that of vectors of zero */
        assert_true(answers(sp, "king", "queen", "man", "woman")); /* queen - king + man */
        size_t right = 0, asked = 0;
        const char *m, *w, *m2, *w2;
        for (size_t i = 0; vs_world_pair(i, &m, &w); i++)
            for (size_t k = 0; vs_world_pair(k, &m2, &w2); k++)
                if (i != k) asked++, right += answers(sp, m, w, m2, w2);
        if (right * 10 < asked * 8) fail_msg("seed %d: %zu of %zu analogies", (int)seed, right, asked);
        vs_space_free(sp);
    }
}

static vs_status stop_after_two(vs_err *err, void *arg, vs_space *now, const vs_train_state *st) {
    (void)err;
    size_t *seen = arg;
    *seen += 1;
    assert_int_equal(st->epoch, *seen);
    assert_int_equal(vs_space_rows(now), st->kinds);
    if (*seen == 2) vs_interrupt();
    return VS_OK;
}

static void what_stops_it(void **state) {
    (void)state;
    vs_train_options o = vs_train_defaults();
    vs_train_state st;
    vs_space *sp;
    size_t seen = 0;
    o.dim = 8;
    assert_int_equal(vs_train_words(NULL, NULL, told.s, told.len, "w", &o, NULL, stop_after_two, &seen, &st, &sp), VS_OK);
    vs_interrupt_clear();
    assert_true(st.stopped && st.epoch == 2 && seen == 2);
    vs_space_free(sp);
    vs_train_options bad[] = {o, o, o, o, o, o};
    bad[0].dim = 0, bad[1].window = 51, bad[2].negative = 0, bad[3].epochs = 0, bad[4].sample = -1, bad[5].alpha = (double)NAN;
    for (size_t i = 0; i < 6; i++) {
        vs_err err = {0};
        assert_int_equal(vs_train_words(&err, NULL, told.s, told.len, "w", &bad[i], NULL, NULL, NULL, &st, &sp), VS_E_RANGE);
        assert_null(sp);
    }
    assert_int_equal(vs_train_words(NULL, "/no/such/file", NULL, 0, "w", &o, NULL, NULL, NULL, &st, &sp), VS_E_UNKNOWN);
    o.epochs = 1;
    for (size_t n = 1;; n++) {
        vs_alloc_fail_at(n);
        vs_status s = vs_train_words(NULL, NULL, told.s, 2000, "w", &o, NULL, NULL, NULL, &st, &sp);
        vs_alloc_fail_at(0);
        if (s == VS_OK) break;
        assert_int_equal(s, VS_E_NOMEM);
    }
    vs_space_free(sp);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_numbers),   cmocka_unit_test(texts),         cmocka_unit_test(same_bits_for_any_threads),
        cmocka_unit_test(analogies_emerge), cmocka_unit_test(what_stops_it),
    };
    if (vs_world_tell(NULL, 20000, 1, &told) != VS_OK) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    vs_buf_free(&told);
    return failed;
}
