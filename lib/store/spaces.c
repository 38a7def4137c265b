/* spaces.c - sets of vectors: written in one transaction, found by name, dropped. */
#include <string.h>
#include <unistd.h>

#include "store_impl.h"

struct vs_space_writer {
    vs_store *st;
    vs_id id, replaced; /* replaced: the space of this name that was there before, or 0 */
    size_t dim, rows;
};

/* ---- records ---- */

static const char *keep(vs_arena *a, sqlite3_stmt *s, int column) {
    const char *text = (const char *)sqlite3_column_text(s, column);
    return text ? vs_arena_strndup(a, text, (size_t)sqlite3_column_bytes(s, column)) : NULL;
}

/* SPACE_COLUMNS, strings into a. */
static vs_status read_record(vs_err *err, vs_store *st, sqlite3_stmt *s, vs_arena *a, vs_space_record *out) {
    int64_t dim = sqlite3_column_int64(s, 4), rows = sqlite3_column_int64(s, 5);
    *out = (vs_space_record){.id = sqlite3_column_int64(s, 0),
                             .name = keep(a, s, 1),
                             .model = sqlite3_column_int64(s, 2),
                             .place = keep(a, s, 3),
                             .metric = keep(a, s, 6),
                             .source = keep(a, s, 7),
                             .source_size = (uint64_t)sqlite3_column_int64(s, 8),
                             .source_mtime = (uint64_t)sqlite3_column_int64(s, 9),
                             .generation = sqlite3_column_int64(s, 10),
                             .layered = sqlite3_column_type(s, 11) != SQLITE_NULL,
                             .layer = sqlite3_column_int(s, 11),
                             .edits = keep(a, s, 12)};
    if (!out->name || !out->place || !out->metric || !out->source || !out->edits)
        return vs_fail(err, VS_E_NOMEM, "%s: out of memory", st->path);
    if (dim < 1 || dim > INT32_MAX || rows < 0 || rows > INT64_C(1) << VS__ROW_BITS || out->id < 1 || out->id > INT32_MAX)
        return vs_fail(err, VS_E_FORMAT, "%s: space %s says it has %lld rows of %lld numbers", st->path, out->name,
                       (long long)rows, (long long)dim);
    out->dim = (size_t)dim;
    out->rows = (size_t)rows;
    return VS_OK;
}

vs_status vs_store_space_find(vs_err *err, vs_store *st, const char *name, vs_space_record *out) {
    sqlite3_stmt *s;
    VS_TRY(vs__statement(err, st, VS__SPACE_FIND, &s));
    vs__bind_text(s, 1, name);
    vs_arena before = st->scratch; /* the name may be a string of the record before: let go of those last */
    st->scratch = (vs_arena){0};
    int rc = sqlite3_step(s);
    vs_status status = rc == SQLITE_ROW    ? read_record(err, st, s, &st->scratch, out)
                       : rc == SQLITE_DONE ? vs_fail(err, VS_E_UNKNOWN, "%s: no space named %s is stored", st->path, name)
                                           : vs__store_fail(err, st, rc, "look up a space");
    sqlite3_reset(s);
    vs_arena_free(&before);
    return status;
}

vs_status vs_store_spaces(vs_err *err, vs_store *st, vs_status (*fn)(void *arg, const vs_space_record *row), void *arg) {
    sqlite3_stmt *s; /* not a kept one: fn may look up spaces itself */
    int rc = sqlite3_prepare_v2(st->db, "SELECT " SPACE_COLUMNS " FROM spaces ORDER BY id", -1, &s, NULL);
    vs_status status = VS_OK;
    while (rc == SQLITE_OK && status == VS_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        vs_arena strings = {0};
        vs_space_record row;
        status = read_record(err, st, s, &strings, &row);
        if (status == VS_OK) status = fn(arg, &row);
        vs_arena_free(&strings);
        rc = SQLITE_OK;
    }
    if (status == VS_OK && rc != SQLITE_DONE) status = vs__store_fail(err, st, rc, "list its spaces");
    sqlite3_finalize(s);
    return status;
}

/* ---- deleting ---- */

