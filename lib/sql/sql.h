/* sql.h - vectors in SQL: functions and table-valued functions on a store's connection.
 *
 *   SELECT key FROM vectors_of('glove') ORDER BY vs_cosine(vec, vs_vec('queen - king + man')) DESC LIMIT 10
 *
 * A vector is a blob of little-endian f32, as the store keeps it and as sqlite-vec and numpy have it; where one is wanted, its
 * JSON ('[1, 2, 3]') will do.  Functions that compute stand in functions.def: pure, so deterministic and innocuous.  What reads
 * spaces, names and files is neither, and may not stand in a file's schema:
 *   vs_vec(expr)                     the vector of an expression, as at the prompt; a constant one once a statement
 *   vs_neighbors(space, query, k)    row, key, score, best first; query: a vector, or an expression, as at the prompt, whose
 *                                    operands are left out; a fourth argument: 'cosine', 'dot' or 'l2' (space.h)
 *   vs_expr(space, expr, k)          the same of an expression whose words are looked up in that space
 *   vectors_of(space)                row, key, vec: a stored space, a space that is open, a table of an open model (reads only;
 *                                    innocuous)
 * A NULL vector gives NULL, and is left out of sums; whatever else cannot be computed is an error of the statement.
 *
 * All of it is also a loadable extension for any SQLite program (vecscope_sql.so, ext/), where each connection has a session of
 * its own and vs_open(what) opens a space of the file, a model or a word-vector file. */
#ifndef VS_SQL_SQL_H
#define VS_SQL_SQL_H

#include "../session.h"

/* vs_sql_install() - add them all to the store's connection.
 *   s   borrowed, st is closed before it is freed; NULL: the store's own spaces and vectors only, no expressions
 * VS_OK | VS_E_NOMEM. */
vs_status vs_sql_install(vs_err *err, vs_session *s, vs_store *st) VS_MUST_CHECK;

#endif
