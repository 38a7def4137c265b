/* extension.c - the functions of functions.def for any SQLite program: SELECT load_extension('./vecscope_sql') */
#include "../sql_impl.h"

SQLITE_EXTENSION_INIT1

int sqlite3_extension_init(sqlite3 *db, char **message, const sqlite3_api_routines *api);

int sqlite3_extension_init(sqlite3 *db, char **message, const sqlite3_api_routines *api) {
    (void)message;
    SQLITE_EXTENSION_INIT2(api)
    return vs__sql_functions(db);
}
