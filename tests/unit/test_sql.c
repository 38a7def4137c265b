/* Spaces and expressions in SQL: vectors_of, vs_neighbors, vs_vec, with a session and without. */
#include "sql/sql.h"
#include "store_test.h"

/* A store with a space "a" of n rows (test_store.h's), and no session. */
static vs_store *open_alone(size_t n) {
    vs_store *st = open_store();
    OK(vs_sql_install(&err, NULL, st));
    OK(store_space(st, "a", n, 3, 0));
    return st;
}

static void sql_fails(vs_store *st, const char *query, const char *words) {
    vs_status s = vs_store_sql(&err, st, query, true, NULL, NULL, NULL);
    if (s != VS_E_SYNTAX || !strstr(err.msg, words)) fail_msg("%s: got %s: %s", query, vs_status_words(s), err.msg);
}

static void a_stored_space_as_a_table(void **state) {
    (void)state;
    vs_store *st = open_alone(100);
    assert_sql(st, "SELECT count(*), sum(row), min(key), max(length(vec)) FROM vectors_of('a')", "100,4950,k0,12");
    assert_sql(st, "SELECT row, key, vs_json(vec), space FROM vectors_of('a') LIMIT 2 OFFSET 7", "7,k7,[7,7.25,7.5],a;8,k8,[8,8.25,8.5],a");
    assert_sql(st, "SELECT key, vec FROM vectors_of('a') EXCEPT SELECT key, vec FROM vectors", "");
    assert_sql(st, "SELECT v.key FROM spaces s JOIN vectors_of(s.name) v WHERE v.row > 97", "k98;k99");
    assert_sql(st, "SELECT x.row FROM vectors_of('a') x JOIN vectors_of('a') y ON x.key = y.key WHERE y.row BETWEEN 3 AND 5 ORDER BY 1", "3;4;5");
    assert_sql(st, "SELECT key FROM vectors_of('a') ORDER BY vs_l2(vec, '[50, 50, 50]'), row LIMIT 3", "k50;k49;k51");
    assert_sql(st, "SELECT row FROM vectors_of('a') ORDER BY row DESC LIMIT 2", "99;98");
    assert_sql(st, "SELECT row FROM vectors_of('a') ORDER BY row LIMIT 2", "0;1");
    assert_sql(st, "SELECT (SELECT max(key) FROM vectors_of(s.name)), (SELECT min(key) FROM vectors_of(s.name)) FROM spaces s", "k99,k0");
    vs_store_close(st);
}

static void rows_by_number_and_key(void **state) {
    (void)state;
    vs_store *st = open_alone(100);
    assert_sql(st, "SELECT row, key FROM vectors_of('a') WHERE key = 'k42'", "42,k42");
    assert_sql(st, "SELECT row, key FROM vectors_of('a') WHERE row = 42", "42,k42");
    assert_sql(st, "SELECT row, key FROM vectors_of('a') WHERE rowid = 42", "42,k42");
    assert_sql(st, "SELECT row FROM vectors_of('a') WHERE key IN ('k1', 'k5', 'no') ORDER BY row", "1;5");
    assert_sql(st, "SELECT row FROM vectors_of('a') WHERE row IN (3, 4, 400)", "3;4");
    assert_sql(st, "SELECT row FROM vectors_of('a') WHERE key = 'k42' AND row = 41", "");
    assert_sql(st, "SELECT row FROM vectors_of('a') WHERE key = 'K42' COLLATE NOCASE", "42");
    assert_sql(st, "SELECT row FROM vectors_of('a') WHERE key = 'k42' OR row = 41", "41;42");
    assert_sql(st, "SELECT row FROM vectors_of('a') WHERE key LIKE 'k4_' AND (key LIKE '%2' OR key GLOB '*3')", "42;43");
    static const char *const none[] = {"key = 'x'",  "key = ''",    "key = NULL", "key = x'6b30'", "row = 100",  "row = -1",
                                       "row = 5.5",  "row = NULL",  "row = 'x'",  "key = 7",       "row = 1e30", "row = x'00'",
                                       "row = 9223372036854775807"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        char query[120];
        snprintf(query, sizeof query, "SELECT row FROM vectors_of('a') WHERE %s", none[i]);
        assert_sql(st, query, "");
    }
    vs_buf plan = {0};
    OK(vs_store_sql(&err, st, "EXPLAIN QUERY PLAN SELECT row FROM vectors_of('a') WHERE key = 'k1'", true, collect, &plan, NULL));
    assert_non_null(strstr(plan.s, "VIRTUAL TABLE INDEX 2")); /* by key, not by a scan */
    vs_buf_free(&plan);
    vs_store_close(st);
}

