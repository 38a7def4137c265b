/* runs.c - passes and their activations: one run, one transaction. */
#include "store_impl.h"

/* [2,105,9] - readable, and json_each() takes it apart. */
static vs_status ids_text(vs_err *err, const vs_run_record *r, vs_buf *out) {
    vs_buf_putc(out, '[');
    for (size_t i = 0; i < r->n_ids; i++) vs_buf_printf(out, i ? ",%d" : "%d", (int)r->ids[i]);
    vs_buf_putc(out, ']');
    return out->failed ? vs_fail(err, VS_E_NOMEM, "no memory for the ids of a run") : VS_OK;
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

static vs_status add_run(vs_err *err, vs_store *st, const vs_run_record *r, const char *ids) {
    sqlite3_stmt *s;
    VS_TRY(vs__statement(err, st, VS__RUN_ADD, &s));
    vs__bind_id(s, 1, r->model);
    vs__bind_text(s, 2, r->text);
    vs__bind_text(s, 3, ids);
    vs__bind_text(s, 4, r->edits);
    sqlite3_bind_int64(s, 5, (int64_t)r->seed);
    sqlite3_bind_int(s, 6, r->threads);
    vs__bind_text(s, 7, r->isa);
    vs__bind_text(s, 8, r->version);
    vs__bind_text(s, 9, r->request);
    sqlite3_bind_int64(s, 10, fingerprint(r));
    return vs__step_done(err, st, s, "store a run");
}

vs_status vs_store_run_begin(vs_err *err, vs_store *st, const vs_run_record *r, vs_id *id) {
    if (st->run_open) return vs_fail(err, VS_E_STATE, "%s: a run is being stored; end it first", st->path);
    VS_TRY(vs__begin(err, st));
    vs_buf ids = {0};
    vs_status s = ids_text(err, r, &ids);
    if (s == VS_OK) s = add_run(err, st, r, ids.s);
    vs_buf_free(&ids);
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
    vs_buf ids = {0};
    sqlite3_stmt *s;
    vs_status status = ids_text(err, r, &ids);
    if (status == VS_OK) status = vs__statement(err, st, VS__RUN_FIND, &s);
    if (status == VS_OK) {
        sqlite3_bind_int64(s, 1, fingerprint(r));
        vs__bind_id(s, 2, r->model);
        vs__bind_text(s, 3, ids.s);
        vs__bind_text(s, 4, r->edits);
        vs__bind_text(s, 5, r->request);
        int rc = sqlite3_step(s);
        if (rc == SQLITE_ROW)
            *id = sqlite3_column_int64(s, 0);
        else if (rc != SQLITE_DONE)
            status = vs__store_fail(err, st, rc, "look up a run");
        sqlite3_reset(s);
    }
    vs_buf_free(&ids);
    return status;
}
