/* Vectors in SQL: the functions that need no session, in the library and as an extension of SQLite. */
#include <math.h>

#include "sql/sql_impl.h"
#include "store_test.h"

static vs_store *open_with_functions(void) {
    vs_store *st = open_store();
    assert_int_equal(vs__sql_functions(vs_store_handle(st)), SQLITE_OK);
    return st;
}

static void sql_fails(vs_store *st, const char *query, const char *words) {
    vs_status s = vs_store_sql(&err, st, query, true, NULL, NULL, NULL);
    if (s != VS_E_SYNTAX || !strstr(err.msg, words)) fail_msg("%s: got %s: %s", query, vs_status_words(s), err.msg);
}

static void numbers(void **state) {
    (void)state;
    vs_store *st = open_with_functions();
    assert_sql(st, "SELECT vs_dot('[1, 2]', '[3, 4]'), vs_dim('[1, 2, 3]'), vs_norm('[3, 4]'), vs_l2('[1, 1]', '[4, 5]')", "11,3,5,5");
    assert_sql(st, "SELECT vs_cosine('[1, 0]', '[0, 2]'), vs_cosine('[2, 2]', '[3, 3]'), vs_cosine('[1, 0]', '[-1, 0]'), vs_cosine('[0]', '[1]')",
               "0,1,-1,0");
    assert_sql(st, "SELECT vs_at('[5, 6, 7]', 0), vs_at('[5, 6, 7]', -1), vs_dot(x'0000803F00000040', '[3, 4]')", "5,7,11");
    vs_store_close(st);
}

static void vectors(void **state) {
    (void)state;
    vs_store *st = open_with_functions();
    assert_sql(st, "SELECT hex(vs_add('[1, 2]', '[3, 4]')), hex(vs_sub('[1]', '[3]')), hex(vs_scale('[1]', 0.5)), hex(vs_f32('[1]'))",
               "000080400000C040,000000C0,0000003F,0000803F");
    assert_sql(st, "SELECT vs_json(vs_unit('[3, 4]')), vs_json(x'CDCCCC3D'), vs_json(vs_scale('[1]', 1e20)), vs_json('[16777217, 0.3, -0.0]')",
               "[0.6,0.8],[0.1],[1e+20],[16777216,0.3,-0]");
    assert_sql(st, "SELECT vs_json(x'0000C07F0000807F')", "[null,null]");
    assert_sql(st, "SELECT vs_cosine(x'0000C07F', '[1]'), vs_cosine(x'0000807F', '[1]'), vs_dot(x'0000C07F', '[1]'), vs_norm(x'0000C07F')",
               "NULL,NULL,NULL,NULL"); /* NaN, infinity: no number, as SQLite has it */
    vs_store_close(st);
}

/* Every f32 that is written as JSON reads back the same. */
static void json_reads_back(void **state) {
    (void)state;
    vs_store *st = open_with_functions();
    uint32_t bits = 12345;
    for (int i = 0; i < 2000; i++) {
        bits = bits * 1664525u + 1013904223u;
        float x;
        memcpy(&x, &bits, sizeof x);
        if (!isfinite(x)) continue;
        char query[160], want[16];
        snprintf(query, sizeof query, "SELECT hex(vs_f32(vs_json(x'%02x%02x%02x%02x')))", bits & 255, bits >> 8 & 255, bits >> 16 & 255, bits >> 24);
        snprintf(want, sizeof want, "%02X%02X%02X%02X", bits & 255, bits >> 8 & 255, bits >> 16 & 255, bits >> 24);
        assert_sql(st, query, want);
    }
    vs_store_close(st);
}

