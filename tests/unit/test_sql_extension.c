/* The loadable extension in a connection that knows nothing of vecscope: built-in words, the spaces of a file, errors. */
#include <sqlite3.h>

#include "store_test.h"

static sqlite3 *client(const char *file) {
    const char *program = getenv("VECSCOPE");
    char path[512] = "build/release/vecscope_sql";
    const char *slash = program ? strrchr(program, '/') : NULL;
    if (slash) snprintf(path, sizeof path, "%.*s/vecscope_sql", (int)(slash - program), program);
    sqlite3 *c;
    assert_int_equal(sqlite3_open(file, &c), SQLITE_OK);
    sqlite3_db_config(c, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, NULL);
    char *message = NULL;
    if (sqlite3_load_extension(c, path, NULL, &message) != SQLITE_OK) fail_msg("%s", message);
    return c;
}

static int put_row(void *arg, int n, char **values, char **names) {
    (void)names;
    vs_buf *b = arg;
    for (int i = 0; i < n; i++) vs_buf_printf(b, "%s%s", i ? "," : b->len ? ";" : "", values[i] ? values[i] : "NULL");
    return 0;
}

static void answers(sqlite3 *c, const char *query, const char *want) {
    vs_buf b = {0};
    char *message = NULL;
    if (sqlite3_exec(c, query, put_row, &b, &message) != SQLITE_OK) fail_msg("%s: %s", query, message);
    if (strcmp(b.s ? b.s : "", want) != 0) fail_msg("%s: %s, want %s", query, b.s ? b.s : "", want);
    vs_buf_free(&b);
}

static void fails(sqlite3 *c, const char *query, const char *words) {
    char *message = NULL;
    int rc = sqlite3_exec(c, query, NULL, NULL, &message);
    if (rc == SQLITE_OK || !strstr(message, words)) fail_msg("%s: %d, %s", query, rc, message ? message : "");
    sqlite3_free(message);
}