static void wrong_spaces(void **state) {
    (void)state;
    vs_store *st = open_alone(10);
    sql_fails(st, "SELECT * FROM vectors_of", "wants the name of a space");
    sql_fails(st, "SELECT * FROM vectors_of()", "wants the name of a space");
    sql_fails(st, "SELECT * FROM vectors_of(NULL)", "wants the name of a space");
    sql_fails(st, "SELECT * FROM vectors_of('b')", "no space named b is open or stored");
    sql_fails(st, "SELECT * FROM vectors_of('a', 2)", "too many arguments");
    sql_fails(st, "SELECT vs_vec('queen')", "needs a session");
    sql_fails(st, "SELECT vs_dot(vec, '[1]') FROM vectors_of('a')", "vectors of 3 and 1 numbers");
    FAILS(vs_store_sql(&err, st, "INSERT INTO vectors_of VALUES (1, 'x', x'00')", false, NULL, NULL, NULL), VS_E_SYNTAX, "may not be modified");
    OK(vs_store_sql(&err, st, "UPDATE vectors SET vec = x'00' WHERE row = 4", false, NULL, NULL, NULL));
    sql_fails(st, "SELECT * FROM vectors_of('a')", "row 4 holds 1 bytes, want 12");
    assert_sql(st, "SELECT count(*) FROM spaces", "1");
    vs_store_close(st);
}

static void a_replaced_space_is_seen(void **state) {
    (void)state;
    vs_store *st = open_alone(10);
    assert_sql(st, "SELECT count(*), vs_at(vs_sum(vec), 0) FROM vectors_of('a')", "10,45");
    OK(store_space(st, "a", 20, 2, 1));
    assert_sql(st, "SELECT count(*), vs_at(vs_sum(vec), 0) FROM vectors_of('a')", "20,210");
    OK(vs_store_sql(&err, st, "UPDATE vectors SET vec = vs_scale(vec, 2)", false, NULL, NULL, NULL));
    assert_sql(st, "SELECT count(*), vs_at(vs_sum(vec), 0) FROM vectors_of('a')", "20,420");
    OK(vs_store_sql(&err, st, "CREATE TABLE t AS SELECT key FROM vectors_of('a'); UPDATE t SET key = (SELECT vs_json(vec) FROM vectors_of('a') v "
                              "WHERE v.key = t.key)", false, NULL, NULL, NULL)); /* opened in the middle of a write */
    assert_sql(st, "SELECT count(*), max(key) FROM t", "20,[8,8.5]");
    OK(store_space(st, "a", 10, 2, 1));
    OK(vs_store_sql(&err, st, "UPDATE t SET key = (SELECT count(*) FROM vectors_of('a'))", false, NULL, NULL, NULL));
    assert_sql(st, "SELECT DISTINCT key FROM t", "10");
    OK(vs_store_space_drop(&err, st, "a"));
    sql_fails(st, "SELECT * FROM vectors_of('a')", "no space named a");
    vs_store_close(st);
}

