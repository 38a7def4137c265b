/* The built-in words: read whole, refused when damaged, and good enough to answer. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "space/default_space.h"

enum { ROWS = 20000, DIM = 50 };

typedef struct words {
    const char *key[ROWS];
    float vec[ROWS][DIM];
} words;

static int read_all(void **state) {
    words *w = calloc(1, sizeof *w);
    vs_packed p;
    if (!w || vs_default_open(NULL, &p) != VS_OK || p.rows != ROWS || p.dim != DIM) return -1;
    for (size_t i = 0; i < ROWS; i++) {
        size_t len;
        if (vs_packed_next(NULL, &p, &w->key[i], &len, w->vec[i]) != VS_OK || !w->key[i]) return -1;
    }
    *state = w;
    return 0;
}

static int drop_all(void **state) {
    free(*state);
    return 0;
}

static size_t row_of(const words *w, const char *key) {
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(w->key[i], key) == 0) return i;
    fail_msg("%s is not among the words", key);
    return 0;
}

static void most_frequent_first(void **state) {
    const words *w = *state;
    assert_string_equal(w->key[0], "the");
    assert_string_equal(w->key[1], ",");
    assert_true(row_of(w, "swan") > row_of(w, "water"));
    /* GloVe's own row for "the" begins 0.418 0.24968 -0.41242; half a step of its scale is 0.0153 */
    assert_float_equal(w->vec[0][0], 0.418, 0.016);
    assert_float_equal(w->vec[0][1], 0.24968, 0.016);
    assert_float_equal(w->vec[0][2], -0.41242, 0.016);
}

static void small_enough(void **state) {
    (void)state;
    const void *bytes;
    size_t n;
    vs_default_space(&bytes, &n);
    assert_true(n > ROWS * DIM && n <= 1400000);
    assert_int_equal((uintptr_t)bytes % 64, 0);
}

static void queen_minus_king_plus_man(void **state) {
    const words *w = *state;
    size_t queen = row_of(w, "queen"), king = row_of(w, "king"), man = row_of(w, "man"), best = 0;
    double top = -2;
    for (size_t i = 0; i < ROWS; i++) {
        if (i == queen || i == king || i == man) continue;
        double dot = 0, norm = 0;
        for (size_t j = 0; j < DIM; j++) {
            double x = (double)w->vec[i][j];
            dot += x * ((double)w->vec[queen][j] - (double)w->vec[king][j] + (double)w->vec[man][j]);
            norm += x * x;
        }
        if (dot / sqrt(norm) > top) {
            top = dot / sqrt(norm);
            best = i;
        }
    }
    assert_string_equal(w->key[best], "woman");
}

static void nothing_after_the_last(void **state) {
    (void)state;
    vs_packed p;
    const char *key;
    size_t len;
    float vec[DIM];
    assert_int_equal(vs_default_open(NULL, &p), VS_OK);
    p.at = p.rows;
    assert_int_equal(vs_packed_next(NULL, &p, &key, &len, vec), VS_OK);
    assert_null(key);
}

/* Two rows of three numbers: "a" and "bc". */
static const unsigned char small[] = {'V', 'S', 'W', 'O',  'R',  'D', 'S', '1', 2,   0, 0,   0,   3,
                                      0,   0,   0,   5,    0,    0,   0,   0,   0,   0, 63,  0,   0,
                                      0,   64,  1,   0xff, 0x7f, 2,   3,   4,   'a', 0, 'b', 'c', 0};

static void by_hand(void **state) {
    (void)state;
    vs_packed p;
    const char *key;
    size_t len;
    float vec[3];
    assert_int_equal(vs_packed_open(NULL, small, sizeof small, &p), VS_OK);
    assert_int_equal(vs_packed_next(NULL, &p, &key, &len, vec), VS_OK);
    assert_string_equal(key, "a");
    assert_true(vec[0] == 0.5F && vec[1] == -0.5F && vec[2] == 63.5F);
    assert_int_equal(vs_packed_next(NULL, &p, &key, &len, vec), VS_OK);
    assert_string_equal(key, "bc");
    assert_int_equal(len, 2);
    assert_true(vec[0] == 4.0F && vec[2] == 8.0F);
}

/* Every file cut short is refused, and every file with one byte changed is refused or read within its bytes. */
static void damaged(void **state) {
    (void)state;
    vs_err err = {0};
    for (size_t n = 0; n < sizeof small; n++) {
        unsigned char *cut = malloc(n + 1);
        assert_non_null(cut);
        memcpy(cut, small, n);
        vs_packed p;
        assert_int_equal(vs_packed_open(&err, cut, n, &p), VS_E_FORMAT);
        free(cut);
    }
    for (size_t at = 0; at < sizeof small; at++)
        for (int value = 0; value < 256; value++) {
            unsigned char *bytes = malloc(sizeof small);
            float vec[256 * 3];
            assert_non_null(bytes);
            memcpy(bytes, small, sizeof small);
            bytes[at] = (unsigned char)value;
            vs_packed p;
            if (vs_packed_open(&err, bytes, sizeof small, &p) == VS_OK && p.dim <= 256 * 3) {
                const char *key = "";
                size_t len;
                while (key && vs_packed_next(&err, &p, &key, &len, vec) == VS_OK)
                    assert_true(!key || (const unsigned char *)key + len < bytes + sizeof small);
            }
            free(bytes);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(most_frequent_first),
        cmocka_unit_test(small_enough),
        cmocka_unit_test(queen_minus_king_plus_man),
        cmocka_unit_test(nothing_after_the_last),
        cmocka_unit_test(by_hand),
        cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests_name("default space", tests, read_all, drop_all);
}
