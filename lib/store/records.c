/* records.c - the small tables: models, their tokens, named vectors, results. */
#include <string.h>

#include "../base/json.h"
#include "store_impl.h"

enum { RESULT_BYTES = 1 << 24 };

vs_status vs_store_model(vs_err *err, vs_store *st, const vs_model_record *m, vs_id *id) {
    sqlite3_stmt *s;
    for (int adding = 0; adding < 2; adding++) {
        VS_TRY(vs__statement(err, st, adding ? VS__MODEL_ADD : VS__MODEL_FIND, &s));
        vs__bind_text(s, 1, m->path);
        sqlite3_bind_int64(s, 2, (int64_t)m->size);
        sqlite3_bind_int64(s, 3, (int64_t)m->mtime);
        sqlite3_bind_int64(s, 4, (int64_t)m->header_hash);
        if (adding) {
            vs__bind_text(s, 5, m->arch);
            vs__bind_text(s, 6, m->config);
            VS_TRY(vs__step_done(err, st, s, "store a model"));
            *id = sqlite3_last_insert_rowid(st->db);
            break;
        }
        int rc = sqlite3_step(s);
        if (rc == SQLITE_ROW) *id = sqlite3_column_int64(s, 0);
        vs_status status = rc == SQLITE_ROW || rc == SQLITE_DONE ? VS_OK : vs__store_fail(err, st, rc, "look up a model");
        sqlite3_reset(s);
        if (status != VS_OK || rc == SQLITE_ROW) return status;
    }
    return VS_OK;
}

static vs_status add_tokens(vs_err *err, vs_store *st, vs_id model, size_t n, vs_piece_fn *piece, void *arg) {
    sqlite3_stmt *s;
    for (size_t i = 0; i < n; i++) {
        VS_TRY(vs__statement(err, st, VS__TOKEN_ADD, &s));
        size_t len = 0;
        const char *text = piece(arg, i, &len);
        sqlite3_bind_int64(s, 1, model);
        sqlite3_bind_int64(s, 2, (int64_t)i);
        sqlite3_bind_text64(s, 3, text ? text : "", text ? len : 0, SQLITE_STATIC, SQLITE_UTF8);
        VS_TRY(vs__step_done(err, st, s, "store tokens"));
    }
    return VS_OK;
}

vs_status vs_store_tokens(vs_err *err, vs_store *st, vs_id model, size_t n, vs_piece_fn *piece, void *arg) {
    sqlite3_stmt *s;
    VS_TRY(vs__statement(err, st, VS__TOKENS_COUNT, &s));
    sqlite3_bind_int64(s, 1, model);
    int rc = sqlite3_step(s);
    bool there = rc == SQLITE_ROW && sqlite3_column_int64(s, 0) > 0;
    vs_status status = rc == SQLITE_ROW ? VS_OK : vs__store_fail(err, st, rc, "look up tokens");
    sqlite3_reset(s);
    if (status != VS_OK || there) return status;
    VS_TRY(vs__begin(err, st));
    status = add_tokens(err, st, model, n, piece, arg);
    if (status == VS_OK) return vs__commit(err, st);
    vs__rollback(st);
    return status;
}

vs_status vs_store_name_set(vs_err *err, vs_store *st, const char *name, const char *expr, const char *space,
                            const float *vec, size_t dim, double weight) {
    sqlite3_stmt *s;
    VS_TRY(vs__statement(err, st, VS__NAME_SET, &s));
    vs__bind_text(s, 1, name);
    vs__bind_text(s, 2, expr);
    vs__bind_text(s, 3, space);
    sqlite3_bind_blob64(s, 4, vec, dim * sizeof *vec, SQLITE_STATIC);
    sqlite3_bind_double(s, 5, weight);
    return vs__step_done(err, st, s, "store a name");
}

/* "$royal is not set; $regal?" - the nearest name in spelling, where one is near. */
static vs_status no_such_name(vs_err *err, vs_store *st, const char *name) {
    enum { NEAR = 3 };
    char best[64] = "";
    size_t best_far = NEAR;
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(st->db, "SELECT name FROM names ORDER BY name", -1, &s, NULL) == SQLITE_OK)
        while (sqlite3_step(s) == SQLITE_ROW) {
            const char *other = (const char *)sqlite3_column_text(s, 0);
            size_t far = other ? vs_edit_distance(name, strlen(name), other, strlen(other)) : SIZE_MAX;
            if (far < best_far) {
                best_far = far;
                sqlite3_snprintf(sizeof best, best, "%s", other);
            }
        }
    sqlite3_finalize(s);
    return *best ? vs_fail(err, VS_E_UNKNOWN, "$%s is not set; did you mean $%s?", name, best)
                 : vs_fail(err, VS_E_UNKNOWN, "$%s is not set", name);
}

static vs_status take_vector(vs_err *err, vs_store *st, const char *name, sqlite3_stmt *s, float **vec, size_t *dim, vs_buf *space) {
    size_t bytes = (size_t)sqlite3_column_bytes(s, 0);
    if (sqlite3_column_type(s, 0) != SQLITE_BLOB || !bytes || bytes % sizeof **vec)
        return vs_fail(err, VS_E_FORMAT, "%s: $%s holds no vector (a blob of 32-bit floats is wanted)", st->path, name);
    float *copy = vs_alloc(bytes, 1);
    if (!copy) return vs_fail(err, VS_E_NOMEM, "$%s: out of memory", name);
    memcpy(copy, sqlite3_column_blob(s, 0), bytes);
    const char *where = (const char *)sqlite3_column_text(s, 1);
    if (space) vs_buf_puts(space, where ? where : "");
    if (space && space->failed) {
        vs_free(copy);
        return vs_fail(err, VS_E_NOMEM, "$%s: out of memory", name);
    }
    *vec = copy;
    *dim = bytes / sizeof **vec;
    return VS_OK;
}

vs_status vs_store_name_get(vs_err *err, vs_store *st, const char *name, float **vec, size_t *dim, double *weight, vs_buf *space) {
    *vec = NULL;
    *dim = 0;
    sqlite3_stmt *s;
    VS_TRY(vs__statement(err, st, VS__NAME_GET, &s));
    vs__bind_text(s, 1, name);
    int rc = sqlite3_step(s);
    vs_status status = rc == SQLITE_ROW    ? take_vector(err, st, name, s, vec, dim, space)
                       : rc == SQLITE_DONE ? no_such_name(err, st, name)
                                           : vs__store_fail(err, st, rc, "look up a name");
    if (status == VS_OK && weight) *weight = sqlite3_column_double(s, 2);
    sqlite3_reset(s);
    return status;
}

vs_status vs_store_result(vs_err *err, vs_store *st, const char *kind, const char *subject, const char *json, vs_id model, vs_id run) {
    json_t *object;
    VS_TRY(vs_json_parse(err, kind, json, strlen(json), RESULT_BYTES, &object));
    bool right = json_is_object(object);
    json_decref(object);
    if (!right) return vs_fail(err, VS_E_FORMAT, "result %s: a JSON object is wanted: %.60s", kind, json);
    sqlite3_stmt *s;
    VS_TRY(vs__statement(err, st, VS__RESULT_ADD, &s));
    vs__bind_text(s, 1, kind);
    vs__bind_text(s, 2, subject);
    vs__bind_text(s, 3, json);
    vs__bind_id(s, 4, model);
    vs__bind_id(s, 5, run);
    return vs__step_done(err, st, s, "store a result");
}
