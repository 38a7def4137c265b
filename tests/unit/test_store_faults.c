/* The store when something fails: locks, full disks, read-only files, memory. */
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "store_test.h"

static vs_status add_name(void *arg, const vs_space_record *r) {
    vs_buf_printf(arg, "%s:%zux%zu ", r->name, r->rows, r->dim);
    return VS_OK;
}

/* ---- locks, full disks, read-only files ---- */

static void locked_by_another(void **state) {
    (void)state;
    vs_store *st = open_store();
    OK(store_space(st, "a", 10, 3, 0));
    sqlite3 *other;
    assert_int_equal(sqlite3_open(db, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    FAILS(store_space(st, "b", 10, 3, 0), VS_E_BUSY, "another process is writing to the file");
    open_and_check(st, "a", 10, 3, 0); /* reading goes on */
    vs_interrupt();                    /* Ctrl-C ends the wait at once */
    vs_status s = vs_store_begin(&err, st);
    vs_interrupt_clear();
    assert_int_equal(s, VS_E_STOPPED);
    sqlite3_exec(other, "COMMIT", NULL, NULL, NULL);
    sqlite3_close(other);
    OK(store_space(st, "b", 10, 3, 0));
    open_and_check(st, "b", 10, 3, 0);
    vs_store_close(st);
}

static void full_disk(void **state) {
    (void)state;
    vs_store *st = open_store();
    OK(store_space(st, "a", 100, 3, 0));
    vs_run_record r = a_run();
    vs_id run;
    float wide[4096] = {0};
    assert_sql(st, "PRAGMA page_size", "16384");
    sqlite3_exec(vs_store_handle(st), "PRAGMA max_page_count = 40", NULL, NULL, NULL);
    FAILS(store_space(st, "b", 50000, 50, 0), VS_E_IO, "the disk is full; what was stored before is kept");
    OK(vs_store_run_begin(&err, st, &r, &run));
    vs_status s = VS_OK;
    for (int i = 0; i < 1000 && s == VS_OK; i++) s = vs_store_activation(&err, st, run, "x", i, -1, -1, wide, 4096);
    assert_int_equal(s, VS_E_IO);
    FAILS(vs_store_activation(&err, st, run, "x", 0, -1, -1, wide, 4096), VS_E_IO, "an earlier failure");
    FAILS(vs_store_run_commit(&err, st), VS_E_IO, "an earlier failure");
    vs_store_run_abort(st);
    open_and_check(st, "a", 100, 3, 0);
    assert_sql(st, "SELECT count(*) FROM runs", "0");
    assert_sql(st, "PRAGMA integrity_check", "ok");
    sqlite3_exec(vs_store_handle(st), "PRAGMA max_page_count = 100000", NULL, NULL, NULL);
    OK(store_space(st, "b", 5000, 50, 0));
    open_and_check(st, "b", 5000, 50, 0);
    vs_store_close(st);
}

/* A child in which no file may grow over 3 MB. */
static void file_size_limit(void **state) {
    (void)state;
    vs_store *st = open_store();
    OK(store_space(st, "a", 100, 3, 0));
    vs_store_close(st);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){3 << 20, 3 << 20});
        if (vs_store_open(&err, db, &st) != VS_OK) _exit(1);
        if (store_space(st, "b", 50000, 50, 0) != VS_E_IO || !strstr(err.msg, "what was stored before is kept")) _exit(2);
        vs_block *b;
        if (vs_store_space_open(&err, st, "a", NULL, &b) != VS_OK) _exit(3);
        vs_block_close(b);
        vs_store_close(st);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    st = open_store();
    open_and_check(st, "a", 100, 3, 0);
    assert_sql(st, "SELECT count(*) FROM spaces", "1");
    assert_sql(st, "PRAGMA integrity_check", "ok");
    vs_store_close(st);
}

/* As someone who may not write: nobody, where we are the superuser. */
static int in_a_reader(void) {
    vs_store *st;
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return 9;
    if (vs_store_open(&err, db, &st) != VS_OK) return 1;
    if (!vs_store_read_only(st)) return 2;
    vs_block *b;
    size_t n, d;
    if (vs_store_space_open(&err, st, "a", NULL, &b) != VS_OK || vs_block_rows(b, &n, &d)[1] != 1.0f || n != 100) return 3;
    vs_block_close(b);
    vs_buf rows = {0};
    if (vs_store_sql(&err, st, "SELECT count(*) FROM vectors", true, collect, &rows, NULL) != VS_OK || strcmp(rows.s, "100")) return 4;
    vs_buf_free(&rows);
    if (store_space(st, "b", 1, 1, 0) != VS_E_IO || !strstr(err.msg, "the file is read-only")) return 5;
    if (vs_store_sql(&err, st, "DELETE FROM vectors", false, NULL, NULL, NULL) != VS_E_IO || !strstr(err.msg, "read-only")) return 6;
    vs_store_close(st);
    return 0;
}