static void without_a_file(void **state) {
    (void)state;
    sqlite3 *c = client(":memory:"), *other = client(":memory:");
    answers(c, "SELECT vs_dot('[1, 2]', '[3, 4]'), vs_json(vs_mean(value)) FROM json_each('[\"[1]\", \"[2]\"]')", "11.0,[1.5]");
    answers(c, "SELECT vs_dim(vs_vec('queen - king + man')), vs_vec(NULL)", "50,NULL");
    answers(c, "SELECT key FROM vs_neighbors('default', 'queen − king + man', 2)", "woman;girl");
    answers(c, "SELECT key FROM vs_expr('default', 'queen - king + man', 2, 'l2')", "woman;girl");
    answers(c, "SELECT count(*), max(vs_dim(vec)) FROM vectors_of('default') WHERE key IN ('king', 'queen')", "2,50");
    answers(c, "SELECT vs_open('default')", "default");
    answers(c, "SELECT vs_open(NULL)", "NULL");
    fails(c, "SELECT vs_vec('qeenn')", "qeenn");
    fails(c, "SELECT * FROM vs_neighbors('a', '[1]')", "no space named a is open or stored");
    fails(c, "SELECT vs_open('nowhere.txt')", "no such file");
    fails(c, "SELECT vs_open('Makefile')", "Makefile");
    fails(c, "SELECT * FROM vs_expr('default', 'queen', 0)", "k is a whole number, 1 to");
    fails(c, "SELECT vs_cosine('[1, 2]', '[1]')", "vectors of 2 and 1 numbers");
    answers(other, "CREATE TABLE spaces (name TEXT); INSERT INTO spaces VALUES ('a')", "");
    fails(other, "SELECT * FROM vectors_of('a')", "no space named a is open or stored"); /* another's table of that name */
    answers(c, "SELECT vs_open('tests/data/fixtures/gemma3')", "gemma3:W_E");
    answers(c, "SELECT count(*) FROM vectors_of('W_E')", "1000");
    answers(c, "SELECT count(*) FROM vs_neighbors('W_U', '\"the white swan\"@3[swan]', 5, 'dot')", "5");
    answers(other, "SELECT key FROM vs_neighbors('default', 'queen', 1)", "princess");
    assert_int_equal(sqlite3_close(c), SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
}

static void spaces_of_a_file(void **state) {
    (void)state;
    vs_store *st = open_store();
    OK(store_space(st, "a", 100, 3, 0));
    OK(store_space(st, "b", 10, 50, 0));
    sqlite3 *c = client(db);
    answers(c, "SELECT count(*), sum(row), max(key) FROM vectors_of('a')", "100,4950,k99");
    answers(c, "SELECT row, vs_json(vec) FROM vectors_of('a') WHERE key = 'k42'", "42,[42,42.25,42.5]");
    answers(c, "SELECT key FROM vectors_of('a') EXCEPT SELECT key FROM vectors", "");
    answers(c, "SELECT key FROM vs_neighbors('a', '[0, 1, 2]', 3)", "k0;k1;k2");
    answers(c, "SELECT key FROM vs_expr('a', 'k50 - k10 + k20', 1, 'l2')", "k60");
    answers(c, "SELECT key FROM vs_neighbors('default', 'queen', 1)", "princess"); /* what is current has not changed */
    answers(c, "SELECT count(*) FROM vs_neighbors('b', 'queen', 4)", "4");
    fails(c, "SELECT * FROM vs_neighbors('a', 'queen')", "a vector of 50 numbers has no neighbours in a");
    answers(c, "SELECT vs_json(vs_vec('a:k7'))", "[7,7.25,7.5]");
    answers(c, "SELECT vs_open('a'), vs_json(vs_vec('k7'))", "a,[7,7.25,7.5]");
    /* changed by another connection, then replaced, then gone */
    OK(store_space(st, "a", 20, 2, 1));
    answers(c, "SELECT count(*), vs_dim(vec) FROM vectors_of('a')", "20,2");
    answers(c, "UPDATE vectors SET vec = vs_scale(vec, 2) WHERE id = (SELECT id << 32 FROM spaces WHERE name = 'a')", "");
    answers(c, "SELECT vs_json(vec) FROM vectors_of('a') LIMIT 1", "[2,2.5]");
    answers(c, "UPDATE vectors SET vec = x'00' WHERE key = 'k4' AND space_id = (SELECT id FROM spaces WHERE name = 'a')", "");
    fails(c, "SELECT * FROM vectors_of('a')", "row 4 holds 1 bytes, want 8");
    fails(c, "SELECT * FROM vectors_of('a')", "row 4 holds 1 bytes, want 8");
    answers(c, "DELETE FROM vectors WHERE key = 'k4' AND space_id = (SELECT id FROM spaces WHERE name = 'a')", "");
    fails(c, "SELECT * FROM vectors_of('a')", "there are 19 rows, it says 20");
    answers(c, "UPDATE spaces SET rows = 4 WHERE name = 'a'", "");
    fails(c, "SELECT * FROM vectors_of('a')", "more rows than the 4");
    answers(c, "UPDATE spaces SET dim = -1 WHERE name = 'a'", "");
    fails(c, "SELECT * FROM vectors_of('a')", "-1 numbers");
    answers(c, "UPDATE spaces SET dim = 2147483647, rows = 4294967295 WHERE name = 'a'", "");
    fails(c, "SELECT * FROM vectors_of('a')", "");
    assert_int_equal(sqlite3_close(c), SQLITE_OK);
    vs_store_close(st);
}

/* A space that one statement is reading is not let go because another asks for it again. */
static void read_while_it_changes(void **state) {
    (void)state;
    vs_store *st = open_store();
    OK(store_space(st, "a", 100, 3, 0));
    sqlite3 *c = client(db);
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_prepare_v2(c, "SELECT key FROM vectors_of('a')", -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    answers(c, "UPDATE vectors SET vec = vs_scale(vec, 2)", "");
    answers(c, "SELECT vs_json(vec) FROM vectors_of('a') WHERE row = 1", "[1,1.25,1.5]");
    fails(c, "SELECT vs_open('a')", "not while a space is being read");
    for (int i = 1; i < 100; i++) assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(s, 0), "k99");
    sqlite3_finalize(s);
    answers(c, "SELECT vs_json(vec) FROM vectors_of('a') WHERE row = 1", "[2,2.5,3]");
    assert_int_equal(sqlite3_close(c), SQLITE_OK);
    vs_store_close(st);
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST(without_a_file), TEST(spaces_of_a_file), TEST(read_while_it_changes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
