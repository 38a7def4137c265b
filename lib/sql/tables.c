/* tables.c - spaces as tables: vectors_of(space), vs_neighbors(space, query, k), vs_expr(space, expr, k). */
#include "sql_impl.h"

#ifdef VS_SQL_EXTENSION
SQLITE_EXTENSION_INIT3
#endif

#include <string.h>

#include "../tensor/kernels.h"

/* ---- what all tables do ---- */

typedef struct table {
    sqlite3_vtab base;
    vs__sql *of;
    bool expressions; /* vs_expr */
} table;

static int fail_table(sqlite3_vtab *t, const vs_err *err) {
    if (err->code == VS_E_NOMEM) return SQLITE_NOMEM;
    if (err->code == VS_E_STOPPED) return SQLITE_INTERRUPT;
    sqlite3_free(t->zErrMsg);
    t->zErrMsg = sqlite3_mprintf("%s", err->msg);
    return SQLITE_ERROR;
}

static int connect(sqlite3 *db, void *of, const char *columns, int trust, sqlite3_vtab **out) {
    int rc = sqlite3_declare_vtab(db, columns);
    if (rc != SQLITE_OK) return rc;
    sqlite3_vtab_config(db, trust);
    table *t = vs_zalloc(1, sizeof *t);
    if (!t) return SQLITE_NOMEM;
    t->of = of;
    *out = &t->base;
    return SQLITE_OK;
}

static int disconnect(sqlite3_vtab *t) {
    vs_free(t);
    return SQLITE_OK;
}

/* Arguments are hidden columns from `first` on, equal to something: each that is given becomes an argument of xFilter, in
 * the order of the columns.  *given: bit i for argument i.  False where one is given that is not known yet in this plan. */