static void neighbors(void **state) {
    (void)state;
    vs_store *st = open_alone(100);
    /* (i, i + 1/4, i + 1/2) turns away from (0, 1, 2) as i grows */
    assert_sql(st, "SELECT key FROM vs_neighbors('a', '[0, 1, 2]', 3)", "k0;k1;k2");
    assert_sql(st, "SELECT group_concat(key) FROM vs_neighbors('a', vs_f32('[0, 1, 2]'))", "k0,k1,k2,k3,k4,k5,k6,k7,k8,k9");
    assert_sql(st, "SELECT row, round(score, 5) = round(vs_cosine((SELECT vec FROM vectors_of('a') WHERE row = n.row), '[0, 1, 2]'), 5), space "
                   "FROM vs_neighbors('a', ' [0, 1, 2]', 2) n",
               "0,1,a;1,1,a");
    assert_sql(st, "SELECT count(*) FROM vs_neighbors('a', '[1, 1, 1]', 1000)", "100");
    assert_sql(st, "SELECT key FROM vs_neighbors('a', '[0, 1, 2]', 3) WHERE key = 'k2' OR row = 0", "k0;k2");
    assert_sql(st, "SELECT query, k, metric FROM vs_neighbors('a', '[0, 1, 2]', 1, 'l2') WHERE metric = 'l2' AND k = 1", "[0, 1, 2],1,l2");
    assert_sql(st, "SELECT k, metric FROM vs_neighbors('a', '[0, 1, 2]') WHERE row = 0", "10,cosine");
    assert_sql(st, "SELECT v.key, n.key FROM vectors_of('a') v JOIN vs_neighbors('a', v.vec, 1) n WHERE v.row IN (0, 5)", "k0,k0;k5,k5");
    sql_fails(st, "SELECT * FROM vs_neighbors", "wants a space and a query");
    sql_fails(st, "SELECT * FROM vs_neighbors('a')", "wants a space and a query");
    sql_fails(st, "SELECT * FROM vs_neighbors('b', '[1]')", "no space named b");
    sql_fails(st, "SELECT * FROM vs_neighbors('a', '[1]')", "a has vectors of 3 numbers, the query 1");
    sql_fails(st, "SELECT * FROM vs_neighbors('a', '[1, 1, 1]', 0)", "k is a whole number, 1 to");
    sql_fails(st, "SELECT * FROM vs_neighbors('a', '[1, 1, 1]', 1.5)", "k is a whole number, 1 to");
    sql_fails(st, "SELECT * FROM vs_neighbors('a', '[1, 1, 1]', 1e18)", "k is a whole number, 1 to");
    sql_fails(st, "SELECT * FROM vs_neighbors('a', NULL)", "the query is NULL");
    sql_fails(st, "SELECT * FROM vs_neighbors(NULL, '[1, 1, 1]')", "not NULL");
    sql_fails(st, "SELECT * FROM vs_neighbors('a', x'0102')", "no vector");
    sql_fails(st, "SELECT * FROM vs_neighbors('a', 'queen')", "needs a session");
    sql_fails(st, "SELECT * FROM vs_neighbors('a', x'0000C07F0000C07F0000C07F')", "NaN");
    vs_store_close(st);
}

/* ---- with a session ---- */

static vs_store *open_session(vs_session **s) {
    vs_store *st;
    OK(vs_session_new(&err, db, s));
    vs_session_on_store(*s, vs_sql_install);
    OK(vs_session_store(&err, *s, &st));
    return st;
}

static void expressions(void **state) {
    (void)state;
    vs_session *s;
    vs_store *st = open_session(&s);
    assert_sql(st, "SELECT key FROM vectors_of('default') WHERE key NOT IN ('queen', 'king', 'man') "
                   "ORDER BY vs_cosine(vec, vs_vec('queen - king + man')) DESC LIMIT 1",
               "woman");
    assert_sql(st, "SELECT key FROM vs_neighbors('default', 'queen − king + man', 1)", "woman"); /* operands left out */
    assert_sql(st, "SELECT key FROM vs_neighbors(NULL, 'queen - king + man', 1)", "woman");      /* the space that is open */
    assert_sql(st, "SELECT vs_dim(vs_vec('queen')), vs_vec(NULL)", "50,NULL");
    assert_sql(st, "SELECT max(abs(vs_norm(vs_sub(vec, vs_vec(key))))) FROM vectors_of('default') WHERE row < 50 AND key NOT IN ('-', '(')", "0");
    sql_fails(st, "SELECT vs_vec('qeenn')", "qeenn");
    sql_fails(st, "SELECT vs_vec('')", "");
    sql_fails(st, "SELECT vs_vec('queen -  ')", "");
    sql_fails(st, "SELECT key FROM vs_neighbors('default', 'qeenn')", "qeenn");
    sql_fails(st, "SELECT key FROM vs_neighbors('nowhere', 'queen')", "nowhere");
    /* a space of the store that the session has not opened */
    OK(store_space(st, "a", 10, 50, 0));
    assert_sql(st, "SELECT count(*) FROM vs_neighbors('a', 'queen', 4)", "4");
    OK(store_space(st, "b", 10, 3, 0));
    sql_fails(st, "SELECT count(*) FROM vs_neighbors('b', 'queen', 4)", "b has vectors of 3 numbers, the query 50");
    OK(vs_store_name_set(&err, st, "royal", "queen - king", "default", (float[50]){1}, 50, 0));
    assert_sql(st, "SELECT vs_norm(vs_vec('$royal'))", "1"); /* the store is asked from inside its own statement */
    vs_session_free(s);
}

