/* Analogies against gensim's rules spelled out one question at a time, in double; similarity of pairs; bad files. */
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
#include "space/analogy.h"
#include "tensor/cpu.h"
#include "tensor/kernels.h"

enum { ANSWERED = 100, N = 3000, D = 20, WORDS = 40, QUESTIONS = 600 };

/* Row r is called w<r mod WORDS> for the first 5 * WORDS rows, in five spellings of it, and then x<r>. */
typedef struct toy {
    char key[N][16];
    float vec[N][D];
    vs_space *s;
} toy;

static uint64_t seed;
static float random_unit(void) { /* in (-1, 1) */
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (float)(int32_t)(seed >> 32) * 0x1p-31F;
}

static const char *toy_key(void *self, size_t row, size_t *len) {
    toy *t = self;
    *len = strlen(t->key[row]);
    return t->key[row];
}

static bool toy_find(void *self, const char *key, size_t n, size_t *row) {
    toy *t = self;
    for (*row = 0; *row < N; ++*row)
        if (strlen(t->key[*row]) == n && memcmp(t->key[*row], key, n) == 0) return true;
    return false;
}

/* The five spellings of word number w. */
static void spell(char *out, size_t size, size_t w, size_t how) {
    static const char *const forms[] = {"word%zu", "Word%zu", "WORD%zu", "wORD%zu", "wOrd%zu"};
    char form[16];
    snprintf(form, sizeof form, "%s", forms[how]);
    size_t at = strcspn(form, "%");
    snprintf(out, size, "%.*s%zu", (int)at, form, w);
}

static toy *make(bool spellings) {
    toy *t = calloc(1, sizeof *t);
    assert_non_null(t);
    for (size_t r = 0; r < N; r++) {
        size_t w = r % WORDS, how = r / WORDS;
        if (how == 0 || (spellings && how < 5))
            spell(t->key[r], sizeof t->key[r], w, how);
        else
            snprintf(t->key[r], sizeof t->key[r], "x%zu", r);
        for (size_t j = 0; j < D; j++) t->vec[r][j] = spellings && how && how < 5 ? t->vec[w][j] + 0.1F * random_unit() : random_unit();
    }
    /* words come in pairs 2k, 2k+1 that differ by nearly the same vector */
    for (size_t w = 1; w < WORDS; w += 2)
        for (size_t j = 0; j < D; j++) t->vec[w][j] = t->vec[w - 1][j] + (j < 5 ? 0.5F : 0) + 0.25F * random_unit();
    memset(t->vec[N - 1], 0, sizeof t->vec[N - 1]);
    for (size_t j = 0; j < D; j++) t->vec[N - 2][j] = NAN;
    vs_space_desc desc = {.name = "toy", .place = "test", .keys = {.self = t, .key = toy_key, .find = toy_find}};
    assert_int_equal(vs_tensor_over(NULL, t->vec, VS_F32, 2, (size_t[]){N, D}, &desc.rows, NULL), VS_OK);
    assert_int_equal(vs_space_new(NULL, &desc, &t->s), VS_OK);
    return t;
}

static void drop(toy *t) {
    vs_space_free(t->s);
    free(t);
}

