/* extension.c - all of sql.h for any SQLite program: SELECT load_extension('./vecscope_sql').
 *
 * Each connection has a session of its own: the words that are built in, the spaces of the vecscope file that it has open,
 * and what vs_open() opens. */
#include "../sql_impl.h"

SQLITE_EXTENSION_INIT1

int sqlite3_extension_init(sqlite3 *db, char **message, const sqlite3_api_routines *api);

static vs_status open_any(vs_err *err, vs__sql *of, const char *what) {
    vs_space *space;
    vs_err other;
    if (vs__sql_space(NULL, of, what, &space) == VS_OK) return vs_session_use(err, of->session, vs_space_name(space));
    vs_status s = vs_session_open_model(err, of->session, what, NULL);
    if (s == VS_OK) return vs_session_use(err, of->session, "W_E");
    if (s != VS_E_FORMAT && s != VS_E_UNKNOWN) return s;
    if (vs_session_open_space(&other, of->session, what, NULL, NULL) == VS_OK) return VS_OK;
    if (s == VS_E_FORMAT) *err = other; /* there is a file, and it is no model */
    return err->code;
}

/* vs_open(what) - a space of this file, a model (its embedding) or a word-vector file becomes current: words without a
 * space's name are looked up there.  Gives its name. */
static void open_it(sqlite3_context *c, int argc, sqlite3_value **args) {
    (void)argc;
    vs__sql *of = sqlite3_user_data(c);
    vs_err err;
    const char *what = (const char *)sqlite3_value_text(args[0]);
    if (!what) return;
    if (of->cursors)
        sqlite3_result_error(c, "vs_open: not while a space is being read", -1);
    else if (open_any(&err, of, what) != VS_OK)
        vs__sql_fail(c, &err);
    else
        sqlite3_result_text(c, vs_space_name(vs_session_space(of->session)), -1, SQLITE_TRANSIENT);
}

int sqlite3_extension_init(sqlite3 *db, char **message, const sqlite3_api_routines *api) {
    SQLITE_EXTENSION_INIT2(api)
    vs_err err;
    vs__sql *of = vs_zalloc(1, sizeof *of);
    if (!of) return SQLITE_NOMEM;
    of->db = db;
    if (vs_session_new(&err, NULL, &of->session) != VS_OK) {
        *message = sqlite3_mprintf("%s", err.msg);
        vs_free(of);
        return SQLITE_ERROR;
    }
    int rc = vs__sql_vec(db, of);
    if (rc == SQLITE_OK) rc = vs__sql_functions(db);
    if (rc == SQLITE_OK) rc = vs__sql_tables(db, of);
    if (rc == SQLITE_OK) rc = sqlite3_create_function_v2(db, "vs_open", 1, SQLITE_UTF8 | SQLITE_DIRECTONLY, of, open_it, NULL, NULL, NULL);
    return rc == SQLITE_OK ? SQLITE_OK_LOAD_PERMANENTLY : rc; /* threads of ours wait in it */
}
