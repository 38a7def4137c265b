/* Neighbours through a session: patterns, filters, many questions at once; each allocation failing in turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "session.h"
#include "sql/sql.h"
#include "text/match.h"

static vs_err err;
#define OK(call)                                                                                                       \
    do {                                                                                                               \
        if ((call) != VS_OK) fail_msg("%s: %s", #call, err.msg);                                                       \
    } while (0)

static bool finds(const char *re, const char *text, size_t n) {
    vs_regex *r;
    bool found;
    OK(vs_regex_new(&err, re, strlen(re), &r));
    OK(vs_regex_find(&err, r, text, n, &found));
    vs_regex_free(r);
    return found;
}

static void patterns(void **state) {
    (void)state;
    assert_true(finds("^un", "undo", 4));
    assert_false(finds("^un", "fun", 3));
    assert_true(finds("n$", "undo", 2)); /* its first two bytes */
    assert_true(finds("", "", 0));
    assert_true(finds("(?i)PARIS", "paris", 5));
    assert_true(finds("^\\p{Lu}", "\xC3\x89tat", 5)); /* É */
    assert_true(finds("^.$", "\xC3\xA9", 2));         /* a character, not a byte */
    assert_false(finds("^.$", "\xC3", 1));            /* no UTF-8 */
    assert_true(finds("b", "\xFF b", 3));
    vs_regex *r;
    assert_int_equal(vs_regex_new(&err, "a(", 2, &r), VS_E_SYNTAX);
    assert_null(r);
    assert_non_null(strstr(err.msg, "at byte 2"));
    OK(vs_regex_new(&err, "(a+)+\\1$", 8, &r));
    char slow[64];
    bool found;
    memset(slow, 'a', sizeof slow);
    slow[sizeof slow - 1] = 'b';
    assert_int_equal(vs_regex_find(&err, r, slow, sizeof slow, &found), VS_E_UNSUPPORTED);
    vs_regex_free(r);
    vs_regex_free(NULL);
}

static vs_session *session(void) {
    vs_session *s;
    OK(vs_session_new(&err, NULL, &s));
    vs_session_on_store(s, vs_sql_install);
    return s;
}

static size_t count(const uint64_t *bits, size_t rows) {
    size_t n = 0;
    for (size_t r = 0; r < rows; r++) n += bits[r / 64] >> (r % 64) & 1;
    return n;
}

static void filters(void **state) {
    (void)state;
    vs_session *s = session();
    const vs_space *sp = vs_session_space(s);
    size_t rows = vs_space_rows(sp), n = 0, len;
    static const vs_filter none = {0};
    uint64_t *bits;
    OK(vs_session_filter(&err, s, sp, &none, &bits));
    assert_null(bits);
    OK(vs_session_filter(&err, s, sp, &(vs_filter){.first = 11, .last = 75}, &bits));
    assert_int_equal(count(bits, rows), 65);
    assert_true(!(bits[0] >> 9 & 1) && (bits[0] >> 10 & 1) && (bits[1] >> 10 & 1) && !(bits[1] >> 11 & 1));
    vs_free(bits);
    OK(vs_session_filter(&err, s, sp, &(vs_filter){.first = rows, .last = SIZE_MAX}, &bits));
    assert_int_equal(count(bits, rows), 1);
    vs_free(bits);
    OK(vs_session_filter(&err, s, sp, &(vs_filter){.first = rows + 1}, &bits));
    assert_int_equal(count(bits, rows), 0);
    vs_free(bits);
    for (size_t r = 0; r < 5000; r++) n += vs_space_key(sp, r, &len)[0] == 'q';
    OK(vs_session_filter(&err, s, sp, &(vs_filter){.match = "^q", .last = 5000}, &bits));
    assert_int_equal(count(bits, rows), n);
    vs_free(bits);
    OK(vs_session_filter(&err, s, sp, &(vs_filter){.where = "key glob 'q*' and row < 5000 and 1 -- so"}, &bits));
    assert_int_equal(count(bits, rows), n);
    vs_free(bits);
    assert_int_equal(vs_session_filter(&err, s, sp, &(vs_filter){.where = "1); delete from spaces where (1"}, &bits), VS_E_STATE);
    assert_null(bits);
    assert_int_equal(vs_session_filter(&err, s, sp, &(vs_filter){.match = "["}, &bits), VS_E_SYNTAX);
    assert_null(bits);
    vs_session_free(s);
}

/* Values of one space and of another, under a filter: as each is answered alone. */
static void many(void **state) {
    (void)state;
    static const char *const expr[] = {"king", "queen - king + man", "file(\"none\")", "0 * king", "paris"};
    enum { N = 5, K = 4 };
    vs_session *s = session();
    vs_value v[N] = {{0}};
    vs_hit hits[N * K], one[K];
    size_t found[N], one_found;
    vs_space *where[N], *one_where;
    size_t n = 0;
    for (size_t i = 0; i < N; i++)
        if (vs_session_eval(&err, s, expr[i], strlen(expr[i]), &v[n]) == VS_OK) n++;
    assert_int_equal(n, N - 1);
    for (int m = 0; m < VS_MEASURES; m++) {
        vs_filter f = {.match = "^[a-m]", .first = 3, .last = 9000};
        vs_near_how how = {.k = K, .measure = (vs_measure)m, .filter = &f};
        vs_status st = vs_session_near_many(&err, s, v, n, &how, hits, found, where);
        if (m == VS_MEASURE_COSINE) {
            assert_int_equal(st, VS_E_NUMERIC); /* 0 * king */
            continue;
        }
        assert_int_equal(st, VS_OK);
        for (size_t i = 0; i < n; i++) {
            OK(vs_session_near_many(&err, s, &v[i], 1, &how, one, &one_found, &one_where));
            assert_true(found[i] == K && one_found == K && one_where == where[i]);
            for (size_t j = 0; j < K; j++) {
                assert_true(hits[i * K + j].row == one[j].row && hits[i * K + j].score == one[j].score);
                assert_true(one[j].key[0] >= 'a' && one[j].key[0] <= 'm' && one[j].row >= 2 && one[j].row < 9000);
            }
        }
    }
    for (size_t i = 0; i < n; i++) vs_value_free(&v[i]);
    vs_session_free(s);
}

static void out_of_memory(void **state) {
    (void)state;
    vs_session *s = session();
    vs_value v;
    vs_store *store;
    vs_hit hits[3];
    size_t found, n = 1;
    vs_space *where;
    OK(vs_session_eval(&err, s, "king", 4, &v));
    OK(vs_session_store(&err, s, &store));
    vs_filter f = {.match = "^q", .where = "row < 9000"};
    vs_near_how how = {.k = 3, .measure = VS_MEASURE_L2, .filter = &f};
    for (;; n++) {
        vs_alloc_fail_at(n);
        vs_status st = vs_session_near_many(&err, s, &v, 1, &how, hits, &found, &where);
        vs_alloc_fail_at(0);
        if (st == VS_OK) break;
        assert_int_equal(st, VS_E_NOMEM);
        assert_true(n < 1000);
    }
    assert_true(n > 8 && found == 3);
    assert_memory_equal(hits[0].key, "queen", 5);
    vs_value_free(&v);
    vs_session_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns),
        cmocka_unit_test(filters),
        cmocka_unit_test(many),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests_name("near", tests, NULL, NULL);
}