static char path[] = "/tmp/vs-test-analogy-XXXXXX";
static void write_file(const char *text) {
    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static double cosine(const float *a, const float *b) {
    double ab = 0, aa = 0, bb = 0;
    for (size_t j = 0; j < D; j++) {
        ab += (double)a[j] * (double)b[j];
        aa += (double)a[j] * (double)a[j];
        bb += (double)b[j] * (double)b[j];
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

/* Which word a row spells, or WORDS. */
static size_t word_of(const toy *t, size_t row) { return t->key[row][0] == 'x' ? WORDS : row % WORDS; }

/* The score of row r by a method, from its cosines. */
static double score_of(const toy *t, vs_analogy_method method, const size_t q[4], size_t r) {
    double a = cosine(t->vec[r], t->vec[q[0]]), b = cosine(t->vec[r], t->vec[q[1]]), c = cosine(t->vec[r], t->vec[q[2]]);
    if (method == VS_ANALOGY_ADD) return b - a + c;
    if (method == VS_ANALOGY_MUL) return (b + 1) / 2 * ((c + 1) / 2) / ((a + 1) / 2 + 0.001);
    return (b - a - cosine(t->vec[q[2]], t->vec[q[1]]) + cosine(t->vec[q[2]], t->vec[q[0]])) / sqrt(fmax(2 - 2 * c, 1e-6));
}

/* Whether gensim would count d right: the five best rows that are not the first rows of a, b, c; the first of them that
 * is no spelling of these; else the fifth. */
static bool gensim_says(const toy *t, vs_analogy_method method, size_t rows, const size_t q[4]) {
    double score[5];
    size_t best[5], n = 0;
    for (size_t r = 0; r < rows; r++) {
        if (r == q[0] || r == q[1] || r == q[2] || isnan(t->vec[r][0])) continue;
        double s = score_of(t, method, q, r);
        size_t at = n < 5 ? n++ : 5;
        if (at == 5 && s <= score[4]) continue;
        if (at == 5) at = 4;
        for (; at && s > score[at - 1]; at--) {
            score[at] = score[at - 1];
            best[at] = best[at - 1];
        }
        score[at] = s;
        best[at] = r;
    }
    size_t word = WORDS;
    for (size_t i = 0; i < n; i++) {
        word = word_of(t, best[i]);
        if (word == WORDS || (word != q[0] && word != q[1] && word != q[2])) break;
    }
    return word == q[3];
}

/* The row that answers by 3CosAdd. */
static size_t best_sum(const toy *t, const size_t q[4]) {
    size_t best = N;
    double top = -10;
    for (size_t r = 0; r < N; r++) {
        if (r == q[0] || r == q[1] || r == q[2] || isnan(t->vec[r][0])) continue;
        double s = score_of(t, VS_ANALOGY_ADD, q, r);
        if (s > top) top = s, best = r;
    }
    return best;
}

/* many: a section more asks about every row, so that rows are taken in many blocks and most are passed over. */
static void as_gensim(bool spellings, size_t restrict_rows, bool many) {
    toy *t = make(spellings);
    static size_t q[QUESTIONS][4];
    vs_buf text = {0};
    vs_buf_puts(&text, ": first\n");
    for (size_t i = 0; i < QUESTIONS; i++) {
        if (i == QUESTIONS / 2) vs_buf_puts(&text, "word1 word2 word3\n: second part \nword0 word1 word2 nowhere\n\n");
        size_t a = (i / 20) % (WORDS / 2) * 2, c = i % (WORDS / 2) * 2;
        size_t words[4] = {a, a + 1, c, i % 7 == 0 ? c : c + 1};
        memcpy(q[i], words, sizeof words);
        for (size_t k = 0; k < 4; k++) {
            char key[32];
            spell(key, sizeof key, words[k], (i + k) % 5);
            vs_buf_printf(&text, "%s%s", key, k < 3 ? " " : "\n");
        }
    }
    if (many) vs_buf_puts(&text, ": every row\n");
    for (size_t i = WORDS, k = 0; many && i + 4 <= N; i += 4, k++)
        vs_buf_printf(&text, "x%zu x%zu x%zu %s\n", i, i + 1, i + 2, t->key[k < ANSWERED ? best_sum(t, (size_t[]){i, i + 1, i + 2, N}) : i + 3]);
    write_file(text.s);
    vs_buf_free(&text);
    for (int m = 0; m < 3; m++) {
        vs_err err = {0};
        vs_analogy_result r;
        vs_analogy_options o = {.method = (vs_analogy_method)m, .restrict_rows = restrict_rows};
        size_t want[2] = {0, 0}, rows = restrict_rows ? restrict_rows : N;
        for (size_t i = 0; i < QUESTIONS; i++) want[i >= QUESTIONS / 2] += gensim_says(t, o.method, rows, q[i]);
        if (vs_analogy_eval(&err, t->s, path, &o, NULL, &r) != VS_OK) fail_msg("%s", err.msg);
        size_t more = many ? r.section[2].total : 0;
        assert_int_equal(r.n, 2 + many);
        assert_true(!many || more > 500);
        assert_string_equal(r.section[0].name, "first");
        assert_string_equal(r.section[1].name, "second part");
        assert_int_equal(r.rows, rows);
        assert_int_equal(r.all.total, QUESTIONS + more);
        assert_int_equal(r.all.skipped, 1);
        assert_int_equal(r.section[1].skipped, 1);
        assert_int_equal(r.section[0].correct, want[0]);
        assert_int_equal(r.section[1].correct, want[1]);
        if (!many) assert_int_equal(r.all.correct, want[0] + want[1]);
        if (many && m == VS_ANALOGY_ADD) assert_true(r.section[2].correct >= ANSWERED);
        if (m == 0) assert_true(want[0] + want[1] > QUESTIONS / 20 && want[0] + want[1] < QUESTIONS);
        for (int threads = 1; threads <= 3; threads += 2) {
            vs_analogy_result again;
            vs_threads_set(threads);
            assert_int_equal(vs_analogy_eval(&err, t->s, path, &o, NULL, &again), VS_OK);
            assert_int_equal(again.all.correct, r.all.correct);
            vs_analogy_result_free(&again);
        }
        vs_threads_set(0);
        vs_analogy_result_free(&r);
    }
    remove(path);
    drop(t);
}

static void one_spelling(void **state) {
    (void)state;
    seed = 1;
    as_gensim(false, 0, false);
    as_gensim(false, 1000, false);
    as_gensim(false, 0, true);
}

static void five_spellings(void **state) {
    (void)state;
    seed = 2;
    as_gensim(true, 0, false);
}

/* The other rules, each by its own words, for questions written as `how` has them (rows are the words' first spelling,
 * word0, word1, …, else w). */
static bool says(const toy *t, vs_analogy_rules rules, size_t rows, const size_t q[4]) {
    double top = rules == VS_RULES_WORD2VEC ? 0 : -10;
    size_t best = N;
    for (size_t r = 0; r < rows; r++) {
        size_t word = word_of(t, r);
        bool asked = rules == VS_RULES_VECSCOPE ? word != WORDS && (word == q[0] || word == q[1] || word == q[2])
                                                : r == q[0] || r == q[1] || r == q[2];
        double s = score_of(t, VS_ANALOGY_ADD, q, r);
        if (asked || isnan(t->vec[r][0]) || !(s > top)) continue;
        top = s;
        best = r;
    }
    if (best == N) return false;
    return rules == VS_RULES_GLOVE || rules == VS_RULES_FASTTEXT ? best == q[3] : word_of(t, best) == q[3];
}

static void other_rules(void **state) {
    (void)state;
    static const vs_analogy_rules all[] = {VS_RULES_WORD2VEC, VS_RULES_GLOVE, VS_RULES_FASTTEXT, VS_RULES_VECSCOPE};
    seed = 6;
    toy *t = make(true);
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        size_t want = 0, capitals = 0;
        vs_buf text = {0};
        vs_buf_puts(&text, ": only\nword0 word1 word2 nowhere\n");
        for (size_t i = 0; i < QUESTIONS; i++) {
            size_t a = i % 20 * 2, c = i / 20 % 20 * 2, q[4] = {a, a + 1, c, i % 7 ? c + 1 : c};
            bool capital = i % 5 == 0; /* Word: the same to who folds, in lower case to GloVe, another row to fastText */
            const char *form = capital ? "Word" : "word";
            vs_buf_printf(&text, "word%zu word%zu %s%zu %s%zu\n", q[0], q[1], form, q[2], form, q[3]);
            size_t as_written[4] = {q[0], q[1], q[2] + (capital ? WORDS : 0), q[3] + (capital ? WORDS : 0)};
            bool exact = all[k] == VS_RULES_FASTTEXT;
            want += says(t, all[k], N, exact ? as_written : q);
            capitals += capital;
        }
        write_file(text.s);
        vs_buf_free(&text);
        vs_err err = {0};
        vs_analogy_result r;
        vs_analogy_options o = {.rules = all[k]};
        if (all[k] == VS_RULES_VECSCOPE) { /* rows meant are those as written: the first spelling of each is asked here */
            want = 0;
            for (size_t i = 0; i < QUESTIONS; i++) {
                size_t a = i % 20 * 2, c = i / 20 % 20 * 2, q[4] = {a, a + 1, c, i % 7 ? c + 1 : c};
                want += says(t, all[k], N, q);
            }
        }
        if (vs_analogy_eval(&err, t->s, path, &o, NULL, &r) != VS_OK) fail_msg("%s", err.msg);
        bool counted = all[k] == VS_RULES_FASTTEXT;
        assert_int_equal(r.all.total, QUESTIONS + counted);
        assert_int_equal(r.all.skipped, !counted);
        assert_int_equal(r.all.unknown, 1);
        if (r.all.correct != want || want < QUESTIONS / 20)
            fail_msg("%s: %zu right, %zu wanted", vs_analogy_rules_name(all[k]), r.all.correct, want);
        assert_true(capitals > 0 && *vs_analogy_rules_say(all[k]));
        vs_analogy_result_free(&r);
        remove(path);
    }
    drop(t);
}

/* fastText makes a vector of a word that it has not: here that of the word without its mark. */
static bool composed(void *self, const char *text, size_t n, float *vec, vs_buf *note) {
    toy *t = self;
    (void)note;
    size_t row;
    if (n < 2 || text[0] != '~' || !toy_find(self, text + 1, n - 1, &row)) return false;
    for (size_t j = 0; j < D; j++) vec[j] = 3 * t->vec[row][j];
    return true;
}

static void of_ngrams(void **state) {
    (void)state;
    seed = 12;
    toy *t = make(false), *other = make(false);
    vs_space_free(other->s);
    memcpy(other->vec, t->vec, sizeof t->vec);
    vs_space_desc desc = {.name = "toy", .keys = {.self = other, .key = toy_key, .find = toy_find, .compose = composed}};
    assert_int_equal(vs_tensor_over(NULL, other->vec, VS_F32, 2, (size_t[]){N, D}, &desc.rows, NULL), VS_OK);
    assert_int_equal(vs_space_new(NULL, &desc, &other->s), VS_OK);
    size_t correct[2];
    for (int k = 0; k < 2; k++) {
        vs_buf text = {0};
        vs_buf_puts(&text, ": one\n");
        for (size_t c = 2; c < WORDS; c += 2) vs_buf_printf(&text, "word0 word1 %sword%zu word%zu\n", k ? "~" : "", c, c + 1);
        write_file(text.s);
        vs_buf_free(&text);
        vs_err err = {0};
        vs_analogy_result r;
        vs_analogy_options o = {.rules = VS_RULES_FASTTEXT};
        if (vs_analogy_eval(&err, other->s, path, &o, NULL, &r) != VS_OK) fail_msg("%s", err.msg);
        correct[k] = r.all.correct;
        assert_int_equal(r.all.unknown, k ? WORDS / 2 - 1 : 0);
        vs_analogy_result_free(&r);
        remove(path);
    }
    /* c itself is no row that was asked for, so it may answer: fewer are right, not none */
    assert_true(correct[0] > 5 && correct[1] > 0 && correct[1] <= correct[0]);
    drop(t);
    drop(other);
}

/* A section of BATS': every two different lines, the first answer of one, any answer of the other. */
static void bats(void **state) {
    (void)state;
    seed = 8;
    toy *t = make(false);
    enum { PAIRS = 12 };
    vs_buf text = {0};
    for (size_t i = 0; i < PAIRS; i++) vs_buf_printf(&text, "word%zu\tword%zu/nowhere/word%zu \n", 2 * i, 2 * i + 1, (2 * i + 7) % WORDS);
    vs_buf_puts(&text, "missing\tword3\n");
    write_file(text.s);
    size_t want = 0;
    for (size_t i = 0; i < PAIRS; i++)
        for (size_t j = 0; j < PAIRS; j++)
            if (i != j)
                want += gensim_says(t, VS_ANALOGY_ADD, N, (size_t[]){2 * i, 2 * i + 1, 2 * j, 2 * j + 1}) ||
                        gensim_says(t, VS_ANALOGY_ADD, N, (size_t[]){2 * i, 2 * i + 1, 2 * j, (2 * j + 7) % WORDS});
    vs_err err = {0};
    vs_analogy_result r;
    vs_word_set words;
    if (vs_analogy_eval(&err, t->s, path, &(vs_analogy_options){0}, NULL, &r) != VS_OK) fail_msg("%s", err.msg);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.all.total, PAIRS * (PAIRS - 1));
    assert_int_equal(r.all.skipped, 2 * PAIRS);
    assert_int_equal(r.all.correct, want);
    assert_true(want > 10);
    vs_analogy_result_free(&r);
    assert_int_equal(vs_analogy_words(&err, path, NULL, &words), VS_OK);
    assert_string_equal(words.at[0], "word0");
    vs_word_set_free(&words);
    assert_int_equal(vs_analogy_eval(&err, t->s, path, &(vs_analogy_options){.section = "else"}, NULL, &r), VS_E_UNKNOWN);
    remove(path);
    vs_buf_clear(&text);
    for (size_t i = 0; i < 1025; i++) vs_buf_printf(&text, "word0\tword1\n");
    write_file(text.s);
    vs_buf_free(&text);
    assert_int_equal(vs_analogy_eval(&err, t->s, path, &(vs_analogy_options){0}, NULL, &r), VS_E_RANGE);
    remove(path);
    write_file("a\tb\nonly a\n");
    assert_int_equal(vs_analogy_eval(&err, t->s, path, &(vs_analogy_options){0}, NULL, &r), VS_E_FORMAT);
    assert_non_null(strstr(err.msg, "line 2"));
    remove(path);
    drop(t);
}

/* LRCos against its definition: the classes are far apart here, so that P says nearly 0 or 1. */
static void lrcos(void **state) {
    (void)state;
    seed = 9;
    toy *t = make(false);
    for (size_t w = 0; w < WORDS; w++) { /* what stands at b's side points one way besides; every other c has a twin at a's side */
        for (size_t j = 0; j < D && w % 4 == 2; j++) t->vec[w][j] = t->vec[w - 2][j] + 0.1F * random_unit();
        for (size_t j = 15; j < D; j++) t->vec[w][j] += w % 2 ? 2 : 0;
    }
    vs_buf text = {0};
    vs_buf_puts(&text, ": one\n");
    size_t want = 0, n = 0;
    for (size_t c = 2; c < WORDS; c += 2, n++) {
        vs_buf_printf(&text, "word0 word1 word%zu word%zu\n", c, c + 1);
        size_t best = N;
        double top = -1;
        for (size_t w = 3; w < WORDS; w += 2) {
            double s = cosine(t->vec[w], t->vec[c]);
            if (s > top) top = s, best = w;
        }
        want += best == c + 1;
    }
    write_file(text.s);
    vs_err err = {0};
    vs_analogy_result r;
    vs_analogy_options o = {.method = VS_ANALOGY_LRCOS, .rules = VS_RULES_GLOVE, .restrict_rows = WORDS};
    if (vs_analogy_eval(&err, t->s, path, &o, NULL, &r) != VS_OK) fail_msg("%s", err.msg);
    assert_int_equal(r.all.total, n);
    if (r.all.correct != want || want < n / 2) fail_msg("%zu of %zu right, %zu wanted", r.all.correct, n, want);
    vs_analogy_result_free(&r);
    for (size_t k = 1;; k++) {
        vs_alloc_fail_at(k);
        vs_status st = vs_analogy_eval(&err, t->s, path, &o, NULL, &r);
        vs_alloc_fail_at(0);
        if (st == VS_OK) break;
        assert_int_equal(st, VS_E_NOMEM);
    }
    vs_analogy_result_free(&r);
    vs_buf_free(&text);
    remove(path);
    drop(t);
}

/* One question by each method: the order of the scores by their definition, and sums and directions as cosines. */
static void one_question(void **state) {
    (void)state;
    seed = 10;
    toy *t = make(false);
    size_t q[4] = {0, 1, 2, 3}, idx[5], found, skip[] = {0, 1, 2};
    float score[5];
    vs_err err = {0};
    for (int m = 0; m < 3; m++) {
        vs_analogy_question ask = {.method = (vs_analogy_method)m, .a = t->vec[0], .b = t->vec[1], .c = t->vec[2], .skip = skip, .n_skip = 3};
        assert_int_equal(vs_analogy_ask(&err, t->s, &ask, 5, idx, score, &found), VS_OK);
        assert_int_equal(found, 5);
        double of[N], top = -10;
        for (size_t r = 0; r < N; r++) of[r] = r < 3 || isnan(t->vec[r][0]) ? -10 : score_of(t, ask.method, q, r);
        for (size_t i = 0; i < 5; i++) {
            size_t best = 0;
            for (size_t r = 1; r < N; r++)
                if (of[r] > of[best]) best = r;
            assert_int_equal(idx[i], best);
            if (i == 0) top = of[best];
            assert_true(fabs((double)(score[i] / score[0]) - of[best] / top) < 1e-4);
            of[best] = -10;
        }
        if (m != VS_ANALOGY_MUL) assert_true(score[0] <= 1 && score[0] > 0.3F);
    }
    vs_analogy_question none = {.a = t->vec[0], .b = t->vec[1], .c = t->vec[N - 1]};
    assert_int_equal(vs_analogy_ask(&err, t->s, &none, 5, idx, score, &found), VS_E_NUMERIC);
    vs_analogy_question of_class = {.method = VS_ANALOGY_LRCOS, .a = t->vec[0], .b = t->vec[1], .c = t->vec[2], .skip = skip, .n_skip = 3};
    assert_int_equal(vs_analogy_ask(&err, t->s, &of_class, 5, idx, score, &found), VS_E_USAGE);
    of_class.group = (size_t[]){1, 5, 7};
    of_class.n_group = 3;
    assert_int_equal(vs_analogy_ask(&err, t->s, &of_class, 5, idx, score, &found), VS_OK);
    drop(t);
}

static void bad_files(void **state) {
    (void)state;
    static const char *const texts[] = {"a b c d\n", "", ": empty\n", ": x\na b\n", ": x\na b c \xff\n"};
    seed = 3;
    toy *t = make(false);
    vs_err err = {0};
    vs_analogy_result r;
    vs_similarity_result sim;
    vs_analogy_options o = {0};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_file(texts[i]);
        assert_int_equal(vs_analogy_eval(&err, t->s, path, &o, NULL, &r), VS_E_FORMAT);
        assert_null(r.section);
        assert_int_equal(vs_similarity_eval(&err, t->s, path, VS_RULES_GENSIM, &sim), VS_E_FORMAT);
        remove(path);
    }
    assert_int_equal(vs_analogy_eval(&err, t->s, "/nowhere", &o, NULL, &r), VS_E_UNKNOWN);
    assert_int_equal(vs_similarity_eval(&err, t->s, "/nowhere", VS_RULES_GENSIM, &sim), VS_E_UNKNOWN);
    write_file(": none of them\none two three four\n");
    assert_int_equal(vs_analogy_eval(&err, t->s, path, &o, NULL, &r), VS_OK);
    assert_true(r.all.total == 0 && r.all.skipped == 1);
    vs_analogy_result_free(&r);
    remove(path);
    write_file(": s\nword1 word2 word3 word4\n");
    vs_interrupt();
    assert_int_equal(vs_analogy_eval(&err, t->s, path, &o, NULL, &r), VS_E_STOPPED);
    vs_interrupt_clear();
    for (size_t n = 1;; n++) {
        vs_alloc_fail_at(n);
        vs_status s = vs_analogy_eval(&err, t->s, path, &o, NULL, &r);
        vs_alloc_fail_at(0);
        if (s == VS_OK) break;
        assert_int_equal(s, VS_E_NOMEM);
    }
    vs_analogy_result_free(&r);
    remove(path);
    drop(t);
}

