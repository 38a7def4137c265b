/* sql.c - a person's SQL: any number of statements, read-only unless told otherwise, stopped by Ctrl-C. */
#include <string.h>

#include "store_impl.h"

enum { POLL_STEPS = 20000 };

/* Pragmas that only tell. */
static bool telling_pragma(const char *name, const char *value) {
    static const char *const always[] = {"table_info", "table_xinfo", "table_list", "index_list",     "index_info", "index_xinfo",
                                         "foreign_key_list", "database_list", "function_list", "collation_list", "module_list",
                                         "pragma_list", "compile_options", "integrity_check", "quick_check", "foreign_key_check"};
    static const char *const unset[] = {"user_version", "application_id", "page_count", "page_size", "freelist_count",
                                        "schema_version", "auto_vacuum", "encoding", "data_version"};
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (!sqlite3_stricmp(name, always[i])) return true;
    for (size_t i = 0; i < sizeof unset / sizeof *unset; i++)
        if (!sqlite3_stricmp(name, unset[i])) return !value;
    return false;
}

/* What a read-only statement may do; anything else is refused while it is compiled. */
static int allow_reading(int action, const char *a, const char *b) {
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_FUNCTION:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_PRAGMA:
        return telling_pragma(a, b) ? SQLITE_OK : SQLITE_DENY;
    case SQLITE_UPDATE: /* what declaring the columns of a table-valued function looks like; real ones are met by run_all() */
        return strcmp(a, "sqlite_master") ? SQLITE_DENY : SQLITE_OK;
    default:
        return SQLITE_DENY;
    }
}

/* Asked about each thing that a statement would do, when it is compiled. */
static int authorize(void *arg, int action, const char *a, const char *b, const char *database, const char *trigger) {
    (void)database, (void)trigger;
    const vs_store *st = arg;
    switch (st->mode) {
    case VS__SQL_READ:
        return allow_reading(action, a, b);
    case VS__SQL_INSIDE:
        return action == SQLITE_TRANSACTION || action == SQLITE_SAVEPOINT ? SQLITE_DENY : SQLITE_OK;
    default:
        return SQLITE_OK;
    }
}

/* Our own statements are short, and who calls them polls. */
static int poll_interrupt(void *arg) {
    const vs_store *st = arg;
    return st->mode != VS__SQL_OWN && vs_interrupted();
}