/* Words of the space that is asked, by any measure; operands left out. */
static void expressions_in_a_space(void **state) {
    (void)state;
    vs_session *s;
    vs_store *st = open_session(&s);
    OK(store_space(st, "a", 100, 3, 0));
    assert_sql(st, "SELECT key FROM vs_expr('default', 'queen − king + man', 2)", "woman;girl");
    assert_sql(st, "SELECT key FROM vs_expr(NULL, 'queen - king + man', 1)", "woman");
    assert_sql(st, "SELECT key, space FROM vs_expr('a', 'k50', 2, 'l2')", "k49,a;k51,a"); /* k50 is a word of `a` alone */
    assert_sql(st, "SELECT key FROM vs_expr('a', 'k50 - k10 + k20', 1, 'l2')", "k60");
    assert_sql(st, "SELECT key FROM vs_expr('a', 'k50', 2, 'dot')", "k99;k98");
    assert_sql(st, "SELECT key, round(score, 3) FROM vs_neighbors('a', '[50, 50.25, 50.5]', 3, 'l2')", "k50,0;k49,1.732;k51,1.732");
    assert_sql(st, "SELECT key, score = vs_l2(vs_vec('queen'), (SELECT vec FROM vectors_of('default') v WHERE v.key = n.key)) FROM "
                   "(SELECT key, score FROM vs_neighbors('default', 'queen', 1, 'l2')) n",
               "princess,0"); /* the score is an f32 */
    assert_sql(st, "SELECT count(*) FROM vs_neighbors('default', 'queen', 3, NULL)", "3");
    assert_sql(st, "SELECT (SELECT key FROM vectors_of('default') v ORDER BY vs_l2(v.vec, vs_vec('paris')), row LIMIT 1 OFFSET 1) = key "
                   "FROM vs_expr('default', 'paris', 1, 'l2')",
               "1");
    assert_sql(st, "SELECT key FROM vectors_of('default') WHERE row = 0 AND vs_dim(vs_vec('king')) = 50", "the"); /* as before */
    sql_fails(st, "SELECT * FROM vs_expr", "wants a space and an expression");
    sql_fails(st, "SELECT * FROM vs_expr('default')", "wants a space and an expression");
    sql_fails(st, "SELECT * FROM vs_expr('nowhere', 'queen')", "no space named nowhere");
    sql_fails(st, "SELECT * FROM vs_expr('a', 'queen')", "a has no key \"queen\"");
    sql_fails(st, "SELECT * FROM vs_expr('a', 'default:queen')", "a has vectors of 3 numbers, the query 50");
    sql_fails(st, "SELECT * FROM vs_expr('default', NULL)", "wants an expression, as text");
    sql_fails(st, "SELECT * FROM vs_expr('default', x'00000000')", "wants an expression, as text");
    sql_fails(st, "SELECT * FROM vs_expr('default', 'queen', 0)", "vs_expr: k is a whole number, 1 to");
    sql_fails(st, "SELECT * FROM vs_expr('default', 'queen', 3, 'euclid')", "vs_expr: the metric is cosine, dot or l2, not euclid");
    sql_fails(st, "SELECT * FROM vs_neighbors('default', 'queen', 3, 7)", "not 7");
    sql_fails(st, "SELECT * FROM vs_expr('default', 'queen', 3, 'l2', 1)", "too many arguments");
    vs_session_free(s);
}

