/* sql.h - vectors in SQL: functions and table-valued functions on a store's connection.
 *
 *   SELECT key FROM vectors_of('glove') ORDER BY vs_cosine(vec, vs_vec('queen - king + man')) DESC LIMIT 10
 *
 * A vector is a blob of little-endian f32, as the store keeps it; where one is wanted, its JSON ('[1, 2, 3]') will do.
 * Functions that compute stand in functions.def; they need no session and are also a loadable extension for any SQLite
 * program (vecscope_sql.so).  Of the session:
 *   vs_vec(expr)                     the vector of an expression, as at the prompt; once a statement
 *   vectors_of(space)                row, key, vec: a stored space, a space that is open, a table of an open model
 *   vs_neighbors(space, query, k)    row, key, score, best first; query: an expression, whose operands are left out, or a vector
 * NULL gives NULL; whatever else cannot be computed is an error of the statement. */
#ifndef VS_SQL_SQL_H
#define VS_SQL_SQL_H

#include "../session.h"

/* vs_sql_install() - add them all to the store's connection.
 *   s   borrowed, st is closed before it is freed; NULL: the store's own spaces and vectors only, no expressions
 * VS_OK | VS_E_NOMEM. */
vs_status vs_sql_install(vs_err *err, vs_session *s, vs_store *st) VS_MUST_CHECK;

#endif