static void names(void **state) {
    (void)state;
    vs_analogy_method m;
    vs_analogy_rules r;
    vs_err err = {0};
    assert_int_equal(vs_analogy_method_find(&err, "3cosmul", &m), VS_OK);
    assert_int_equal(m, VS_ANALOGY_MUL);
    assert_string_equal(vs_analogy_method_name(VS_ANALOGY_ADD), "3cosadd");
    assert_int_equal(vs_analogy_method_find(&err, "4cos", &m), VS_E_UNKNOWN);
    assert_int_equal(vs_analogy_rules_find(&err, "gensim", &r), VS_OK);
    assert_int_equal(vs_analogy_rules_find(&err, "mine", &r), VS_E_UNKNOWN);
}

static void similarity(void **state) {
    (void)state;
    seed = 4;
    toy *t = make(false);
    vs_err err = {0};
    vs_similarity_result r;
    write_file("word 1\tword 2\tscore\n# a comment\nWORD1\tword2\t1e0\nword3\tword4\t2\nword5\tnowhere\t3\nword6\tword7\t-4\tmore\n");
    assert_int_equal(vs_similarity_eval(&err, t->s, path, VS_RULES_GENSIM, &r), VS_OK);
    assert_int_equal(r.pairs, 3);
    assert_int_equal(r.oov, 1);
    double x[3], y[3] = {1, 2, -4}, mx = 0, my = 0, xy = 0, xx = 0, yy = 0;
    for (size_t i = 0; i < 3; i++) {
        size_t a = i == 2 ? 6 : 1 + 2 * i;
        x[i] = cosine(t->vec[a], t->vec[a + 1]);
        mx += x[i] / 3;
        my += y[i] / 3;
    }
    for (size_t i = 0; i < 3; i++) {
        xy += (x[i] - mx) * (y[i] - my);
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
    }
    assert_true(fabs(r.pearson - xy / sqrt(xx * yy)) < 1e-6);
    assert_true(fabs(r.spearman) <= 1);
    remove(path);
    write_file("word1\tword2\tPOS\tSimLex999\tconc(w1)\nword1\tword2\tA\t1\t9\nword3\tword4\tN\t2\t1\nword6\tword7\tV\t-4\t5\n");
    double pearson = r.pearson;
    assert_int_equal(vs_similarity_eval(&err, t->s, path, VS_RULES_GENSIM, &r), VS_OK);
    assert_true(r.pairs == 3 && fabs(r.pearson - pearson) < 1e-12 && r.low <= r.spearman && r.spearman <= r.high);
    remove(path);
    write_file("a\tb\t1\nc\td\tx\n");
    assert_int_equal(vs_similarity_eval(&err, t->s, path, VS_RULES_GENSIM, &r), VS_E_FORMAT);
    assert_non_null(strstr(err.msg, "line 2"));
    remove(path);
    drop(t);
}