void vs__sql_guard(vs_store *st) {
    sqlite3_set_authorizer(st->db, authorize, st);
    sqlite3_progress_handler(st->db, POLL_STEPS, poll_interrupt, st);
    sqlite3_db_config(st->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
}

static vs_sql_value value_of(sqlite3_stmt *s, int i) {
    switch (sqlite3_column_type(s, i)) {
    case SQLITE_INTEGER:
        return (vs_sql_value){.type = VS_SQL_INT, .i = sqlite3_column_int64(s, i)};
    case SQLITE_FLOAT:
        return (vs_sql_value){.type = VS_SQL_REAL, .r = sqlite3_column_double(s, i)};
    case SQLITE_TEXT: {
        const char *text = (const char *)sqlite3_column_text(s, i);
        return (vs_sql_value){.type = VS_SQL_TEXT, .s = text ? text : "", .n = (size_t)sqlite3_column_bytes(s, i)};
    }
    case SQLITE_BLOB: {
        const char *bytes = sqlite3_column_blob(s, i);
        return (vs_sql_value){.type = VS_SQL_BLOB, .s = bytes ? bytes : "", .n = (size_t)sqlite3_column_bytes(s, i)};
    }
    default:
        return (vs_sql_value){.type = VS_SQL_NULL};
    }
}

/* The text that is run, for messages. */
typedef struct source {
    const char *text, *at;
    bool read_only;
} source;

static vs_status fail_sql(vs_err *err, vs_store *st, int rc, const source *src, bool compiling) {
    const char *why = sqlite3_errmsg(st->db);
    switch (rc & 0xff) {
    case SQLITE_AUTH:
        return src->read_only ? vs_fail(err, VS_E_STATE, "this statement does more than read; say --write to allow it: %.60s", src->at)
                              : vs_fail(err, VS_E_STATE, "a transaction is open; this statement would end it: %.60s", src->at);
    case SQLITE_READONLY:
        if (src->read_only) return vs_fail(err, VS_E_STATE, "this statement would write; say --write to allow it: %.60s", src->at);
        break;
    case SQLITE_ERROR: {
        int offset = sqlite3_error_offset(st->db);
        if (compiling && offset >= 0)
            return vs_fail(err, VS_E_SYNTAX, "SQL: %s (at byte %td: %.40s)", why, src->at + offset - src->text, src->at + offset);
        return vs_fail(err, VS_E_SYNTAX, "SQL: %s", why);
    }
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
        return vs_fail(err, VS_E_STATE, "SQL: %s", why);
    default:
        break;
    }
    return vs__store_fail(err, st, rc, "run SQL");
}

static vs_status give_rows(vs_err *err, vs_store *st, sqlite3_stmt *s, const source *src, vs_sql_row_fn *row, void *arg) {
    int n = sqlite3_column_count(s);
    const char **names = vs_alloc((size_t)n, sizeof *names);
    vs_sql_value *values = vs_alloc((size_t)n, sizeof *values);
    vs_status status = names && values ? VS_OK : vs_fail(err, VS_E_NOMEM, "SQL: no memory for %d columns", n);
    for (int i = 0; status == VS_OK && i < n; i++)
        if (!(names[i] = sqlite3_column_name(s, i))) status = vs_fail(err, VS_E_NOMEM, "SQL: out of memory");
    int rc = SQLITE_DONE;
    while (status == VS_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        for (int i = 0; i < n; i++) values[i] = value_of(s, i);
        if (row && n) status = row(arg, (size_t)n, names, values);
    }
    if (status == VS_OK && rc != SQLITE_DONE) status = fail_sql(err, st, rc, src, false);
    vs_free(values);
    vs_free(names);
    return status;
}

/* changed: the rows that the statements name, not those that triggers go on to. */
static vs_status run_all(vs_err *err, vs_store *st, source *src, vs_sql_row_fn *row, void *arg, int64_t *changed) {
    while (*src->at) {
        int64_t before = sqlite3_total_changes64(st->db);
        sqlite3_stmt *s;
        const char *rest;
        int rc = sqlite3_prepare_v2(st->db, src->at, -1, &s, &rest);
        if (rc == SQLITE_OK && src->read_only && s && !sqlite3_stmt_readonly(s)) rc = SQLITE_AUTH;
        vs_status status = rc != SQLITE_OK ? fail_sql(err, st, rc, src, true)
                           : s             ? give_rows(err, st, s, src, row, arg)
                                           : VS_OK; /* blanks or a comment */
        sqlite3_finalize(s);
        if (sqlite3_total_changes64(st->db) != before) *changed += sqlite3_changes64(st->db);
        if (status != VS_OK) return status;
        src->at = rest;
    }
    return VS_OK;
}

vs_status vs_store_sql(vs_err *err, vs_store *st, const char *query, bool read_only, vs_sql_row_fn *row, void *arg, int64_t *changed) {
    source src = {.text = query, .at = query, .read_only = read_only};
    int64_t rows = 0;
    bool inside = !sqlite3_get_autocommit(st->db);
    vs_sql_mode was = st->mode; /* functions of SQL may come back here while a statement runs */
    st->mode = read_only ? VS__SQL_READ : inside ? VS__SQL_INSIDE : VS__SQL_WRITE;
    bool triggers = !read_only && was == VS__SQL_OWN;
    if (triggers) sqlite3_db_config(st->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, NULL);
    vs_status status = run_all(err, st, &src, row, arg, &rows);
    if (triggers) sqlite3_db_config(st->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    st->mode = was;
    if (!inside && !sqlite3_get_autocommit(st->db)) {
        sqlite3_exec(st->db, "ROLLBACK", NULL, NULL, NULL);
        if (status == VS_OK) status = vs_fail(err, VS_E_STATE, "the SQL left a transaction open; it was taken back (end it with COMMIT)");
    }
    if (rows && !inside && was == VS__SQL_OWN) vs__give_disk_back(st); /* vectors that were deleted */
    if (changed) *changed = rows;
    return status;
}
