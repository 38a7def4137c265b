/* sql_impl.h - what the files of lib/sql share. */
#ifndef VS_SQL_SQL_IMPL_H
#define VS_SQL_SQL_IMPL_H

/* VS_SQL_EXTENSION: compiled as a part of the loadable extension, where SQLite is reached through a table. */
#ifdef VS_SQL_EXTENSION
#include <sqlite3ext.h>
#else
#include <sqlite3.h>
#endif

#include "../base/alloc.h"

/* A vector among a function's arguments. */
typedef struct vs__sql_vector {
    const float *x; /* [n]; NULL: the argument was NULL, or was none (*bad) */
    size_t n;
    float *own; /* a copy to vs_free(), or NULL */
} vs__sql_vector;

/* vs__sql_vector_of() - the vector that a value holds: a blob borrowed as it is, or JSON read into a copy.
 *   name: who asks, for the message ("vs_dot")
 * VS_OK (x NULL for NULL) | VS_E_SHAPE (a blob that is no vector) | VS_E_SYNTAX (a text that is no JSON of numbers) | VS_E_NOMEM. */
vs_status vs__sql_vector_of(vs_err *err, const char *name, sqlite3_value *v, vs__sql_vector *out) VS_MUST_CHECK;

/* vs__sql_fail() - end a function's call with the message of err. */
void vs__sql_fail(sqlite3_context *c, const vs_err *err);

/* vs__sql_functions() - add the functions of functions.def to a connection.  Returns SQLite's code. */
int vs__sql_functions(sqlite3 *db);

#ifndef VS_SQL_EXTENSION
#include "../session.h"

/* What the functions of a session know. */
typedef struct vs__sql {
    vs_session *session; /* NULL: spaces of the store alone */
    vs_store *store;
    struct vs__sql_stored *stored; /* spaces of the store opened for SQL */
    size_t cursors;                /* open on either table */
} vs__sql;

/* vs__sql_tables() - add vectors_of and vs_neighbors.  of: borrowed while the connection is open.
 * vs__sql_free() - of, and the spaces that it has open. */
int vs__sql_tables(sqlite3 *db, vs__sql *of);
void vs__sql_free(void *of);
#endif

#endif
