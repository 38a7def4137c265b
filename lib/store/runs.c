/* runs.c - passes and their activations: one run, one transaction. */
#include "store_impl.h"

/* Lists of numbers as [2,105,9] - readable, and json_each() takes it apart; types and target as '' where there are none. */
typedef struct lists {
    vs_buf ids, types, target;
} lists;

static void put_ids(vs_buf *out, const int32_t *ids, size_t n) {
    vs_buf_putc(out, '[');
    for (size_t i = 0; i < n; i++) vs_buf_printf(out, i ? ",%d" : "%d", (int)ids[i]);
    vs_buf_putc(out, ']');
}

static vs_status lists_of(vs_err *err, const vs_run_record *r, lists *out) {
    bool types = false;
    *out = (lists){0};
    put_ids(&out->ids, r->ids, r->n_ids);
    for (size_t i = 0; r->types && i < r->n_ids; i++) types |= r->types[i] != 0;
    for (size_t i = 0; types && i < r->n_ids; i++) vs_buf_printf(&out->types, "%c%d", i ? ',' : '[', r->types[i]);
    vs_buf_puts(&out->types, types ? "]" : "");
    if (r->n_target) put_ids(&out->target, r->target, r->n_target);
    vs_buf_puts(&out->target, "");
    return out->ids.failed || out->types.failed || out->target.failed ? vs_fail(err, VS_E_NOMEM, "no memory for the ids of a run") : VS_OK;
}
static void lists_free(lists *l) {
    vs_buf_free(&l->ids);
    vs_buf_free(&l->types);
    vs_buf_free(&l->target);
}

static uint64_t text_hash(const char *s) {
    size_t n = 0;
    while (s && s[n]) n++;
    return vs_hash(s, n);
}

/* Enough to find a run by; what is found is compared in full. */
static int64_t fingerprint(const vs_run_record *r) {
    uint64_t parts[4] = {(uint64_t)r->model, vs_hash(r->ids, r->n_ids * sizeof *r->ids), text_hash(r->edits), text_hash(r->request)};
    return (int64_t)vs_hash(parts, sizeof parts);
}

static vs_status add_run(vs_err *err, vs_store *st, const vs_run_record *r, const lists *l) {
    sqlite3_stmt *s;
    VS_TRY(vs__statement(err, st, VS__RUN_ADD, &s));
    vs__bind_id(s, 1, r->model);
    vs__bind_text(s, 2, r->text);
    vs__bind_text(s, 3, l->ids.s);
    vs__bind_text(s, 4, r->edits);
    sqlite3_bind_int64(s, 5, (int64_t)r->seed);
    sqlite3_bind_int(s, 6, r->threads);
    vs__bind_text(s, 7, r->isa);
    vs__bind_text(s, 8, r->version);
    vs__bind_text(s, 9, r->request);
    sqlite3_bind_int64(s, 10, fingerprint(r));
    vs__bind_text(s, 11, l->types.s);
    vs__bind_text(s, 12, l->target.s);
    vs__bind_text(s, 13, r->mask);
    return vs__step_done(err, st, s, "store a run");
}

vs_status vs_store_run_begin(vs_err *err, vs_store *st, const vs_run_record *r, vs_id *id) {
    if (st->run_open) return vs_fail(err, VS_E_STATE, "%s: a run is being stored; end it first", st->path);
    VS_TRY(vs__begin(err, st));
    lists l;
    vs_status s = lists_of(err, r, &l);
    if (s == VS_OK) s = add_run(err, st, r, &l);
    lists_free(&l);
    if (s != VS_OK) {
        vs__rollback(st);
        return s;
    }
    *id = st->run_open = sqlite3_last_insert_rowid(st->db);
    return VS_OK;
}

/* A negative index is none. */
static void bind_index(sqlite3_stmt *s, int i, int index) {
    if (index >= 0) sqlite3_bind_int(s, i, index);
}

vs_status vs_store_activation(vs_err *err, vs_store *st, vs_id run, const char *site, int layer, int head, int position,
                              const float *vec, size_t dim) {
    if (!st->run_open || run != st->run_open) return vs_fail(err, VS_E_STATE, "%s: run %lld is not being stored", st->path, (long long)run);
    sqlite3_stmt *s;
    VS_TRY(vs__statement(err, st, VS__ACTIVATION, &s));
    sqlite3_bind_int64(s, 1, run);
    vs__bind_text(s, 2, site);
    bind_index(s, 3, layer);
    bind_index(s, 4, head);
    bind_index(s, 5, position);
    sqlite3_bind_blob64(s, 6, vec, dim * sizeof *vec, SQLITE_STATIC);
    return vs__step_done(err, st, s, "store an activation");
}

vs_status vs_store_run_commit(vs_err *err, vs_store *st) {
    if (!st->run_open) return vs_fail(err, VS_E_STATE, "%s: no run is being stored", st->path);
    vs_id run = st->run_open;
    st->run_open = 0;
    sqlite3_stmt *s;
    vs_status status = vs__statement(err, st, VS__RUN_DONE, &s);
    if (status == VS_OK) {
        sqlite3_bind_int64(s, 1, run);
        status = vs__step_done(err, st, s, "store a run");
    }
    if (status == VS_OK) return vs__commit(err, st);
    vs__rollback(st);
    return status;
}

void vs_store_run_abort(vs_store *st) {
    if (!st->run_open) return;
    st->run_open = 0;
    vs__rollback(st);
}

vs_status vs_store_run_done(vs_err *err, vs_store *st, const vs_run_record *r, vs_id *id) {
    *id = 0;
    lists l;
    sqlite3_stmt *s;
    vs_status status = lists_of(err, r, &l);
    if (status == VS_OK) status = vs__statement(err, st, VS__RUN_FIND, &s);
    if (status == VS_OK) {
        sqlite3_bind_int64(s, 1, fingerprint(r));
        vs__bind_id(s, 2, r->model);
        vs__bind_text(s, 3, l.ids.s);
        vs__bind_text(s, 4, r->edits);
        vs__bind_text(s, 5, r->request);
        vs__bind_text(s, 6, l.types.s);
        vs__bind_text(s, 7, l.target.s);
        vs__bind_text(s, 8, r->mask);
        int rc = sqlite3_step(s);
        if (rc == SQLITE_ROW)
            *id = sqlite3_column_int64(s, 0);
        else if (rc != SQLITE_DONE)
            status = vs__store_fail(err, st, rc, "look up a run");
        sqlite3_reset(s);
    }
    lists_free(&l);
    return status;
}