/* What SQLite may assume of each function; vs_vec is none of it, but a constant one is still worked out once. */
static void promises(void **state) {
    (void)state;
    vs_session *s;
    vs_store *st = open_session(&s);
    assert_sql(st, "SELECT group_concat(name, ' ') FROM (SELECT DISTINCT name FROM pragma_function_list WHERE name LIKE 'vs\\_%' ESCAPE '\\' AND "
                   "(flags & 0x280800) IS NOT 0x200800)",
               "vs_vec"); /* all others: deterministic, innocuous, not direct only */
    assert_sql(st, "SELECT DISTINCT flags & 0x280800 = 0x80000 FROM pragma_function_list WHERE name = 'vs_vec'", "1");
    size_t before = vs_alloc_count();
    assert_sql(st, "SELECT count(*) FROM vectors_of('default') WHERE vs_dim(vs_vec('queen - king + man')) = 50", "20000");
    assert_true(vs_alloc_count() - before < 10000);
    vs_session_free(s);
}

/* An expression may read files: a file that comes from elsewhere may not evaluate one when it is looked at. */
static void expressions_stay_out_of_schemas(void **state) {
    (void)state;
    vs_session *s;
    vs_store *st = open_session(&s);
    OK(vs_store_sql(&err, st, "CREATE VIEW v AS SELECT vs_vec('queen') AS x; CREATE VIEW n AS SELECT * FROM vs_neighbors('default', 'queen', 2);"
                              "CREATE VIEW e AS SELECT * FROM vs_expr('default', 'queen', 2);"
                              "CREATE VIEW o AS SELECT count(*) FROM vectors_of('default')", false, NULL, NULL, NULL));
    sql_fails(st, "SELECT * FROM v", "unsafe use of vs_vec");
    sql_fails(st, "SELECT * FROM n", "unsafe use of virtual table");
    sql_fails(st, "SELECT * FROM e", "unsafe use of virtual table");
    assert_sql(st, "SELECT * FROM o", "20000");
    vs_session_free(s);
}

static void tables_of_a_model(void **state) {
    (void)state;
    vs_session *s;
    vs_store *st = open_session(&s);
    vs_model *m;
    OK(vs_session_open_model(&err, s, "tests/data/fixtures/gemma3", &m));
    char want[64];
    snprintf(want, sizeof want, "%zu,%zu,1", vs_model_info_of(m)->V, vs_model_info_of(m)->stack[0].d);
    assert_sql(st, "SELECT count(*), max(vs_dim(vec)), min(vs_dim(vec)) = max(vs_dim(vec)) FROM vectors_of('W_E')", want);
    float *row = vs_alloc(vs_model_info_of(m)->stack[0].d, sizeof *row);
    OK(vs_model_row(&err, m, VS_ROLE_EMBED, 0, 7, row));
    vs_buf b = {0};
    OK(vs_store_sql(&err, st, "SELECT vs_at(vec, 3) FROM vectors_of('W_E') WHERE row = 7", true, collect, &b, NULL));
    snprintf(want, sizeof want, "%g", (double)row[3]);
    assert_string_equal(b.s, want);
    vs_buf_free(&b);
    vs_free(row);
    assert_sql(st, "SELECT count(*) FROM vs_neighbors('W_U', (SELECT vec FROM vectors_of('W_E') WHERE row = 7), 5)", "5");
    vs_session_free(s);
}

static void out_of_memory(void **state) {
    (void)state;
    vs_store_close(open_alone(50));
    size_t n = 1;
    vs_status status;
    do {
        vs_store *st = open_store();
        vs_alloc_fail_at(n);
        status = vs_sql_install(&err, NULL, st);
        if (status == VS_OK)
            status = vs_store_sql(&err, st, "SELECT v.key, n.key, vs_json(v.vec) FROM vectors_of('a') v JOIN vs_neighbors('a', v.vec, 2) n WHERE v.row < 2",
                                  true, NULL, NULL, NULL);
        vs_alloc_fail_at(0);
        if (status != VS_OK && status != VS_E_NOMEM) fail_msg("allocation %zu: %s", n, err.msg);
        vs_store_close(st);
    } while (status != VS_OK && ++n < 1000);
    assert_int_equal(status, VS_OK);
    assert_true(n > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_stored_space_as_a_table), TEST(rows_by_number_and_key),          TEST(wrong_spaces),      TEST(a_replaced_space_is_seen), TEST(neighbors),
        TEST(expressions),               TEST(expressions_stay_out_of_schemas), TEST(tables_of_a_model), TEST(out_of_memory),
        TEST(expressions_in_a_space),    TEST(promises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
