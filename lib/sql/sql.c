/* sql.c - the functions and tables on the connection of a store. */
#include "sql.h"

#include "sql_impl.h"

vs_status vs_sql_install(vs_err *err, vs_session *s, vs_store *st) {
    sqlite3 *db = vs_store_handle(st);
    vs__sql *of = vs_alloc(1, sizeof *of);
    if (!of) return vs_fail(err, VS_E_NOMEM, "no memory for the SQL functions");
    *of = (vs__sql){.session = s, .store = st, .db = db};
    int rc = vs__sql_vec(db, of);
    if (rc == SQLITE_OK) rc = vs__sql_functions(db);
    if (rc == SQLITE_OK) rc = vs__sql_tables(db, of);
    return rc == SQLITE_OK ? VS_OK : vs_fail(err, VS_E_NOMEM, "cannot add the SQL functions: %s", sqlite3_errmsg(db));
}
