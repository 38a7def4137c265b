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
#include "../session.h"

/* A vector among a function's arguments.  Not to be copied: x may point into it. */
typedef struct vs__sql_vector {
    const float *x; /* [n]; NULL: the argument was NULL, or was none (*bad) */
    size_t n;
    float *own;      /* a copy to vs_free(), or NULL */
    float here[512]; /* a copy of what lies at an odd address in SQLite's page, where it fits */
} vs__sql_vector;

/* vs__sql_vector_of() - the vector that a value holds: a blob borrowed as it is, or JSON read into a copy.
 *   name: who asks, for the message ("vs_dot")
 * VS_OK (x NULL for NULL) | VS_E_SHAPE (a blob that is no vector) | VS_E_SYNTAX (a text that is no JSON of numbers) | VS_E_NOMEM. */
vs_status vs__sql_vector_of(vs_err *err, const char *name, sqlite3_value *v, vs__sql_vector *out) VS_MUST_CHECK;

/* vs__sql_fail() - end a function's call with the message of err. */
void vs__sql_fail(sqlite3_context *c, const vs_err *err);

/* A vector that SQLite keeps beside a constant argument, so that it is worked out once a statement. */
typedef struct vs__sql_kept {
    size_t n;
    float x[];
} vs__sql_kept;
bool vs__sql_keep(sqlite3_context *c, int argument, const float *x, size_t n); /* false: no memory */

/* vs__sql_functions() - add the functions of functions.def to a connection.  Returns SQLite's code. */
int vs__sql_functions(sqlite3 *db);

/* What the functions of a session know. */
typedef struct vs__sql {
    vs_session *session; /* NULL: spaces of the store alone */
    vs_store *store;     /* NULL in the extension: the tables of the connection */
    sqlite3 *db;
    struct vs__sql_stored *stored; /* spaces that are stored, opened for SQL */
    size_t cursors;                /* open on any table */
} vs__sql;

/* vs__sql_space() - a space that is open or stored, by its name (spaces.c; of the extension ext/spaces.c).
 * vs__sql_vec() - add vs_vec, which owns `of`: that goes with the connection, or now when this fails.
 * vs__sql_tables() - add vectors_of, vs_neighbors and vs_expr.  vs__sql_free() - of, and the spaces that it has open. */
vs_status vs__sql_space(vs_err *err, vs__sql *of, const char *name, vs_space **out) VS_MUST_CHECK;
int vs__sql_vec(sqlite3 *db, vs__sql *of);
int vs__sql_tables(sqlite3 *db, vs__sql *of);
void vs__sql_free(void *of);

#endif
