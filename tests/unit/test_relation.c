/* Relations: files of pairs in the formats there are; offsets and held-out answers against every row asked one by one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/parallel.h"
#include "space/relation.h"

enum { D = 50, ROWS = 20000 };
static vs_space *words;
static char path[] = "/tmp/vs-test-XXXXXX";

static int open_words(void **state) {
    (void)state;
    int fd = mkstemp(path);
    if (fd >= 0) close(fd);
    return fd < 0 || vs_space_default(NULL, &words) != VS_OK;
}
static int close_words(void **state) {
    (void)state;
    vs_space_free(words);
    return remove(path);
}

static void write_file(const char *text) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static bool is_word(size_t row, const char *word) {
    size_t len;
    const char *key = vs_space_key(words, row, &len);
    return len == strlen(word) && !memcmp(key, word, len);
}

static void reads_every_format(void **state) {
    (void)state;
    write_file("# pairs\n: capital\nFrance Paris Italy Rome\nfrance paris spain madrid\nfrance zzzz9\n\n: bats \n"
               "bench\tchair/table/zzzz9/bed\ngo\tzzzz9/zzzz8\n: empty\n");
    vs_relations r;
    vs_err err = {0};
    if (vs_relations_read(&err, words, path, &r) != VS_OK) fail_msg("%s", err.msg);
    assert_int_equal(r.n, 3);
    assert_string_equal(r.at[0].name, "capital");
    assert_string_equal(r.at[1].name, "bats");
    assert_int_equal(r.at[0].n, 3); /* france paris once */
    assert_int_equal(r.at[0].unknown, 1);
    assert_true(is_word(r.at[0].pair[1].a, "italy") && is_word(r.at[0].pair[1].b[0], "rome"));
    assert_int_equal(r.at[1].n, 1);
    assert_int_equal(r.at[1].unknown, 1);
    assert_int_equal(r.at[1].pair[0].n_b, 3);
    assert_true(is_word(r.at[1].pair[0].b[0], "chair") && is_word(r.at[1].pair[0].b[2], "bed"));
    assert_int_equal(r.at[2].n, 0);
    vs_relations_free(&r);
    write_file("france paris\n");
    assert_int_equal(vs_relations_read(NULL, words, path, &r), VS_OK);
    assert_int_equal(r.n, 1);
    assert_string_equal(r.at[0].name, strrchr(path, '/') + 1);
    vs_relations_free(&r);
    static const char *const bad[] = {"", ": a\n", "france paris spain\n", "france\n", "a b c d e\n", "\xff b\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_file(bad[i]);
        assert_int_equal(vs_relations_read(&err, words, path, &r), VS_E_FORMAT);
        assert_null(r.at);
    }
    assert_int_equal(vs_relations_read(&err, words, "/nowhere/at/all", &r), VS_E_UNKNOWN);
}

static void words_of_a_file(void **state) {
    (void)state;
    write_file("# x\n: one\nFrance Paris Italy Rome\nfrance paris\n: two \ncar\tcars/autos\nand/or x\n: none\n");
    static const struct {
        const char *section, *words[8];
        size_t n;
    } want[] = {{NULL, {"France", "Paris", "Italy", "Rome", "france", "paris", "car", "cars"}, 11}, /* and the others */
                {"one", {"France", "Paris", "Italy", "Rome", "france", "paris"}, 6},
                {"two", {"car", "cars", "autos", "and/or", "x"}, 5}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        vs_word_set w;
        assert_int_equal(vs_relation_words(NULL, path, want[i].section, &w), VS_OK);
        assert_int_equal(w.n, want[i].n);
        for (size_t k = 0; k < 8 && want[i].words[k]; k++) assert_string_equal(w.at[k], want[i].words[k]);
        vs_word_set_free(&w);
    }
    vs_word_set w;
    assert_int_equal(vs_relation_words(NULL, path, "none", &w), VS_E_UNKNOWN);
    assert_int_equal(vs_relation_words(NULL, path, "tw", &w), VS_E_UNKNOWN);
    write_file("# nothing\n");
    assert_int_equal(vs_relation_words(NULL, path, NULL, &w), VS_E_FORMAT);
}

static void row_of(size_t row, bool unit, double *out) {
    float v[D];
    double square = 0;
    assert_int_equal(vs_space_row(NULL, words, row, v), VS_OK);
    for (size_t j = 0; j < D; j++) square += (double)v[j] * (double)v[j];
    for (size_t j = 0; j < D; j++) out[j] = (double)v[j] / (unit ? sqrt(square) : 1);
}

