/* Every write, sync and truncation of the store fails once, one after the other; then again with all after it, as on a
 * disk that is full.  Each failure is one line; what was stored before stays whole; the next start finds a sound file. */
#include <sqlite3.h>

#include "store_test.h"

/* ---- a file system that fails: SQLite's own, with three calls replaced ---- */

static struct {
    int at, count; /* fail operation `at`, counted from 1; 0: never */
    int code;      /* SQLITE_IOERR_WRITE, SQLITE_FULL */
    bool on;       /* and all after it */
} fault;
static const sqlite3_io_methods *real; /* whose write, sync and truncate all files share */
static sqlite3_vfs *below, above;

static bool fails(void) {
    fault.count++;
    return fault.at && (fault.count == fault.at || (fault.on && fault.count > fault.at));
}

static int write_or_fail(sqlite3_file *f, const void *p, int n, sqlite3_int64 at) { return fails() ? fault.code : real->xWrite(f, p, n, at); }
static int sync_or_fail(sqlite3_file *f, int flags) { return fails() ? SQLITE_IOERR_FSYNC : real->xSync(f, flags); }
static int truncate_or_fail(sqlite3_file *f, sqlite3_int64 n) { return fails() ? SQLITE_IOERR_TRUNCATE : real->xTruncate(f, n); }

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *got) {
    (void)vfs;
    static struct kind {
        const sqlite3_io_methods *original;
        sqlite3_io_methods failing;
    } kinds[8]; /* kinds of files differ in how they lock */
    int rc = below->xOpen(below, name, f, flags, got);
    if (rc != SQLITE_OK) return rc;
    size_t i = 0;
    while (kinds[i].original && kinds[i].original != f->pMethods)
        if (++i == sizeof kinds / sizeof *kinds) abort();
    if (!kinds[i].original) {
        kinds[i] = (struct kind){f->pMethods, *f->pMethods};
        real = kinds[i].original;
        kinds[i].failing.xWrite = write_or_fail;
        kinds[i].failing.xSync = sync_or_fail;
        kinds[i].failing.xTruncate = truncate_or_fail;
    }
    f->pMethods = &kinds[i].failing;
    return rc;
}

static void put_above(void) {
    if (below) return;
    below = sqlite3_vfs_find(NULL);
    above = *below;
    above.zName = "failing";
    above.xOpen = open_file;
    assert_int_equal(sqlite3_vfs_register(&above, 1), SQLITE_OK);
}

/* ---- what is done meanwhile ---- */

static vs_status write_run(vs_store *st, const char *request, int n) {
    vs_run_record r = a_run();
    r.request = request;
    vs_id run;
    VS_TRY(vs_store_run_begin(&err, st, &r, &run));
    float vec[700] = {0};
    for (int i = 0; i < n; i++) {
        vs_status s = vs_store_activation(&err, st, run, "x", i, -1, -1, vec, 700);
        if (s == VS_OK) continue;
        vs_store_run_abort(st);
        return s;
    }
    return vs_store_run_commit(&err, st);
}

/* *done: how many of the steps were said to be done. */
static vs_status life(int *done) {
    vs_store *st;
    *done = 0;
    VS_TRY(vs_store_open(&err, db, &st));
    vs_status s = write_run(st, "second", 8);
    if (s == VS_OK) ++*done, s = store_space(st, "b", 300, 20, 0);
    if (s == VS_OK) ++*done, s = store_space(st, "b", 200, 20, 1);
    if (s == VS_OK) ++*done, s = vs_store_name_set(&err, st, "n", "e", "", (float[]){1}, 1, 1);
    if (s == VS_OK) ++*done, s = vs_store_space_drop(&err, st, "b");
    if (s == VS_OK) ++*done;
    vs_store_close(st);
    return s;
}

static void is_sound(int done) {
    vs_store *st = open_store();
    char query[160];
    assert_sql(st, "PRAGMA integrity_check", "ok");
    open_and_check(st, "a", 100, 3, 0);
    assert_sql(st, "SELECT count(*) FROM runs JOIN activations ON run = runs.id WHERE request = 'first'", "5");
    snprintf(query, sizeof query, "SELECT count(*) IN (%s) FROM activations JOIN runs ON run = runs.id WHERE request = 'second'", done ? "8" : "0, 8");
    assert_sql(st, query, "1");
    assert_sql(st, "SELECT count(*) FROM runs WHERE status <> 'done'", "0");
    if (done >= 4) assert_sql(st, "SELECT length(vec) FROM names", "4");
    vs_space_record r;
    if (vs_store_space_find(&err, st, "b", &r) == VS_OK) {
        assert_true(done < 5 && (r.rows == 300 || r.rows == 200));
        open_and_check(st, "b", r.rows, 20, r.rows == 300 ? 0 : 1);
    } else {
        assert_true(done < 2 || done >= 4);
    }
    vs_store_close(st);
}

static void fail_each(int code, bool on) {
    put_above();
    bool met = true;
    for (int n = 1; met; n++) {
        vs_store *st = open_store();
        OK(store_space(st, "a", 100, 3, 0));
        OK(write_run(st, "first", 5));
        vs_store_close(st);
        fault.at = n, fault.count = 0, fault.code = code, fault.on = on;
        int done;
        vs_status s = life(&done);
        met = fault.count >= n;
        fault.at = 0;
        if (s != VS_OK && (s != VS_E_IO || strchr(err.msg, '\n') || !strstr(err.msg, db))) fail_msg("operation %d: %s: %s", n, vs_status_words(s), err.msg);
        if (!met) assert_int_equal(s, VS_OK);
        is_sound(done);
        remove_folder(NULL);
        make_folder(NULL);
        assert_true(n < 2000);
        if (!met) assert_true(n > 30);
    }
}

static void each_write_fails_once(void **state) {
    (void)state;
    fail_each(SQLITE_IOERR_WRITE, false);
}

static void the_disk_is_full_from_some_write_on(void **state) {
    (void)state;
    fail_each(SQLITE_FULL, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST(each_write_fails_once), TEST(the_disk_is_full_from_some_write_on)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
