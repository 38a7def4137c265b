/* tables.c - spaces as tables: vectors_of(space) and vs_neighbors(space, query, k).
 *
 * A space that the session has open, or that a table of an open model is, is read where it lies.  Any other is looked up
 * in the store and kept open with the connection: its cells are handed to SQLite without a copy, so a space that has
 * been replaced meanwhile is let go only when no cursor is open. */
#include <string.h>

#include "../tensor/kernels.h"
#include "sql_impl.h"

/* A space of the store, opened for SQL. */
struct vs__sql_stored {
    struct vs__sql_stored *next;
    vs_space *space;
    vs_id id;
    int64_t generation;
};

/* ---- spaces by name ---- */

static const char *block_key(void *b, size_t row, size_t *len) { return vs_block_key(b, row, len); }
static bool block_find(void *b, const char *key, size_t n, size_t *row) { return vs_block_find(b, key, n, row); }
static void block_release(void *b) { vs_block_close(b); }

static vs_status open_stored(vs_err *err, vs__sql *of, const vs_space_record *r, vs_space **out) {
    struct vs__sql_stored *s = vs_alloc(1, sizeof *s);
    char *name = vs_strdup(r->name); /* r's strings are the store's until its next call */
    if (!s || !name) {
        vs_free(s);
        vs_free(name);
        return vs_fail(err, VS_E_NOMEM, "space %s: out of memory", r->name);
    }
    *s = (struct vs__sql_stored){.next = of->stored, .id = r->id, .generation = r->generation};
    vs_block *b = NULL;
    vs_status status = vs_store_space_open(err, of->store, name, NULL, &b);
    if (status == VS_OK) {
        size_t shape[2];
        vs_space_desc desc = {.name = name, .place = "words", .keys = {b, block_key, block_find, NULL, false}, .release = block_release, .owner = b};
        const float *rows = vs_block_rows(b, &shape[0], &shape[1]);
        status = vs_tensor_over(err, rows, VS_F32, 2, shape, &desc.rows, NULL);
        if (status == VS_OK) status = vs_space_new(err, &desc, &s->space);
        if (status != VS_OK) vs_block_close(b);
    }
    vs_free(name);
    if (status != VS_OK) {
        vs_free(s);
        return status;
    }
    of->stored = s;
    *out = s->space;
    return VS_OK;
}

static void let_go_of(vs__sql *of, const char *name) {
    for (struct vs__sql_stored **at = &of->stored; *at;) {
        struct vs__sql_stored *s = *at;
        if (name && strcmp(vs_space_name(s->space), name)) {
            at = &s->next;
        } else {
            *at = s->next;
            vs_space_free(s->space);
            vs_free(s);
        }
    }
}

void vs__sql_free(void *p) {
    let_go_of(p, NULL);
    vs_free(p);
}

static vs_status space_named(vs_err *err, vs__sql *of, const char *name, vs_space **out) {
    *out = of->session ? vs_session_space_named(of->session, name) : NULL;
    if (*out) return VS_OK;
    vs_space_record r;
    vs_status s = vs_store_space_find(err, of->store, name, &r);
    if (s == VS_E_UNKNOWN) return vs_fail(err, s, "no space named %s is open or stored", name);
    VS_TRY(s);
    for (struct vs__sql_stored *have = of->stored; have; have = have->next)
        if (have->id == r.id && have->generation == r.generation) {
            *out = have->space;
            return VS_OK;
        }
    if (of->cursors == 0) let_go_of(of, name);
    return open_stored(err, of, &r, out);
}

/* ---- what both tables do ---- */

