/* store.c - the connection: opening and making the file, errors in words, transactions, models, names, results. */
#include "store_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    APPLICATION_ID = 0x56534350, /* "VSCP" */
    BUSY_MS = 5000,              /* how long another process's lock is waited for */
    BUSY_NAP_MS = 10,
    PAGE_BYTES = 16384           /* whole vectors of up to 4,000 numbers in a page */
};

/* steps[v] takes a file of version v to version v + 1; a new file takes them all. */
static const char version_1[] = {
#include "schema.inc"
    , 0};
static const char version_2[] = {
#include "schema2.inc"
    , 0};
static const char version_3[] = {
#include "schema3.inc"
    , 0};
static const char version_4[] = {
#include "schema4.inc"
    , 0};
static const char *const steps[] = {version_1, version_2, version_3, version_4};
enum { VERSION = sizeof steps / sizeof *steps };

/* ---- errors ---- */

/* Whether a file may be made in the directory of path; errno says why not. */
static bool dir_allows(const char *path) {
    const char *slash = strrchr(path, '/');
    char *dir = slash ? vs_strndup(path, (size_t)(slash - path) + 1) : NULL;
    bool may = access(dir ? dir : ".", W_OK) == 0;
    int why = errno;
    vs_free(dir);
    errno = why;
    return may;
}

static vs_status fail_open(vs_err *err, vs_store *st, const char *doing) {
    int os = sqlite3_system_errno(st->db);
    /* what may not be made SQLite tries to read, and keeps the errno of that */
    if (os == ENOENT && !dir_allows(st->path)) os = errno;
    return vs_fail(err, VS_E_IO, "%s: cannot %s: %s", st->path, doing, os ? strerror(os) : sqlite3_errmsg(st->db));
}

vs_status vs__store_fail(vs_err *err, vs_store *st, int rc, const char *doing) {
    const char *path = st->path;
    if (rc == SQLITE_IOERR_NOMEM) rc = SQLITE_NOMEM;
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        if (vs_interrupted()) return vs_fail(err, VS_E_STOPPED, "%s: stopped while waiting for its lock", path);
        return vs_fail(err, VS_E_BUSY, "%s: cannot %s: another process is writing to the file (waited %d s); nothing was changed",
                       path, doing, BUSY_MS / 1000);
    case SQLITE_FULL:
        return vs_fail(err, VS_E_IO, "%s: cannot %s: the disk is full; what was stored before is kept", path, doing);
    case SQLITE_READONLY:
        return vs_fail(err, VS_E_IO, "%s: cannot %s: the file is read-only", path, doing);
    case SQLITE_CANTOPEN:
        return fail_open(err, st, doing);
    case SQLITE_NOTADB:
        return vs_fail(err, VS_E_FORMAT, "%s: not a vecscope file: no SQLite database", path);
    case SQLITE_CORRUPT:
        return vs_fail(err, VS_E_FORMAT, "%s: cannot %s: the file is damaged (%s)", path, doing, sqlite3_errmsg(st->db));
    case SQLITE_NOMEM:
        return vs_fail(err, VS_E_NOMEM, "%s: cannot %s: out of memory", path, doing);
    case SQLITE_INTERRUPT:
        return vs_fail(err, VS_E_STOPPED, "%s: stopped", path);
    case SQLITE_TOOBIG:
        return vs_fail(err, VS_E_RANGE, "%s: cannot %s: a text or a vector is larger than SQLite takes (1 GB)", path, doing);
    case SQLITE_IOERR: {
        int os = sqlite3_system_errno(st->db);
        return vs_fail(err, VS_E_IO, "%s: cannot %s: %s; what was stored before is kept", path, doing,
                       os ? strerror(os) : sqlite3_errmsg(st->db));
    }
    case SQLITE_CONSTRAINT:
        return vs_fail(err, VS_E_STATE, "%s: cannot %s: %s", path, doing, sqlite3_errmsg(st->db));
    default: /* our own statements are right, so the tables are not as we made them */
        return vs_fail(err, VS_E_FORMAT, "%s: cannot %s: %s", path, doing, sqlite3_errmsg(st->db));
    }
}

/* ---- statements ---- */

vs_status vs__statement(vs_err *err, vs_store *st, vs_statement which, sqlite3_stmt **out) {
    static const char *const text[] = {
#define STATEMENT(name, sql) sql,
#include "statements.def"
#undef STATEMENT
    };
    if (st->depth && sqlite3_get_autocommit(st->db)) /* a full disk makes SQLite take a transaction back by itself */
        return vs_fail(err, VS_E_IO, "%s: cannot store: an earlier failure has taken the transaction back", st->path);
    sqlite3_stmt **s = &st->kept[which];
    if (*s) {
        sqlite3_reset(*s);
        sqlite3_clear_bindings(*s);
    } else {
        int rc = sqlite3_prepare_v3(st->db, text[which], -1, SQLITE_PREPARE_PERSISTENT, s, NULL);
        if (rc != SQLITE_OK) return vs__store_fail(err, st, rc, "use its tables");
    }
    *out = *s;
    return VS_OK;
}

