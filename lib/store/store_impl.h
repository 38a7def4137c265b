/* store_impl.h - what the files of the store share: the connection, its prepared statements, transactions that nest. */
#ifndef VS_STORE_STORE_IMPL_H
#define VS_STORE_STORE_IMPL_H

#include <sqlite3.h>

#include "../base/alloc.h"
#include "../base/dict.h"
#include "store.h"

#define SPACE_COLUMNS "id, name, model, place, dim, rows, metric, source, source_size, source_mtime, generation, layer, edits"

typedef enum vs_statement {
#define STATEMENT(name, text) VS__##name,
#include "statements.def"
#undef STATEMENT
    VS__STATEMENT_COUNT
} vs_statement;

/* Whose statements the connection runs: its own, or a person's that may write, may write but not end the open
 * transaction, or may only read. */
typedef enum vs_sql_mode { VS__SQL_OWN, VS__SQL_WRITE, VS__SQL_INSIDE, VS__SQL_READ } vs_sql_mode;

struct vs_store {
    sqlite3 *db;
    char *path;
    bool in_memory;    /* nothing beside it on disk either */
    int depth;         /* transactions begun and not ended */
    vs_id run_open;    /* the run being stored; 0: none */
    vs_sql_mode mode;
    vs_space_writer *writer; /* the open one */
    sqlite3_stmt *kept[VS__STATEMENT_COUNT];
    vs_arena scratch;  /* strings of the last record handed out */
};

/* vs__store_fail() - what SQLite said last on this connection, as a status and one line: "PATH: cannot DOING: why".
 *   rc  what the call returned
 * Full disk, read-only file, lock, damage, interruption and memory have words of their own. */
vs_status vs__store_fail(vs_err *err, vs_store *st, int rc, const char *doing);

/* vs__statement() - a kept statement, reset and with nothing bound.  Reset it again when done with its rows
 * (sqlite3_reset): a statement left in the middle of its rows holds old pages.
 * vs__step_done() - run a statement that gives no rows, and reset it. */
vs_status vs__statement(vs_err *err, vs_store *st, vs_statement which, sqlite3_stmt **out) VS_MUST_CHECK;
vs_status vs__step_done(vs_err *err, vs_store *st, sqlite3_stmt *s, const char *doing) VS_MUST_CHECK;
void vs__bind_text(sqlite3_stmt *s, int i, const char *text); /* NULL as ''; the text must stay until the statement ran */
void vs__bind_id(sqlite3_stmt *s, int i, vs_id id);           /* 0 as NULL */

/* vs__exec() - SQL text of our own without results. */
vs_status vs__exec(vs_err *err, vs_store *st, const char *sql, const char *doing) VS_MUST_CHECK;
/* vs__pragma() - the number that a pragma answers. */
vs_status vs__pragma(vs_err *err, vs_store *st, const char *sql, int64_t *out) VS_MUST_CHECK;

/* Transactions.  The outermost takes the write lock at once, so that a lock held elsewhere is met before any work is
 * done; inner ones are savepoints.  A commit that fails has rolled back. */
vs_status vs__begin(vs_err *err, vs_store *st) VS_MUST_CHECK;
vs_status vs__commit(vs_err *err, vs_store *st) VS_MUST_CHECK;
void vs__rollback(vs_store *st);

/* ---- spaces and their cache files ---- */

/* The ids of the rows of a space. */
enum { VS__ROW_BITS = 32 };
static inline int64_t vs__first_id(vs_id space) { return (int64_t)((uint64_t)space << VS__ROW_BITS); }
static inline int64_t vs__last_id(vs_id space) { return vs__first_id(space) | (int64_t)UINT32_MAX; }

/* vs__give_disk_back() - free pages to the file system, outside a transaction; what fails is tried again at the next call. */
void vs__give_disk_back(vs_store *st);
/* vs__sql_guard() - put the connection under the rules of st->mode.  Triggers are on while a person's SQL may write, and
 * off for our own (schema.sql says why). */
void vs__sql_guard(vs_store *st);

/* vs__cache_path() - the path of a space's cache file; appended to out. */
void vs__cache_path(const vs_store *st, vs_id space, vs_buf *out);

#endif