static void aggregates(void **state) {
    (void)state;
    vs_store *st = open_with_functions();
    assert_sql(st, "SELECT vs_json(vs_sum(value)), vs_json(vs_mean(value)) FROM json_each('[\"[1, 2]\", null, \"[3, 6]\"]')", "[4,8],[2,4]");
    assert_sql(st, "SELECT vs_sum(value), vs_mean(value) FROM json_each('[]')", "NULL,NULL");
    assert_sql(st, "SELECT vs_sum(value), vs_mean(NULL) FROM json_each('[null]')", "NULL,NULL");
    assert_sql(st, "WITH t(g, v) AS (VALUES (1, '[1]'), (2, '[5]'), (1, '[3]')) SELECT g, vs_json(vs_mean(v)) FROM t GROUP BY g", "1,[2];2,[5]");
    sql_fails(st, "SELECT vs_sum(value) FROM json_each('[\"[1, 2]\", \"[3]\"]')", "vs_sum: vectors of 2 and 1 numbers");
    sql_fails(st, "SELECT vs_mean(value) FROM json_each('[\"[1, 2]\", 7]')", "vs_mean: a number is no vector");
    vs_store_close(st);
}

static void null_gives_null(void **state) {
    (void)state;
    vs_store *st = open_with_functions();
    assert_sql(st, "SELECT vs_dim(NULL), vs_at(NULL, 1), vs_at('[1]', NULL), vs_dot(NULL, '[1]'), vs_dot('[1]', NULL), vs_cosine(NULL, NULL), "
                   "vs_l2(NULL, '[1]'), vs_norm(NULL), vs_add('[1]', NULL), vs_sub(NULL, '[1]'), vs_scale('[1]', NULL), vs_scale(NULL, 2), "
                   "vs_unit(NULL), vs_json(NULL), vs_f32(NULL)",
               "NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL");
    vs_store_close(st);
}

static void what_is_no_vector(void **state) {
    (void)state;
    vs_store *st = open_with_functions();
    sql_fails(st, "SELECT vs_dot('[1, 2]', '[1]')", "vs_dot: vectors of 2 and 1 numbers");
    sql_fails(st, "SELECT vs_norm(x'010203')", "vs_norm: a blob of 3 bytes is no vector");
    sql_fails(st, "SELECT vs_norm(x'')", "vs_norm: a blob of 0 bytes");
    sql_fails(st, "SELECT vs_norm(zeroblob(7))", "7 bytes");
    sql_fails(st, "SELECT vs_norm(3.5)", "vs_norm: a number is no vector");
    sql_fails(st, "SELECT vs_norm('')", "vs_norm");
    sql_fails(st, "SELECT vs_norm('queen')", "vs_norm");
    sql_fails(st, "SELECT vs_norm('[]')", "vs_norm: want a vector");
    sql_fails(st, "SELECT vs_norm('{\"a\": 1}')", "vs_norm: want a vector");
    sql_fails(st, "SELECT vs_norm('[1, \"2\"]')", "element 1 of the JSON is no number");
    sql_fails(st, "SELECT vs_norm('[[1]]')", "element 0 of the JSON is no number");
    sql_fails(st, "SELECT vs_add('[1]', 'x')", "vs_add");
    sql_fails(st, "SELECT vs_unit('[0, 0]')", "no direction");
    sql_fails(st, "SELECT vs_scale('[1]', 'two')", "then a number");
    sql_fails(st, "SELECT vs_scale('[1]', x'00')", "then a number");
    sql_fails(st, "SELECT vs_at('[1, 2]', 2)", "a vector of 2 numbers has no number 2");
    sql_fails(st, "SELECT vs_at('[1, 2]', -3)", "no number -3");
    sql_fails(st, "SELECT vs_at('[1, 2]', 'x')", "a whole number");
    sql_fails(st, "SELECT vs_at('[1, 2]', 0.5)", "a whole number");
    sql_fails(st, "SELECT vs_at('[1, 2]', -9223372036854775808)", "no number");
    FAILS(vs_store_sql(&err, st, "SELECT vs_dot('[1]')", true, NULL, NULL, NULL), VS_E_SYNTAX, "wrong number of arguments");
    vs_store_close(st);
}