static double cosine(const double *x, const double *y) {
    double xy = 0, xx = 0, yy = 0;
    for (size_t j = 0; j < D; j++) {
        xy += x[j] * y[j];
        xx += x[j] * x[j];
        yy += y[j] * y[j];
    }
    return xy / sqrt(xx * yy);
}

/* The rank of a row among all but the pair's own first word, by cosine with q. */
static size_t rank_of(const double *q, size_t row, size_t without) {
    double v[D], best;
    row_of(row, false, v);
    best = cosine(q, v);
    size_t rank = 1;
    for (size_t r = 0; r < ROWS; r++) {
        if (r == without || r == row) continue;
        row_of(r, false, v);
        rank += cosine(q, v) > best;
    }
    return rank;
}

static const char capitals[] = "france paris\nitaly rome\nspain madrid\njapan tokyo\nrussia moscow\ngreece athens\nireland dublin\n";

/* Each pair held out by itself: the ranks, the answers and the cosines that the definition gives. */
static void answers_as_defined(void **state) {
    (void)state;
    write_file(capitals);
    vs_relations r;
    assert_int_equal(vs_relations_read(NULL, words, path, &r), VS_OK);
    size_t n = r.at[0].n;
    assert_int_equal(n, 7);
    for (int unit = 0; unit < 2; unit++) {
        vs_relation_options o = {.unit = unit, .seed = 1};
        vs_relation_result fit;
        float offset[D];
        double a[7][D], b[7][D], sum[D] = {0}, along = 0;
        size_t first = 0, five = 0, none = 0;
        assert_int_equal(vs_relation_fit(NULL, words, &r.at[0], &o, NULL, offset, &fit), VS_OK);
        for (size_t i = 0; i < n; i++) {
            row_of(r.at[0].pair[i].a, unit, a[i]);
            row_of(r.at[0].pair[i].b[0], unit, b[i]);
            for (size_t j = 0; j < D; j++) sum[j] += b[i][j] - a[i][j];
        }
        for (size_t j = 0; j < D; j++) assert_true(fabs((double)offset[j] - sum[j] / (double)n) < 1e-6);
        for (size_t i = 0; i < n; i++) {
            const vs_pair *p = &r.at[0].pair[i];
            double q[D], o_i[D], own[D];
            for (size_t j = 0; j < D; j++) {
                own[j] = b[i][j] - a[i][j];
                o_i[j] = (sum[j] - own[j]) / (double)(n - 1);
                q[j] = a[i][j] + o_i[j];
            }
            size_t rank = rank_of(q, p->b[0], p->a);
            assert_int_equal(fit.rank[i], rank <= 5 ? rank : 0);
            assert_int_equal(rank_of(q, fit.answer[i], p->a), 1);
            first += rank == 1;
            five += rank <= 5;
            none += rank_of(a[i], p->b[0], p->a) == 1;
            along += cosine(o_i, own) / (double)n;
        }
        assert_int_equal(fit.fit.first, first);
        assert_int_equal(fit.fit.five, five);
        assert_int_equal(fit.none.first, none);
        assert_true(fabs(fit.fit.cosine - along) < 1e-6);
        assert_true(isnan(fit.none.cosine));
        assert_true(fit.shuffled.cosine < fit.fit.cosine && fit.shuffled.first < fit.fit.first);
        vs_relation_result_free(&fit);
    }
    vs_relations_free(&r);
}

/* Two pairs have one way to be shuffled: the offset of one is then b of the other less a of its own. */
static void shuffles_as_defined(void **state) {
    (void)state;
    write_file("france paris\nitaly rome\n");
    vs_relations r;
    assert_int_equal(vs_relations_read(NULL, words, path, &r), VS_OK);
    vs_relation_options o = {.folds = 2};
    vs_relation_result fit;
    float offset[D];
    double a[2][D], b[2][D], x[D], y[D];
    assert_int_equal(vs_relation_fit(NULL, words, &r.at[0], &o, NULL, offset, &fit), VS_OK);
    for (size_t i = 0; i < 2; i++) {
        row_of(r.at[0].pair[i].a, false, a[i]);
        row_of(r.at[0].pair[i].b[0], false, b[i]);
    }
    for (size_t j = 0; j < D; j++) {
        x[j] = b[1][j] - a[0][j];
        y[j] = b[0][j] - a[1][j];
    }
    assert_true(fabs(fit.shuffled.cosine - cosine(x, y)) < 1e-6);
    vs_relation_result_free(&fit);
    vs_relations_free(&r);
}