typedef struct table {
    sqlite3_vtab base;
    vs__sql *of;
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

static int want_arguments(sqlite3_vtab *t, const char *usage) {
    vs_err err;
    (void)vs_fail(&err, VS_E_USAGE, "%s", usage);
    return fail_table(t, &err);
}

/* ---- vectors_of(space) ---- */

enum { V_ROW, V_KEY, V_VEC, V_SPACE };
enum { BY_SCAN, BY_ROW, BY_KEY };

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
    int given, by = BY_SCAN, at = -1;
    if (!take_arguments(info, V_SPACE, 1, &given)) return SQLITE_CONSTRAINT;
    if (!given) return want_arguments(t, "vectors_of wants the name of a space: vectors_of('glove')");
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
    const char *name = (const char *)sqlite3_value_text(args[0]);
    if (!name) return want_arguments(c->pVtab, "vectors_of wants the name of a space, not NULL");
    vs_err err;
    if (space_named(&err, ((table *)c->pVtab)->of, name, &v->space) != VS_OK) return fail_table(c->pVtab, &err);
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

/* ---- vs_neighbors(space, query, k) ---- */

enum { N_ROW, N_KEY, N_SCORE, N_SPACE, N_QUERY, N_K };
enum { DEFAULT_K = 10, MAX_K = 1 << 20 };

typedef struct neighbors {
    sqlite3_vtab_cursor base;
    vs_space *space;
    size_t *row;  /* [k] */
    float *score; /* [k] */
    size_t found, at;
} neighbors;

static int neighbors_connect(sqlite3 *db, void *of, int argc, const char *const *argv, sqlite3_vtab **out, char **message) {
    (void)argc, (void)argv, (void)message;
    return connect(db, of, "CREATE TABLE vs_neighbors (row INTEGER, key TEXT, score REAL, space HIDDEN, query HIDDEN, k HIDDEN)",
                   SQLITE_VTAB_DIRECTONLY, out);
}

static int neighbors_best(sqlite3_vtab *t, sqlite3_index_info *info) {
    enum { SPACE_AND_QUERY = 3 };
    if (!take_arguments(info, N_SPACE, 3, &info->idxNum)) return SQLITE_CONSTRAINT;
    if ((info->idxNum & SPACE_AND_QUERY) != SPACE_AND_QUERY)
        return want_arguments(t, "vs_neighbors wants a space and a query: vs_neighbors('glove', 'queen - king + man', 10)");
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
    v->row = NULL;
    v->score = NULL;
    v->found = v->at = 0;
}

static int neighbors_close(sqlite3_vtab_cursor *c) {
    ((table *)c->pVtab)->of->cursors--;
    forget((neighbors *)c);
    vs_free(c);
    return SQLITE_OK;
}

/* An expression as at the prompt: where the answer is looked up and what is left out are the session's to say. */
static vs_status near_expression(vs_err *err, vs__sql *of, const char *space, sqlite3_value *query, size_t k, neighbors *v) {
    if (!of->session) return vs_fail(err, VS_E_STATE, "vs_neighbors: an expression needs a session; give a vector");
    vs_value value = {0};
    vs_hit *hits = vs_alloc(k, sizeof *hits);
    vs_status s = hits ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for %zu neighbours", k);
    const char *text = (const char *)sqlite3_value_text(query);
    if (s == VS_OK) s = vs_session_eval(err, of->session, text, (size_t)sqlite3_value_bytes(query), &value);
    vs_space *open = s == VS_OK && space ? vs_session_space_named(of->session, space) : NULL;
    if (s == VS_OK && space && !open) { /* a stored one, which the session does not know */
        s = space_named(err, of, space, &v->space);
        if (s == VS_OK && vs_space_dim(v->space) != value.dim)
            s = vs_fail(err, VS_E_SHAPE, "vs_neighbors: %s has vectors of %zu numbers, the query %zu", space, vs_space_dim(v->space), value.dim);
        if (s == VS_OK) s = vs_space_near(err, v->space, value.vec, k, NULL, 0, v->row, v->score, &v->found);
    } else if (s == VS_OK) {
        s = vs_session_near(err, of->session, &value, space, k, false, hits, &v->found, &v->space);
        for (size_t i = 0; s == VS_OK && i < v->found; i++) {
            v->row[i] = hits[i].row;
            v->score[i] = hits[i].score;
        }
    }
    vs_value_free(&value);
    vs_free(hits);
    return s;
}

static vs_status near_vector(vs_err *err, vs__sql *of, const char *space, sqlite3_value *query, size_t k, neighbors *v) {
    vs__sql_vector x;
    if (!space) return vs_fail(err, VS_E_USAGE, "vs_neighbors wants the name of a space, not NULL");
    VS_TRY(vs__sql_vector_of(err, "vs_neighbors", query, &x));
    vs_status s = x.x ? space_named(err, of, space, &v->space) : vs_fail(err, VS_E_USAGE, "vs_neighbors: the query is NULL");
    if (s == VS_OK && vs_space_dim(v->space) != x.n)
        s = vs_fail(err, VS_E_SHAPE, "vs_neighbors: %s has vectors of %zu numbers, the query %zu", space, vs_space_dim(v->space), x.n);
    if (s == VS_OK) s = vs_space_near(err, v->space, x.x, k, NULL, 0, v->row, v->score, &v->found);
    vs_free(x.own);
    return s;
}

static int neighbors_filter(sqlite3_vtab_cursor *c, int given, const char *unused, int argc, sqlite3_value **args) {
    (void)unused;
    neighbors *v = (neighbors *)c;
    vs__sql *of = ((table *)c->pVtab)->of;
    sqlite3_int64 k = given & 4 ? sqlite3_value_int64(args[argc - 1]) : DEFAULT_K;
    forget(v);
    vs_err err;
    if (k < 1 || k > MAX_K) {
        (void)vs_fail(&err, VS_E_RANGE, "vs_neighbors: k is 1 to %d", (int)MAX_K);
        return fail_table(c->pVtab, &err);
    }
    v->row = vs_alloc((size_t)k, sizeof *v->row);
    v->score = vs_alloc((size_t)k, sizeof *v->score);
    if (!v->row || !v->score) return SQLITE_NOMEM;
    const char *space = (const char *)sqlite3_value_text(args[0]);
    const char *text = sqlite3_value_type(args[1]) == SQLITE_TEXT ? (const char *)sqlite3_value_text(args[1]) : NULL;
    bool expression = text && text[strspn(text, " \t\n")] != '[';
    vs_status s = expression ? near_expression(&err, of, space, args[1], (size_t)k, v) : near_vector(&err, of, space, args[1], (size_t)k, v);
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
    default: /* the other arguments are not told again */
        sqlite3_result_null(out);
    }
    return SQLITE_OK;
}

static int neighbors_rowid(sqlite3_vtab_cursor *c, sqlite3_int64 *out) {
    *out = (sqlite3_int64)((neighbors *)c)->at;
    return SQLITE_OK;
}

static const sqlite3_module neighbors_module = {.xConnect = neighbors_connect,
                                                .xBestIndex = neighbors_best,
                                                .xDisconnect = disconnect,
                                                .xOpen = neighbors_open,
                                                .xClose = neighbors_close,
                                                .xFilter = neighbors_filter,
                                                .xNext = neighbors_next,
                                                .xEof = neighbors_eof,
                                                .xColumn = neighbors_column,
                                                .xRowid = neighbors_rowid};

int vs__sql_tables(sqlite3 *db, vs__sql *of) {
    int rc = sqlite3_create_module_v2(db, "vectors_of", &vectors_module, of, NULL);
    return rc == SQLITE_OK ? sqlite3_create_module_v2(db, "vs_neighbors", &neighbors_module, of, NULL) : rc;
}