/* The kernel against its definition, on every instruction set. */
static void sums_above(void **state) {
    (void)state;
    enum { ROWS = 30, LD = 200 };
    static float m[ROWS][LD], x[LD];
    seed = 5;
    for (size_t i = 0; i < LD; i++) x[i] = i % 31 == 3 ? NAN : random_unit();
    for (size_t i = 0; i < ROWS * LD; i++) m[i / LD][i % LD] = random_unit();
    uint32_t row[] = {3, 29, 0, 3, 17};
    enum { ASKED = sizeof row / sizeof *row };
    bool available, above[ASKED], seen[2] = {false, false};
    const char *name, *chosen = vs_isa_name();
    for (size_t i = 0; (name = vs_isa_list(i, &available)); i++) {
        if (!available) continue;
        assert_int_equal(vs_isa_set(NULL, name), VS_OK);
        for (size_t n = 0; n <= LD; n += n < 70 ? 1 : 13)
            for (float f = -1; f < 2.2F; f += 0.05F) {
                float floor[ASKED];
                for (size_t r = 0; r < ASKED; r++) floor[r] = f + 0.01F * (float)r;
                vs_sums_above(x, &m[0][0], LD, row, ASKED, n, floor, above);
                for (size_t r = 0; r < ASKED; r++) {
                    bool want = false;
                    for (size_t j = 0; j < n; j++) want |= x[j] + m[row[r]][j] > floor[r];
                    seen[want] = true;
                    assert_int_equal(above[r], want);
                }
            }
    }
    assert_true(seen[0] && seen[1]);
    assert_int_equal(vs_isa_set(NULL, chosen), VS_OK);
}