vs_status vs__step_done(vs_err *err, vs_store *st, sqlite3_stmt *s, const char *doing) {
    int rc = sqlite3_step(s);
    vs_status status = rc == SQLITE_DONE || rc == SQLITE_ROW ? VS_OK : vs__store_fail(err, st, rc, doing);
    sqlite3_reset(s);
    return status;
}

void vs__bind_text(sqlite3_stmt *s, int i, const char *text) { sqlite3_bind_text(s, i, text ? text : "", -1, SQLITE_STATIC); }

void vs__bind_id(sqlite3_stmt *s, int i, vs_id id) {
    if (id) sqlite3_bind_int64(s, i, id);
}

vs_status vs__exec(vs_err *err, vs_store *st, const char *sql, const char *doing) {
    int rc = sqlite3_exec(st->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? VS_OK : vs__store_fail(err, st, rc, doing);
}

vs_status vs__pragma(vs_err *err, vs_store *st, const char *sql, int64_t *out) {
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(st->db, sql, -1, &s, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(s);
    vs_status status = VS_OK;
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(s, 0);
    else
        status = vs__store_fail(err, st, rc, "open it");
    sqlite3_finalize(s);
    return status;
}

/* ---- transactions ---- */

vs_status vs__begin(vs_err *err, vs_store *st) {
    sqlite3_stmt *s;
    VS_TRY(vs__statement(err, st, st->depth ? VS__SAVEPOINT : VS__BEGIN, &s));
    VS_TRY(vs__step_done(err, st, s, "write"));
    st->depth++;
    return VS_OK;
}

vs_status vs__commit(vs_err *err, vs_store *st) {
    if (st->depth == 0) return vs_fail(err, VS_E_STATE, "%s: nothing was begun", st->path);
    sqlite3_stmt *s;
    vs_status status = vs__statement(err, st, st->depth > 1 ? VS__RELEASE : VS__COMMIT, &s);
    if (status == VS_OK) status = vs__step_done(err, st, s, "store");
    if (status == VS_OK)
        st->depth--;
    else
        vs__rollback(st);
    return status;
}

void vs__rollback(vs_store *st) {
    if (st->depth == 0) return;
    st->depth--;
    if (sqlite3_get_autocommit(st->db)) return;
    sqlite3_exec(st->db, st->depth ? "ROLLBACK TO inner_one; RELEASE inner_one" : "ROLLBACK", NULL, NULL, NULL);
}

vs_status vs_store_begin(vs_err *err, vs_store *st) { return vs__begin(err, st); }
vs_status vs_store_commit(vs_err *err, vs_store *st) { return vs__commit(err, st); }
void vs_store_rollback(vs_store *st) { vs__rollback(st); }

/* ---- opening ---- */

/* Wait for a lock in short naps, so that Ctrl-C ends the wait. */
static int wait_for_lock(void *arg, int times) {
    (void)arg;
    if (times >= BUSY_MS / BUSY_NAP_MS || vs_interrupted()) return 0;
    struct timespec nap = {.tv_nsec = BUSY_NAP_MS * 1000000L};
    nanosleep(&nap, NULL);
    return 1;
}

/* What every connection needs, whatever the file holds: nothing in a file that we did not make may act on its own. */
static void guard(vs_store *st) {
    sqlite3 *db = st->db;
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_handler(db, wait_for_lock, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    vs__sql_guard(st);
}

static vs_status connect(vs_err *err, vs_store *st, const char *name, int flags) {
    int rc = sqlite3_open_v2(name, &st->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (!st->db) return vs_fail(err, VS_E_NOMEM, "%s: cannot open: out of memory", st->path);
    if (rc != SQLITE_OK) return vs__store_fail(err, st, rc, "open it");
    guard(st);
    return VS_OK;
}

/* A file whose folder cannot be written needs no lock when nobody has it open: SQLite reads it as it lies. */
static vs_status connect_as_it_lies(vs_err *err, vs_store *st) {
    vs_buf uri = {0};
    vs_buf_puts(&uri, "file:");
    for (const unsigned char *p = (const unsigned char *)st->path; *p; p++)
        if (*p == '%' || *p == '?' || *p == '#')
            vs_buf_printf(&uri, "%%%02X", *p);
        else
            vs_buf_putc(&uri, (char)*p);
    vs_buf_puts(&uri, "?immutable=1");
    vs_status s = uri.failed ? vs_fail(err, VS_E_NOMEM, "%s: out of memory", st->path) : VS_OK;
    if (s == VS_OK) {
        sqlite3_close(st->db);
        st->db = NULL;
        s = connect(err, st, uri.s, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
    }
    vs_buf_free(&uri);
    return s;
}

static bool has_log(const vs_store *st) {
    struct stat info;
    vs_buf log = {0};
    vs_buf_printf(&log, "%s-wal", st->path);
    bool there = log.failed || (stat(log.s, &info) == 0 && info.st_size > 0);
    vs_buf_free(&log);
    return there;
}

/* *version: what the file says it is; 0: empty.  Refuses what is not ours. */
static vs_status identify(vs_err *err, vs_store *st, int64_t *version) {
    int64_t id, objects;
    VS_TRY(vs__pragma(err, st, "SELECT count(*) FROM sqlite_schema", &objects));
    VS_TRY(vs__pragma(err, st, "PRAGMA application_id", &id));
    VS_TRY(vs__pragma(err, st, "PRAGMA user_version", version));
    if (objects == 0 && id == 0 && *version == 0) return VS_OK;
    if (id != APPLICATION_ID)
        return vs_fail(err, VS_E_FORMAT, "%s: not a vecscope file: an SQLite database of something else", st->path);
    if (*version < 0 || *version > VERSION)
        return vs_fail(err, VS_E_FORMAT, "%s: made by a newer vecscope (file version %lld; this one knows up to %d)", st->path,
                       (long long)*version, (int)VERSION);
    return VS_OK;
}

/* Bring the file to our version, in one transaction; another process may have done so meanwhile. */
static vs_status migrate(vs_err *err, vs_store *st) {
    int64_t version;
    VS_TRY(vs__begin(err, st));
    vs_status s = identify(err, st, &version);
    for (; s == VS_OK && version < VERSION; version++) {
        char stamp[96];
        sqlite3_snprintf(sizeof stamp, stamp, "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID,
                         (int)version + 1);
        if ((s = vs__exec(err, st, steps[version], "make its tables")) == VS_OK) s = vs__exec(err, st, stamp, "make its tables");
    }
    if (s == VS_OK) return vs__commit(err, st);
    vs__rollback(st);
    return s;
}

static vs_status prepare_file(vs_err *err, vs_store *st) {
    int64_t version;
    vs_status s = identify(err, st, &version);
    if (s == VS_E_IO && !st->in_memory && !has_log(st)) {
        VS_TRY(connect_as_it_lies(err, st));
        s = identify(err, st, &version);
    }
    VS_TRY(s);
    if (sqlite3_db_readonly(st->db, "main") && version == VERSION) return VS_OK;
    if (version == 0) { /* these are decided before the first page is written */
        char pragmas[96];
        sqlite3_snprintf(sizeof pragmas, pragmas, "PRAGMA page_size = %d; PRAGMA auto_vacuum = INCREMENTAL", PAGE_BYTES);
        VS_TRY(vs__exec(err, st, pragmas, "make it"));
    }
    /* NORMAL: a power cut may take the last transactions back, whole; it never leaves half a one */
    VS_TRY(vs__exec(err, st,
                    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;"
                    "PRAGMA secure_delete = OFF; PRAGMA journal_size_limit = 16777216; PRAGMA cache_size = -16384",
                    version ? "open it" : "make it"));
    return version < VERSION ? migrate(err, st) : VS_OK;
}

vs_status vs_store_open(vs_err *err, const char *path, vs_store **out) {
    *out = NULL;
    vs_store *st = vs_zalloc(1, sizeof *st);
    if (!st || !(st->path = vs_strdup(path))) {
        vs_free(st);
        return vs_fail(err, VS_E_NOMEM, "%s: cannot open: out of memory", path);
    }
    st->in_memory = !strcmp(path, ":memory:");
    vs_status s = *path ? connect(err, st, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)
                        : vs_fail(err, VS_E_IO, "a store needs a path");
    if (s == VS_OK) s = prepare_file(err, st);
    if (s != VS_OK) {
        vs_store_close(st);
        return s;
    }
    *out = st;
    return VS_OK;
}

bool vs_store_is(const char *path) {
    static const char magic[] = "SQLite format 3"; /* and its NUL */
    char head[sizeof magic] = "";
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a pipe is waited for by no one */
    bool is = fd >= 0 && read(fd, head, sizeof head) == (ssize_t)sizeof head && !memcmp(head, magic, sizeof magic);
    if (fd >= 0) close(fd);
    return is;
}

void vs_store_close(vs_store *st) {
    if (!st) return;
    vs_store_space_abort(st->writer);
    for (int i = 0; i < VS__STATEMENT_COUNT; i++) sqlite3_finalize(st->kept[i]);
    sqlite3_close(st->db); /* takes back what was begun and not stored */
    vs_arena_free(&st->scratch);
    vs_free(st->path);
    vs_free(st);
}

const char *vs_store_path(const vs_store *st) { return st->path; }
bool vs_store_read_only(const vs_store *st) { return sqlite3_db_readonly(st->db, "main") == 1; }
sqlite3 *vs_store_handle(vs_store *st) { return st->db; }