/* Blobs inside a page begin at any byte. */
static void stored_vectors(void **state) {
    (void)state;
    vs_store *st = open_with_functions();
    OK(store_space(st, "a", 500, 5, 0));
    assert_sql(st, "SELECT sum(vs_dot(vec, '[1, 0, 0, 0, 0]') = row) FROM vectors", "500");
    assert_sql(st, "SELECT key FROM vectors ORDER BY vs_l2(vec, (SELECT vec FROM vectors WHERE key = 'k7')), row LIMIT 3", "k7;k6;k8");
    assert_sql(st, "SELECT vs_json(vs_mean(vec)) FROM vectors WHERE space_id = 1", "[249.5,249.75,250,250.25,250.5]");
    vs_store_close(st);
}

static void pure_functions_may_stand_in_a_schema(void **state) {
    (void)state;
    vs_store *st = open_with_functions();
    OK(vs_store_sql(&err, st, "CREATE VIEW lengths AS SELECT key, vs_norm(vec) AS length FROM vectors", false, NULL, NULL, NULL));
    OK(store_space(st, "a", 2, 1, 3));
    assert_sql(st, "SELECT * FROM lengths", "k0,3;k1,4");
    vs_store_close(st);
}

static void out_of_memory(void **state) {
    (void)state;
    vs_store *st = open_with_functions();
    const char *query = "SELECT vs_json(vs_unit(vs_add(vs_scale('[1, 2]', 2), '[3, 4]'))), vs_json(vs_sum(value)), vs_json(vs_mean(value)), "
                        "vs_dot(vs_f32('[1]'), '[2]') FROM json_each('[\"[1, 2]\", \"[3, 6]\"]')";
    size_t n = 1;
    vs_status s;
    do {
        vs_alloc_fail_at(n);
        s = vs_store_sql(&err, st, query, true, NULL, NULL, NULL);
        vs_alloc_fail_at(0);
        if (s != VS_OK && s != VS_E_NOMEM) fail_msg("allocation %zu: %s", n, err.msg);
    } while (s != VS_OK && ++n < 1000);
    assert_int_equal(s, VS_OK);
    assert_true(n > 10);
    vs_store_close(st);
}

/* What sqlite-vec 0.1.9 answered (tests/oracle/compare_sqlite_vec.py has the two side by side over random vectors): the bytes
 * of vec_f32, vec_add, vec_sub, vec_normalize; vec_distance_L2, vec_distance_cosine. */
static void as_sqlite_vec(void **state) {
    (void)state;
    vs_store *st = open_with_functions();
    assert_sql(st, "SELECT hex(vs_f32('[1, 2.5, -3]')), hex(vs_add('[1,2]', '[0.1,0.2]')), hex(vs_sub('[1,2]', '[0.1,0.2]')), hex(vs_unit('[3,4]'))",
               "0000803F00002040000040C0,CDCC8C3FCDCC0C40,6666663F6666E63F,9A99193FCDCC4C3F");
    assert_sql(st, "SELECT vs_l2('[1,2,3]', '[4,5,6.5]'), abs(1 - vs_cosine('[1,2,3]', '[4,5,6.5]') - 0.018729668110609055) < 1e-7", "5.5,1");
    assert_sql(st, "SELECT vs_l2(x'0000803F', x'CDCC8C3F') = abs(vs_at(x'CDCC8C3F', 0) - 1), vs_l2('[3e38, 3e38]', '[-3e38, -3e38]') > 8.4e38", "1,1");
    vs_store_close(st);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(numbers),         TEST(vectors),           TEST(json_reads_back), TEST(aggregates),
        TEST(null_gives_null), TEST(what_is_no_vector), TEST(stored_vectors),  TEST(pure_functions_may_stand_in_a_schema),
        TEST(out_of_memory),   TEST(as_sqlite_vec),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