static void fold_max(void **state) {
    (void)state;
    enum { MOST = 200, S = 32 };
    static float x[MOST];
    seed = 11;
    for (size_t i = 0; i < MOST; i++) x[i] = random_unit();
    bool available;
    const char *name, *chosen = vs_isa_name();
    for (size_t i = 0; (name = vs_isa_list(i, &available)); i++) {
        if (!available) continue;
        assert_int_equal(vs_isa_set(NULL, name), VS_OK);
        for (size_t n = 0; n <= MOST; n++)
            for (size_t s = 16; s <= S; s += 16) {
                float out[S], want[S];
                for (size_t j = 0; j < s; j++) want[j] = -INFINITY;
                for (size_t j = 0; j < n; j++) want[j % s] = fmaxf(want[j % s], x[j]);
                vs_fold_max(x, n, s, out);
                assert_memory_equal(out, want, s * sizeof *out);
            }
    }
    assert_int_equal(vs_isa_set(NULL, chosen), VS_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_spelling), cmocka_unit_test(five_spellings), cmocka_unit_test(bad_files),
        cmocka_unit_test(names),        cmocka_unit_test(similarity),     cmocka_unit_test(sums_above),
        cmocka_unit_test(other_rules),  cmocka_unit_test(bats),           cmocka_unit_test(lrcos),
        cmocka_unit_test(one_question), cmocka_unit_test(of_ngrams),    cmocka_unit_test(fold_max),
    };
    return cmocka_run_group_tests_name("analogies", tests, NULL, NULL);
}