static bool take_arguments(sqlite3_index_info *info, int first, int n, int *given) {
    int at[8];
    *given = 0;
    for (int i = 0; i < info->nConstraint; i++) {
        int arg = info->aConstraint[i].iColumn - first;
        if (arg < 0 || arg >= n || info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
        if (!info->aConstraint[i].usable) return false;
        at[arg] = i;
        *given |= 1 << arg;
    }
    for (int arg = 0, next = 1; arg < n; arg++)
        if (*given & 1 << arg) info->aConstraintUsage[at[arg]] = (struct sqlite3_index_constraint_usage){.argvIndex = next++, .omit = 1};
    return true;
}

/* A plan without the arguments is given, but costs too much to be taken where there is another: SQLite asks for one for each
 * side of an OR, without what stands beside it.  One that is taken fails in xFilter. */
static int without_arguments(sqlite3_index_info *info) {
    info->estimatedCost = 1e99;
    info->estimatedRows = INT64_MAX / 2;
    return SQLITE_OK;
}

static int want_arguments(sqlite3_vtab *t, const char *usage) {
    vs_err err;
    (void)vs_fail(&err, VS_E_USAGE, "%s", usage);
    return fail_table(t, &err);
}

/* ---- vectors_of(space) ---- */

enum { V_ROW, V_KEY, V_VEC, V_SPACE };
enum { BY_SCAN, BY_ROW, BY_KEY, BY_NOTHING };

typedef struct vectors {
    sqlite3_vtab_cursor base;
    vs_space *space;
    const float *data; /* [n, d] where it is contiguous f32, or NULL */
    float *row_vec;    /* [d] otherwise: a row widened */
    size_t d, row, end;
} vectors;

static int vectors_connect(sqlite3 *db, void *of, int argc, const char *const *argv, sqlite3_vtab **out, char **message) {
    (void)argc, (void)argv, (void)message;
    return connect(db, of, "CREATE TABLE vectors_of (row INTEGER, key TEXT, vec BLOB, space HIDDEN)", SQLITE_VTAB_INNOCUOUS, out);
}

/* A row is found by its number, or by its key through the space's index, without a scan. */
static int vectors_best(sqlite3_vtab *t, sqlite3_index_info *info) {
    (void)t;
    int given, by = BY_SCAN, at = -1;
    if (!take_arguments(info, V_SPACE, 1, &given)) return SQLITE_CONSTRAINT;
    info->idxNum = BY_NOTHING;
    if (!given) return without_arguments(info);
    for (int i = 0; i < info->nConstraint; i++) {
        int column = info->aConstraint[i].iColumn;
        if (!info->aConstraint[i].usable || info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
        if (column == V_ROW || column < 0) {
            by = BY_ROW;
            at = i;
        } else if (column == V_KEY && by == BY_SCAN && !sqlite3_stricmp(sqlite3_vtab_collation(info, i), "BINARY")) {
            by = BY_KEY;
            at = i;
        }
    }
    if (at >= 0) info->aConstraintUsage[at].argvIndex = 2; /* compared again by SQLite: 5.5 is no row, 'a' no number */
    info->idxNum = by;
    info->estimatedCost = by == BY_SCAN ? 1e6 : 10;
    info->estimatedRows = by == BY_SCAN ? 400000 : 1;
    if (info->nOrderBy == 1 && !info->aOrderBy[0].desc && (info->aOrderBy[0].iColumn == V_ROW || info->aOrderBy[0].iColumn < 0))
        info->orderByConsumed = 1;
    return SQLITE_OK;
}

static int vectors_open(sqlite3_vtab *t, sqlite3_vtab_cursor **out) {
    vectors *v = vs_zalloc(1, sizeof *v);
    if (!v) return SQLITE_NOMEM;
    ((table *)t)->of->cursors++;
    *out = &v->base;
    return SQLITE_OK;
}

static int vectors_close(sqlite3_vtab_cursor *c) {
    vectors *v = (vectors *)c;
    ((table *)c->pVtab)->of->cursors--;
    vs_free(v->row_vec);
    vs_free(v);
    return SQLITE_OK;
}

static int vectors_filter(sqlite3_vtab_cursor *c, int by, const char *unused, int argc, sqlite3_value **args) {
    (void)unused, (void)argc;
    vectors *v = (vectors *)c;
    v->row = v->end = 0;
    if (by == BY_NOTHING) return want_arguments(c->pVtab, "vectors_of wants the name of a space: vectors_of('glove')");
    const char *name = (const char *)sqlite3_value_text(args[0]);
    if (!name) return want_arguments(c->pVtab, "vectors_of wants the name of a space, not NULL");
    vs_err err;
    if (vs__sql_space(&err, ((table *)c->pVtab)->of, name, &v->space) != VS_OK) return fail_table(c->pVtab, &err);
    v->d = vs_space_dim(v->space);
    v->data = vs_space_data(v->space);
    vs_free(v->row_vec);
    v->row_vec = v->data ? NULL : vs_alloc(v->d, sizeof *v->row_vec);
    if (!v->data && !v->row_vec) return SQLITE_NOMEM;
    size_t n = vs_space_rows(v->space), row = 0;
    bool found = true;
    if (by == BY_ROW) {
        sqlite3_int64 wanted = sqlite3_value_int64(args[1]);
        found = wanted >= 0 && (uint64_t)wanted < n;
        row = found ? (size_t)wanted : 0;
    } else if (by == BY_KEY) {
        const char *key = (const char *)sqlite3_value_text(args[1]);
        found = key && vs_space_find(v->space, key, (size_t)sqlite3_value_bytes(args[1]), &row) && row < n;
    }
    v->row = found ? row : 0;
    v->end = !found ? 0 : by == BY_SCAN ? n : row + 1;
    return SQLITE_OK;
}

static int vectors_next(sqlite3_vtab_cursor *c) {
    ((vectors *)c)->row++;
    return SQLITE_OK;
}

static int vectors_eof(sqlite3_vtab_cursor *c) {
    const vectors *v = (const vectors *)c;
    return v->row >= v->end;
}

static int vectors_column(sqlite3_vtab_cursor *c, sqlite3_context *out, int column) {
    vectors *v = (vectors *)c;
    size_t len;
    const char *key;
    switch (column) {
    case V_ROW:
        sqlite3_result_int64(out, (sqlite3_int64)v->row);
        break;
    case V_KEY:
        key = vs_space_key(v->space, v->row, &len);
        sqlite3_result_text64(out, key, len, SQLITE_STATIC, SQLITE_UTF8);
        break;
    case V_VEC:
        if (v->data) {
            sqlite3_result_blob64(out, v->data + v->row * v->d, v->d * sizeof *v->data, SQLITE_STATIC);
        } else {
            vs_err err;
            if (vs_space_row(&err, v->space, v->row, v->row_vec) == VS_OK)
                sqlite3_result_blob64(out, v->row_vec, v->d * sizeof *v->row_vec, SQLITE_TRANSIENT);
            else
                vs__sql_fail(out, &err);
        }
        break;
    default:
        sqlite3_result_text(out, vs_space_name(v->space), -1, SQLITE_STATIC);
    }
    return SQLITE_OK;
}

static int vectors_rowid(sqlite3_vtab_cursor *c, sqlite3_int64 *out) {
    *out = (sqlite3_int64)((vectors *)c)->row;
    return SQLITE_OK;
}

static const sqlite3_module vectors_module = {.xConnect = vectors_connect,
                                              .xBestIndex = vectors_best,
                                              .xDisconnect = disconnect,
                                              .xOpen = vectors_open,
                                              .xClose = vectors_close,
                                              .xFilter = vectors_filter,
                                              .xNext = vectors_next,
                                              .xEof = vectors_eof,
                                              .xColumn = vectors_column,
                                              .xRowid = vectors_rowid};

/* ---- vs_neighbors(space, query, k), vs_expr(space, expr, k) ---- */

enum { N_ROW, N_KEY, N_SCORE, N_SPACE, N_QUERY, N_K, N_METRIC };
enum { DEFAULT_K = 10, MAX_K = 1 << 20 };

typedef struct neighbors {
    sqlite3_vtab_cursor base;
    vs_space *space;
    size_t *row;  /* [k] */
    float *score; /* [k] */
    size_t found, at;
    sqlite3_value *query; /* the other arguments, told again: SQLite compares what a WHERE says of them besides */
    size_t k;
    vs_measure measure;
} neighbors;

static int neighbors_connect(sqlite3 *db, void *of, int argc, const char *const *argv, sqlite3_vtab **out, char **message) {
    (void)argc, (void)argv, (void)message;
    return connect(db, of, "CREATE TABLE vs_neighbors (row INTEGER, key TEXT, score REAL, space HIDDEN, query HIDDEN, k HIDDEN, metric HIDDEN)",
                   SQLITE_VTAB_DIRECTONLY, out);
}

/* The same table, whose queries are expressions whatever they look like. */
static int expr_connect(sqlite3 *db, void *of, int argc, const char *const *argv, sqlite3_vtab **out, char **message) {
    (void)argc, (void)argv, (void)message;
    int rc = connect(db, of, "CREATE TABLE vs_expr (row INTEGER, key TEXT, score REAL, space HIDDEN, expr HIDDEN, k HIDDEN, metric HIDDEN)",
                     SQLITE_VTAB_DIRECTONLY, out);
    if (rc == SQLITE_OK) ((table *)*out)->expressions = true;
    return rc;
}

enum { SPACE_AND_QUERY = 3 };

static int neighbors_best(sqlite3_vtab *t, sqlite3_index_info *info) {
    (void)t;
    if (!take_arguments(info, N_SPACE, 4, &info->idxNum)) return SQLITE_CONSTRAINT;
    if ((info->idxNum & SPACE_AND_QUERY) != SPACE_AND_QUERY) return without_arguments(info);
    info->estimatedCost = 1e4;
    info->estimatedRows = DEFAULT_K;
    return SQLITE_OK;
}

static int neighbors_open(sqlite3_vtab *t, sqlite3_vtab_cursor **out) {
    neighbors *v = vs_zalloc(1, sizeof *v);
    if (!v) return SQLITE_NOMEM;
    ((table *)t)->of->cursors++;
    *out = &v->base;
    return SQLITE_OK;
}

static void forget(neighbors *v) {
    vs_free(v->row);
    vs_free(v->score);
    sqlite3_value_free(v->query);
    v->row = NULL;
    v->score = NULL;
    v->query = NULL;
    v->found = v->at = 0;
}

static int neighbors_close(sqlite3_vtab_cursor *c) {
    ((table *)c->pVtab)->of->cursors--;
    forget((neighbors *)c);
    vs_free(c);
    return SQLITE_OK;
}

/* What is asked. */
typedef struct question {
    const char *who, *space; /* space NULL: that of the answer is the session's to say */
    sqlite3_value *query;
    size_t k;
    vs_measure measure;
    bool here; /* words are looked up in that space too, not in the session's current one */
} question;

/* A vector, in a space; value: whose rows of that space are left out, NULL: none. */
static vs_status near_here(vs_err *err, const question *q, const float *x, size_t n, const vs_value *value, neighbors *v) {
    if (vs_space_dim(v->space) != n)
        return vs_fail(err, VS_E_SHAPE, "%s: %s has vectors of %zu numbers, the query %zu", q->who, q->space, vs_space_dim(v->space), n);
    bool own = value && value->space == v->space;
    vs_ask ask = {.q = x, .skip = own ? value->rows : NULL, .n_skip = own ? value->n_rows : 0, .idx = v->row, .score = v->score};
    VS_TRY(vs_space_near_many(err, v->space, &ask, 1, q->k, q->measure, NULL));
    v->found = ask.found;
    return VS_OK;
}

/* A value where the session looks its answers up, or in a space that it knows. */
static vs_status near_value(vs_err *err, vs__sql *of, const question *q, const vs_value *value, neighbors *v) {
    vs_near_how how = {.k = q->k, .in = q->space, .measure = q->measure};
    vs_hit *hits = vs_alloc(q->k, sizeof *hits);
    vs_status s = hits ? vs_session_near_many(err, of->session, value, 1, &how, hits, &v->found, &v->space)
                       : vs_fail(err, VS_E_NOMEM, "no memory for %zu neighbours", q->k);
    for (size_t i = 0; s == VS_OK && i < v->found; i++) {
        v->row[i] = hits[i].row;
        v->score[i] = hits[i].score;
    }
    vs_free(hits);
    return s;
}

static vs_status near_expression(vs_err *err, vs__sql *of, const question *q, neighbors *v) {
    if (!of->session) return vs_fail(err, VS_E_STATE, "%s: an expression needs a session; give a vector", q->who);
    vs_value value = {0};
    if (q->space) VS_TRY(vs__sql_space(err, of, q->space, &v->space));
    const char *text = (const char *)sqlite3_value_text(q->query);
    size_t n = (size_t)sqlite3_value_bytes(q->query);
    if (!text) return vs_fail(err, VS_E_NOMEM, "%s: out of memory", q->who);
    vs_status s = vs_session_eval_in(err, of->session, q->here ? v->space : NULL, text, n, &value);
    if (s == VS_OK)
        s = q->space && vs_session_space_opened(of->session, q->space) != v->space ? near_here(err, q, value.vec, value.dim, &value, v)
                                                                                   : near_value(err, of, q, &value, v);
    vs_value_free(&value);
    return s;
}

static vs_status near_vector(vs_err *err, vs__sql *of, const question *q, neighbors *v) {
    vs__sql_vector x;
    if (!q->space) return vs_fail(err, VS_E_USAGE, "%s wants the name of a space, not NULL", q->who);
    VS_TRY(vs__sql_vector_of(err, q->who, q->query, &x));
    vs_status s = x.x ? vs__sql_space(err, of, q->space, &v->space) : vs_fail(err, VS_E_USAGE, "%s: the query is NULL", q->who);
    if (s == VS_OK) s = near_here(err, q, x.x, x.n, NULL, v);
    vs_free(x.own);
    return s;
}

/* The arguments after the space and the query, where they are given. */
static vs_status read_rest(vs_err *err, int given, sqlite3_value **rest, question *q) {
    bool whole = !(given & 4) || sqlite3_value_numeric_type(*rest) == SQLITE_INTEGER;
    sqlite3_int64 k = given & 4 ? sqlite3_value_int64(*rest++) : DEFAULT_K;
    if (!whole || k < 1 || k > MAX_K) return vs_fail(err, VS_E_RANGE, "%s: k is a whole number, 1 to %d", q->who, (int)MAX_K);
    q->k = (size_t)k;
    if (!(given & 8) || sqlite3_value_type(*rest) == SQLITE_NULL) return VS_OK;
    const char *name = (const char *)sqlite3_value_text(*rest);
    return name && vs_measure_find(name, &q->measure)
               ? VS_OK
               : vs_fail(err, VS_E_USAGE, "%s: the metric is cosine, dot or l2, not %s", q->who, name ? name : "that");
}

static int neighbors_filter(sqlite3_vtab_cursor *c, int given, const char *unused, int argc, sqlite3_value **args) {
    (void)unused, (void)argc;
    neighbors *v = (neighbors *)c;
    const table *t = (const table *)c->pVtab;
    question q = {.who = t->expressions ? "vs_expr" : "vs_neighbors", .here = t->expressions};
    vs_err err;
    forget(v);
    if ((given & SPACE_AND_QUERY) != SPACE_AND_QUERY)
        return want_arguments(c->pVtab, t->expressions ? "vs_expr wants a space and an expression: vs_expr('glove', 'queen - king + man', 10)"
                                                       : "vs_neighbors wants a space and a query: vs_neighbors('glove', 'queen - king + man', 10)");
    q.query = args[1];
    if (read_rest(&err, given, args + 2, &q) != VS_OK) return fail_table(c->pVtab, &err);
    v->row = vs_alloc(q.k, sizeof *v->row);
    v->score = vs_alloc(q.k, sizeof *v->score);
    v->query = sqlite3_value_dup(q.query);
    v->k = q.k;
    v->measure = q.measure;
    if (!v->row || !v->score || !v->query) return SQLITE_NOMEM;
    q.space = (const char *)sqlite3_value_text(args[0]);
    bool is_text = sqlite3_value_type(q.query) == SQLITE_TEXT;
    const char *text = is_text ? (const char *)sqlite3_value_text(q.query) : NULL;
    vs_status s;
    if (t->expressions && !text)
        s = vs_fail(&err, VS_E_USAGE, "vs_expr wants an expression, as text; vs_neighbors takes vectors");
    else if (t->expressions || (text && text[strspn(text, " \t\n")] != '['))
        s = near_expression(&err, t->of, &q, v);
    else
        s = near_vector(&err, t->of, &q, v);
    return s == VS_OK ? SQLITE_OK : fail_table(c->pVtab, &err);
}

static int neighbors_next(sqlite3_vtab_cursor *c) {
    ((neighbors *)c)->at++;
    return SQLITE_OK;
}

static int neighbors_eof(sqlite3_vtab_cursor *c) {
    const neighbors *v = (const neighbors *)c;
    return v->at >= v->found;
}

static int neighbors_column(sqlite3_vtab_cursor *c, sqlite3_context *out, int column) {
    neighbors *v = (neighbors *)c;
    size_t len;
    const char *key;
    switch (column) {
    case N_ROW:
        sqlite3_result_int64(out, (sqlite3_int64)v->row[v->at]);
        break;
    case N_KEY:
        key = vs_space_key(v->space, v->row[v->at], &len);
        sqlite3_result_text64(out, key, len, SQLITE_STATIC, SQLITE_UTF8);
        break;
    case N_SCORE:
        sqlite3_result_double(out, (double)v->score[v->at]);
        break;
    case N_SPACE:
        sqlite3_result_text(out, vs_space_name(v->space), -1, SQLITE_STATIC);
        break;
    case N_QUERY:
        sqlite3_result_value(out, v->query);
        break;
    case N_K:
        sqlite3_result_int64(out, (sqlite3_int64)v->k);
        break;
    default:
        sqlite3_result_text(out, vs_measure_name(v->measure), -1, SQLITE_STATIC);
    }
    return SQLITE_OK;
}

static int neighbors_rowid(sqlite3_vtab_cursor *c, sqlite3_int64 *out) {
    *out = (sqlite3_int64)((neighbors *)c)->at;
    return SQLITE_OK;
}

#define NEIGHBORS_MODULE(connects)                                                                                     \
    {.xConnect = (connects),                                                                                           \
     .xBestIndex = neighbors_best,                                                                                     \
     .xDisconnect = disconnect,                                                                                        \
     .xOpen = neighbors_open,                                                                                          \
     .xClose = neighbors_close,                                                                                        \
     .xFilter = neighbors_filter,                                                                                      \
     .xNext = neighbors_next,                                                                                          \
     .xEof = neighbors_eof,                                                                                            \
     .xColumn = neighbors_column,                                                                                      \
     .xRowid = neighbors_rowid}
static const sqlite3_module neighbors_module = NEIGHBORS_MODULE(neighbors_connect);
static const sqlite3_module expr_module = NEIGHBORS_MODULE(expr_connect);

int vs__sql_tables(sqlite3 *db, vs__sql *of) {
    int rc = sqlite3_create_module_v2(db, "vectors_of", &vectors_module, of, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_create_module_v2(db, "vs_neighbors", &neighbors_module, of, NULL);
    return rc == SQLITE_OK ? sqlite3_create_module_v2(db, "vs_expr", &expr_module, of, NULL) : rc;
}
