/* vec.c - vs_vec: the vector of an expression. */
#include "sql_impl.h"

#ifdef VS_SQL_EXTENSION
SQLITE_EXTENSION_INIT3
#endif

/* An expression reads spaces, names and files, which change between statements: the function is not deterministic, and may
 * not stand in the schema of a file that came from elsewhere (direct only).  Within a statement a constant one is worked out
 * once. */
static void vec(sqlite3_context *c, int argc, sqlite3_value **args) {
    (void)argc;
    const vs__sql *of = sqlite3_user_data(c);
    const vs__sql_kept *k = sqlite3_get_auxdata(c, 0);
    if (k) {
        sqlite3_result_blob64(c, k->x, k->n * sizeof *k->x, SQLITE_TRANSIENT);
        return;
    }
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
    else {
        sqlite3_result_blob64(c, v.vec, v.dim * sizeof *v.vec, SQLITE_TRANSIENT);
        if (!vs__sql_keep(c, 0, v.vec, v.dim)) sqlite3_result_error_nomem(c);
    }
    vs_value_free(&v);
}

int vs__sql_vec(sqlite3 *db, vs__sql *of) {
    return sqlite3_create_function_v2(db, "vs_vec", 1, SQLITE_UTF8 | SQLITE_DIRECTONLY, of, vec, NULL, NULL, vs__sql_free);
}