/* A space in which b = a + r to the last bit, and A is a once more: held-out pairs are all right, shuffled ones never. */
enum { TOY = 40, TOY_D = 8, TOYS = 3 * TOY };
static float toy[TOYS][TOY_D];
static const char *toy_key(void *self, size_t row, size_t *len) {
    char *name = (char *)self + row * 8;
    *len = (size_t)snprintf(name, 8, "%c%zu", "abA"[row / TOY], row % TOY);
    return name;
}
static bool toy_find(void *self, const char *key, size_t n, size_t *row) {
    (void)self;
    size_t number = 0;
    for (size_t i = 1; i < n; i++) number = number * 10 + (size_t)(key[i] - '0');
    *row = number + (key[0] == 'b' ? TOY : key[0] == 'A' ? 2 * TOY : 0);
    return n > 1 && number < TOY && key[0] && strchr("abA", key[0]);
}

static void planted_relation(void **state) {
    (void)state;
    static char names[TOYS * 8];
    uint64_t seed = 5;
    for (size_t i = 0; i < TOY; i++)
        for (size_t j = 0; j < TOY_D; j++) {
            seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
            toy[i][j] = (float)(int32_t)(seed >> 32) * 0x1p-31F;
            toy[TOY + i][j] = toy[i][j] + (j == 2 ? 3 : 0);
            toy[2 * TOY + i][j] = toy[i][j];
        }
    vs_space_desc desc = {.name = "toy", .place = "words", .keys = {.self = names, .key = toy_key, .find = toy_find}};
    assert_int_equal(vs_tensor_over(NULL, toy, VS_F32, 2, (size_t[]){TOYS, TOY_D}, &desc.rows, NULL), VS_OK);
    vs_space *s;
    assert_int_equal(vs_space_new(NULL, &desc, &s), VS_OK);
    vs_buf text = {0};
    for (size_t i = 0; i < TOY; i++) vs_buf_printf(&text, "a%zu b%zu\n", i, i);
    write_file(text.s);
    vs_buf_free(&text);
    vs_relations r;
    assert_int_equal(vs_relations_read(NULL, s, path, &r), VS_OK);
    for (uint64_t k = 0; k < 4; k++) {
        static const size_t folds[] = {0, 2, 5, 1000};
        vs_relation_options o = {.folds = folds[k], .seed = k};
        vs_relation_result one, again;
        float offset[TOY_D];
        assert_int_equal(vs_relation_fit(NULL, s, &r.at[0], &o, NULL, offset, &one), VS_OK);
        assert_int_equal(one.fit.first, TOY);
        assert_int_equal(one.shuffled.first, 0);
        assert_true(one.none.first > 0 && one.none.first < TOY / 2); /* never A, which is nearest */
        assert_true(fabs(one.fit.cosine - 1) < 1e-6 && fabsf(offset[2] - 3) < 1e-5F && fabsf(offset[0]) < 1e-5F);
        assert_int_equal(vs_relation_fit(NULL, s, &r.at[0], &o, NULL, offset, &again), VS_OK);
        assert_int_equal(one.shuffled.five, again.shuffled.five); /* of one seed, one answer */
        vs_relation_result_free(&one);
        vs_relation_result_free(&again);
    }
    vs_relations_free(&r);
    vs_space_free(s);
}

static void refuses(void **state) {
    (void)state;
    write_file("france paris\n");
    vs_relations r;
    float offset[D];
    vs_relation_result fit;
    vs_relation_options o = {.folds = 5};
    assert_int_equal(vs_relations_read(NULL, words, path, &r), VS_OK);
    assert_int_equal(vs_relation_fit(NULL, words, &r.at[0], &o, NULL, offset, &fit), VS_E_RANGE);
    vs_relations_free(&r);
    write_file(capitals);
    assert_int_equal(vs_relations_read(NULL, words, path, &r), VS_OK);
    vs_interrupt();
    assert_int_equal(vs_relation_fit(NULL, words, &r.at[0], &o, NULL, offset, &fit), VS_E_STOPPED);
    vs_interrupt_clear();
    vs_relations_free(&r);
    for (size_t at = 1;; at++) { /* the last time nothing fails */
        vs_alloc_fail_at(at);
        vs_status s = vs_relations_read(NULL, words, path, &r);
        if (s == VS_OK) s = vs_relation_fit(NULL, words, &r.at[0], &o, NULL, offset, &fit);
        vs_alloc_fail_at(0);
        vs_relations_free(&r);
        if (s == VS_OK) break;
        assert_int_equal(s, VS_E_NOMEM);
        assert_true(at < 5000);
    }
    vs_relation_result_free(&fit);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_every_format), cmocka_unit_test(words_of_a_file), cmocka_unit_test(answers_as_defined), cmocka_unit_test(shuffles_as_defined),
                                       cmocka_unit_test(planted_relation), cmocka_unit_test(refuses)};
    return cmocka_run_group_tests(tests, open_words, close_words);
}