static void read_by_a_reader(mode_t of_file, mode_t of_folder) {
    chmod(db, of_file);
    chmod(folder, of_folder);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int code = in_a_reader();
        if (code) fprintf(stderr, "%s\n", err.msg);
        _exit(code);
    }
    int status;
    waitpid(child, &status, 0);
    chmod(folder, 0700);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void read_only_files(void **state) {
    (void)state;
    vs_store *st = open_store();
    OK(store_space(st, "a", 100, 1, 0));
    vs_store_close(st);
    read_by_a_reader(0444, 0555); /* neither the file nor its folder */
    read_by_a_reader(0444, 0777); /* only the file */
}

/* ---- allocations that fail ---- */

static vs_status whole_life(void) {
    vs_store *st;
    VS_TRY(vs_store_open(&err, db, &st));
    vs_status s = store_space(st, "a", 50, 3, 0);
    for (int i = 0; i < 2 && s == VS_OK; i++) {
        vs_block *b;
        s = vs_store_space_open(&err, st, "a", NULL, &b);
        vs_block_close(b);
    }
    vs_id run;
    vs_run_record r = a_run();
    if (s == VS_OK) s = vs_store_run_begin(&err, st, &r, &run);
    if (s == VS_OK) s = vs_store_activation(&err, st, run, "x", 0, 0, 0, (float[]){1}, 1);
    if (s == VS_OK) s = vs_store_run_commit(&err, st);
    if (s == VS_OK) s = vs_store_name_set(&err, st, "n", "e", "a", (float[]){1}, 1, 1);
    float *vec = NULL;
    size_t dim;
    vs_buf space = {0};
    if (s == VS_OK) s = vs_store_name_get(&err, st, "n", &vec, &dim, NULL, &space);
    vs_free(vec);
    vs_buf_free(&space);
    if (s == VS_OK) s = vs_store_sql(&err, st, "SELECT * FROM vectors", true, NULL, NULL, NULL);
    vs_buf list = {0};
    if (s == VS_OK) s = vs_store_spaces(&err, st, add_name, &list);
    vs_buf_free(&list);
    if (s == VS_OK) s = vs_store_space_drop(&err, st, "a");
    vs_store_close(st);
    return s;
}

/* SQLite's own allocations: number fail_at from now fails, and all after it. */
static sqlite3_mem_methods memory;
static int fail_at, counted;

static bool short_of_memory(void) { return fail_at && ++counted >= fail_at; }
static void *take(int n) { return short_of_memory() ? NULL : memory.xMalloc(n); }
static void *grow(void *p, int n) { return short_of_memory() ? NULL : memory.xRealloc(p, n); }

static int watch_memory(void) {
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory);
    sqlite3_mem_methods watched = memory;
    watched.xMalloc = take;
    watched.xRealloc = grow;
    return sqlite3_config(SQLITE_CONFIG_MALLOC, &watched);
}

static void sqlite_out_of_memory(void **state) {
    (void)state;
    OK(whole_life()); /* the file is there */
    for (int n = 1;; n++) {
        fail_at = n, counted = 0;
        vs_status s = whole_life();
        bool met = counted >= n;
        fail_at = 0;
        if (!met) {
            assert_int_equal(s, VS_OK);
            break;
        }
        /* what SQLite can do without (a larger cache, giving disk back) may be left out */
        if (s != VS_OK && s != VS_E_NOMEM) fail_msg("allocation %d: %s: %s", n, vs_status_words(s), err.msg);
        assert_true(n < 1000000);
    }
    vs_store *st = open_store();
    assert_sql(st, "PRAGMA integrity_check", "ok");
    assert_sql(st, "SELECT count(*) FROM runs r WHERE (SELECT count(*) FROM activations WHERE run = r.id) <> 1", "0");
    vs_store_close(st);
}

static void out_of_memory(void **state) {
    (void)state;
    size_t n = 1;
    for (;; n++) {
        vs_alloc_fail_at(n);
        vs_status s = whole_life();
        vs_alloc_fail_at(0);
        if (s == VS_OK) break;
        if (s != VS_E_NOMEM) fail_msg("allocation %zu: %s", n, err.msg);
        assert_true(n < 1000);
    }
    assert_true(n > 20);
    OK(whole_life());
}

int main(void) {
    if (watch_memory() != SQLITE_OK) return 1;
    const struct CMUnitTest tests[] = {
        TEST(locked_by_another), TEST(full_disk), TEST(file_size_limit), TEST(read_only_files), TEST(out_of_memory), TEST(sqlite_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
