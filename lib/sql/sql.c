/* sql.c - what SQL takes from the session: vs_vec; and the installation of everything. */
#include "sql.h"

#include <string.h>

#include "sql_impl.h"

/* One expression has one value within a statement, so SQLite may compute it once (deterministic); but an expression may
 * read files, so it may not stand in the schema of a file that came from elsewhere (direct only). */
static void vec(sqlite3_context *c, int argc, sqlite3_value **args) {
    (void)argc;
    const vs__sql *of = sqlite3_user_data(c);
    if (sqlite3_value_type(args[0]) == SQLITE_NULL) return;
    const char *expr = (const char *)sqlite3_value_text(args[0]);
    vs_err err;
    vs_value v = {0};
    if (!expr)
        sqlite3_result_error_nomem(c);
    else if (!of->session)
        sqlite3_result_error(c, "vs_vec: an expression needs a session", -1);
    else if (vs_session_eval(&err, of->session, expr, (size_t)sqlite3_value_bytes(args[0]), &v) != VS_OK)
        vs__sql_fail(c, &err);
    else
        sqlite3_result_blob64(c, v.vec, v.dim * sizeof *v.vec, SQLITE_TRANSIENT);
    vs_value_free(&v);
}

vs_status vs_sql_install(vs_err *err, vs_session *s, vs_store *st) {
    sqlite3 *db = vs_store_handle(st);
    vs__sql *of = vs_alloc(1, sizeof *of);
    if (!of) return vs_fail(err, VS_E_NOMEM, "no memory for the SQL functions");
    *of = (vs__sql){.session = s, .store = st};
    /* the function owns `of`: it goes with the connection, or now when this fails */
    int rc = sqlite3_create_function_v2(db, "vs_vec", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, of, vec, NULL, NULL, vs__sql_free);
    if (rc == SQLITE_OK) rc = vs__sql_functions(db);
    if (rc == SQLITE_OK) rc = vs__sql_tables(db, of);
    return rc == SQLITE_OK ? VS_OK : vs_fail(err, VS_E_NOMEM, "cannot add the SQL functions: %s", sqlite3_errmsg(db));
}