static vs_status delete_space(vs_err *err, vs_store *st, vs_id id) {
    static const vs_statement rows[] = {VS__CONTEXTS_DROP, VS__VECTORS_DROP};
    sqlite3_stmt *s;
    for (int i = 0; i < 2; i++) {
        VS_TRY(vs__statement(err, st, rows[i], &s));
        sqlite3_bind_int64(s, 1, vs__first_id(id));
        sqlite3_bind_int64(s, 2, vs__last_id(id));
        VS_TRY(vs__step_done(err, st, s, "drop a space"));
    }
    VS_TRY(vs__statement(err, st, VS__SPACE_DROP, &s));
    sqlite3_bind_int64(s, 1, id);
    return vs__step_done(err, st, s, "drop a space");
}

void vs__give_disk_back(vs_store *st) {
    if (st->depth == 0) sqlite3_exec(st->db, "PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
}

/* After a space is gone: its cache file, and its pages back to the disk.  What fails here is tried again at the next drop. */
static void clear_away(vs_store *st, vs_id id) {
    vs_buf path = {0};
    vs__cache_path(st, id, &path);
    if (path.len && !path.failed) unlink(path.s);
    vs_buf_free(&path);
    vs__give_disk_back(st);
}

vs_status vs_store_space_drop(vs_err *err, vs_store *st, const char *name) {
    vs_space_record old;
    VS_TRY(vs__begin(err, st));
    vs_status s = vs_store_space_find(err, st, name, &old);
    if (s == VS_OK) s = delete_space(err, st, old.id);
    if (s != VS_OK) {
        vs__rollback(st);
        return s;
    }
    VS_TRY(vs__commit(err, st));
    clear_away(st, old.id);
    return VS_OK;
}

/* ---- writing ---- */

static vs_status insert_space(vs_err *err, vs_store *st, const vs_space_record *r, vs_id *id) {
    sqlite3_stmt *s;
    VS_TRY(vs__statement(err, st, VS__SPACE_ADD, &s));
    vs__bind_text(s, 1, r->name);
    vs__bind_id(s, 2, r->model);
    vs__bind_text(s, 3, r->place);
    sqlite3_bind_int64(s, 4, (int64_t)r->dim);
    vs__bind_text(s, 5, r->metric);
    vs__bind_text(s, 6, r->source);
    sqlite3_bind_int64(s, 7, (int64_t)r->source_size);
    sqlite3_bind_int64(s, 8, (int64_t)r->source_mtime);
    if (r->layered) sqlite3_bind_int(s, 9, r->layer);
    vs__bind_text(s, 10, r->edits);
    VS_TRY(vs__step_done(err, st, s, "store a space"));
    *id = sqlite3_last_insert_rowid(st->db);
    return VS_OK;
}

vs_status vs_store_space_begin(vs_err *err, vs_store *st, const vs_space_record *r, vs_space_writer **out) {
    *out = NULL;
    if (st->writer) return vs_fail(err, VS_E_STATE, "%s: a space is being stored; end it first", st->path);
    if (!r->name || !*r->name) return vs_fail(err, VS_E_USAGE, "%s: a space needs a name", st->path);
    if (r->dim < 1 || r->dim > INT32_MAX) return vs_fail(err, VS_E_SHAPE, "space %s: %zu is no width", r->name, r->dim);
    vs_space_writer *w = vs_zalloc(1, sizeof *w);
    if (!w) return vs_fail(err, VS_E_NOMEM, "space %s: out of memory", r->name);
    *w = (vs_space_writer){.st = st, .dim = r->dim};
    vs_status s = vs__begin(err, st);
    if (s != VS_OK) {
        vs_free(w);
        return s;
    }
    vs_space_record old;
    s = vs_store_space_find(err, st, r->name, &old);
    if (s == VS_OK) {
        w->replaced = old.id;
        s = delete_space(err, st, old.id);
    } else if (s == VS_E_UNKNOWN) {
        s = VS_OK;
    }
    if (s == VS_OK) s = insert_space(err, st, r, &w->id);
    st->writer = w;
    if (s != VS_OK)
        vs_store_space_abort(w);
    else
        *out = w;
    return s;
}

vs_status vs_store_space_add(vs_err *err, vs_space_writer *w, const char *key, size_t n, const float *vec) {
    if (w->rows >= UINT32_MAX) return vs_fail(err, VS_E_RANGE, "a space holds at most %u rows", UINT32_MAX);
    sqlite3_stmt *s;
    VS_TRY(vs__statement(err, w->st, VS__VECTOR_ADD, &s));
    sqlite3_bind_int64(s, 1, vs__first_id(w->id) | (int64_t)w->rows);
    sqlite3_bind_text64(s, 2, n ? key : "", n, SQLITE_STATIC, SQLITE_UTF8);
    sqlite3_bind_blob64(s, 3, vec, w->dim * sizeof *vec, SQLITE_STATIC);
    VS_TRY(vs__step_done(err, w->st, s, "store a vector"));
    w->rows++;
    return VS_OK;
}

vs_status vs_store_space_context(vs_err *err, vs_space_writer *w, const vs_context *c) {
    if (!w->rows) return vs_fail(err, VS_E_STATE, "%s: a context belongs to a row of its space", w->st->path);
    sqlite3_stmt *s;
    VS_TRY(vs__statement(err, w->st, VS__CONTEXT_ADD, &s));
    sqlite3_bind_int64(s, 1, vs__first_id(w->id) | (int64_t)(w->rows - 1));
    sqlite3_bind_int64(s, 2, (int64_t)c->line);
    if (c->label) vs__bind_text(s, 3, c->label);
    vs__bind_text(s, 4, c->text);
    vs__bind_text(s, 5, c->word);
    sqlite3_bind_int64(s, 6, (int64_t)c->at);
    sqlite3_bind_int64(s, 7, (int64_t)c->first);
    sqlite3_bind_int64(s, 8, (int64_t)c->position);
    return vs__step_done(err, w->st, s, "store a context");
}

vs_status vs_store_contexts(vs_err *err, vs_store *st, const char *name, vs_context_fn *fn, void *arg) {
    vs_space_record r;
    VS_TRY(vs_store_space_find(err, st, name, &r));
    sqlite3_stmt *s; /* not a kept one: fn may ask for more */
    int rc = sqlite3_prepare_v2(st->db,
                                "SELECT row, line, label, text, word, at, first, position FROM contexts"
                                " WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
                                -1, &s, NULL);
    sqlite3_bind_int64(s, 1, vs__first_id(r.id));
    sqlite3_bind_int64(s, 2, vs__last_id(r.id));
    vs_status status = VS_OK;
    while (rc == SQLITE_OK && status == VS_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        vs_context c = {.line = (size_t)sqlite3_column_int64(s, 1),
                        .label = (const char *)sqlite3_column_text(s, 2),
                        .text = (const char *)sqlite3_column_text(s, 3),
                        .word = (const char *)sqlite3_column_text(s, 4),
                        .at = (size_t)sqlite3_column_int64(s, 5),
                        .first = (size_t)sqlite3_column_int64(s, 6),
                        .position = (size_t)sqlite3_column_int64(s, 7)};
        status = c.text && c.word ? fn(err, arg, (size_t)sqlite3_column_int64(s, 0), &c)
                                  : vs_fail(err, VS_E_NOMEM, "%s: out of memory", st->path);
        rc = SQLITE_OK;
    }
    if (status == VS_OK && rc != SQLITE_DONE) status = vs__store_fail(err, st, rc, "read contexts");
    sqlite3_finalize(s);
    return status;
}

vs_status vs_store_space_commit(vs_err *err, vs_space_writer *w, vs_id *id) {
    vs_store *st = w->st;
    sqlite3_stmt *s;
    vs_status status = vs__statement(err, st, VS__SPACE_ROWS, &s);
    if (status == VS_OK) {
        sqlite3_bind_int64(s, 1, w->id);
        sqlite3_bind_int64(s, 2, (int64_t)w->rows);
        status = vs__step_done(err, st, s, "store a space");
    }
    if (status != VS_OK) {
        vs_store_space_abort(w);
        return status;
    }
    status = vs__commit(err, st);
    if (status == VS_OK && id) *id = w->id;
    if (status == VS_OK && w->replaced) clear_away(st, w->replaced);
    st->writer = NULL;
    vs_free(w);
    return status;
}

void vs_store_space_abort(vs_space_writer *w) {
    if (!w) return;
    vs__rollback(w->st);
    w->st->writer = NULL;
    vs_free(w);
}
