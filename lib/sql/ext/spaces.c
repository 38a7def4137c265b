/* ext/spaces.c - the spaces that SQL names, in any client's connection: those of a vecscope file that it has open are read
 * through it (another copy of SQLite must not open the same file in one process) and kept in memory, in the session. */
#include "../sql_impl.h"

SQLITE_EXTENSION_INIT3

#include <string.h>

#include "../../base/dict.h"

/* A space that was read from the connection: which it was. */
struct vs__sql_stored {
    struct vs__sql_stored *next;
    char *name;
    vs_space *space; /* of the session; NULL: it could not be read */
    int64_t id, generation;
};

typedef struct found {
    int64_t id, dim, rows, generation;
} found;

/* Rows in memory with their keys. */
typedef struct held {
    float *x;         /* [n, d] */
    const char **key; /* [n], in the arena */
    uint32_t *len;    /* [n] */
    size_t n, d;
    vs_dict index;
    vs_arena arena;
} held;

static const char *held_key(void *self, size_t row, size_t *len) {
    const held *h = self;
    *len = h->len[row];
    return h->key[row];
}

static bool held_find(void *self, const char *key, size_t n, size_t *row) {
    uint32_t at;
    const held *h = self;
    if (!vs_dict_find(&h->index, key, n, &at)) return false;
    *row = at;
    return true;
}

static void held_free(void *self) {
    held *h = self;
    if (!h) return;
    vs_free(h->x);
    vs_free(h->key);
    vs_free(h->len);
    vs_dict_free(&h->index);
    vs_arena_free(&h->arena);
    vs_free(h);
}

static vs_status fail_db(vs_err *err, const vs__sql *of, const char *name) {
    return vs_fail(err, VS_E_IO, "space %s: cannot read it: %s", name, sqlite3_errmsg(of->db));
}

/* *have: whether the connection has a space of this name. */
static vs_status look_up(vs_err *err, const vs__sql *of, const char *name, found *out, bool *have) {
    sqlite3_stmt *s;
    *have = false;
    if (sqlite3_prepare_v2(of->db, "SELECT id, dim, rows, generation FROM spaces WHERE name = ?1", -1, &s, NULL) != SQLITE_OK)
        return VS_OK; /* no file of ours */
    sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
    int rc = sqlite3_step(s);
    *have = rc == SQLITE_ROW;
    if (*have)
        *out = (found){sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1), sqlite3_column_int64(s, 2), sqlite3_column_int64(s, 3)};
    vs_status st = rc == SQLITE_ROW || rc == SQLITE_DONE ? VS_OK : fail_db(err, of, name);
    sqlite3_finalize(s);
    if (st == VS_OK && *have && (out->dim < 1 || out->dim > INT32_MAX || out->rows < 0 || out->rows > UINT32_MAX || out->id < 1 || out->id > INT32_MAX))
        st = vs_fail(err, VS_E_FORMAT, "space %s says it has %lld rows of %lld numbers", name, (long long)out->rows, (long long)out->dim);
    return st;
}

static vs_status take_row(vs_err *err, const char *name, sqlite3_stmt *s, held *h, size_t r) {
    const void *vec = sqlite3_column_blob(s, 1);
    size_t bytes = (size_t)sqlite3_column_bytes(s, 1), want = h->d * sizeof(float);
    if (r >= h->n) return vs_fail(err, VS_E_FORMAT, "space %s: there are more rows than the %zu it says", name, h->n);
    if (bytes != want || !vec) return vs_fail(err, VS_E_FORMAT, "space %s: row %zu holds %zu bytes, want %zu", name, r, bytes, want);
    memcpy(h->x + r * h->d, vec, want);
    const char *key = (const char *)sqlite3_column_text(s, 0);
    size_t len = key ? (size_t)sqlite3_column_bytes(s, 0) : 0;
    h->key[r] = vs_arena_strndup(&h->arena, key ? key : "", len);
    h->len[r] = (uint32_t)len;
    if (!h->key[r]) return vs_fail(err, VS_E_NOMEM, "space %s: out of memory", name);
    return vs_dict_add(err, &h->index, h->key[r], len, (uint32_t)r, NULL);
}

static vs_status read_rows(vs_err *err, const vs__sql *of, const char *name, const found *f, held *h) {
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(of->db, "SELECT key, vec FROM vectors WHERE id BETWEEN ?1 << 32 AND (?1 << 32) + 4294967295 ORDER BY id", -1, &s, NULL) != SQLITE_OK)
        return fail_db(err, of, name);
    sqlite3_bind_int64(s, 1, f->id);
    vs_status st = VS_OK;
    int rc = SQLITE_DONE;
    size_t r = 0;
    while (st == VS_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) st = take_row(err, name, s, h, r++);
    if (st == VS_OK && rc != SQLITE_DONE) st = fail_db(err, of, name);
    sqlite3_finalize(s);
    if (st == VS_OK && r < h->n) st = vs_fail(err, VS_E_FORMAT, "space %s: there are %zu rows, it says %zu", name, r, h->n);
    return st;
}

static vs_status load(vs_err *err, const vs__sql *of, const char *name, const found *f, vs_space **out) {
    size_t n = (size_t)f->rows, d = (size_t)f->dim, width;
    held *h = vs_zalloc(1, sizeof *h);
    if (h) *h = (held){.n = n, .d = d, .key = vs_alloc(n, sizeof *h->key), .len = vs_alloc(n, sizeof *h->len)};
    if (h && vs_mul(d, sizeof *h->x, &width)) h->x = vs_alloc(n, width);
    vs_status st = h && h->x && h->key && h->len ? read_rows(err, of, name, f, h)
                                                 : vs_fail(err, VS_E_NOMEM, "space %s: no memory for %zu rows of %zu numbers", name, n, d);
    vs_space_desc desc = {.name = name, .place = "words", .keys = {.self = h, .key = held_key, .find = held_find}, .release = held_free, .owner = h};
    if (st == VS_OK) st = vs_tensor_over(err, h->x, VS_F32, 2, (size_t[]){n, d}, &desc.rows, NULL);
    if (st == VS_OK) st = vs_space_new(err, &desc, out);
    if (st != VS_OK) held_free(h);
    return st;
}

/* The session takes the space over, in place of an older one of its name; what is current stays so. */
static vs_status adopt(vs_err *err, vs__sql *of, vs_space *space) {
    vs_space *was = vs_session_space(of->session);
    bool same = was && !strcmp(vs_space_name(was), vs_space_name(space));
    char *name = was && !same ? vs_strdup(vs_space_name(was)) : NULL;
    vs_status st = vs_session_add_space(err, of->session, space, NULL);
    if (st == VS_OK && name) (void)!vs_session_use(NULL, of->session, name);
    vs_free(name);
    return st;
}

vs_status vs__sql_space(vs_err *err, vs__sql *of, const char *name, vs_space **out) {
    found f;
    bool have;
    VS_TRY(look_up(err, of, name, &f, &have));
    struct vs__sql_stored *s = of->stored;
    while (s && strcmp(s->name, name) != 0) s = s->next;
    if (!have) {
        *out = vs_session_space_opened(of->session, name);
        return *out ? VS_OK : vs_fail(err, VS_E_UNKNOWN, "no space named %s is open or stored", name);
    }
    bool fresh = s && s->space && s->id == f.id && s->generation == f.generation;
    *out = vs_session_space_opened(of->session, name);
    if (*out && strcmp(vs_space_name(*out), name) != 0) *out = NULL; /* only a beginning of its name */
    if (*out && (fresh || of->cursors > 1)) return VS_OK;            /* the cursor that asks is one; others may read it */
    if (!s) {
        s = vs_zalloc(1, sizeof *s);
        char *copy = vs_strdup(name);
        if (!s || !copy) {
            vs_free(s);
            vs_free(copy);
            return vs_fail(err, VS_E_NOMEM, "space %s: out of memory", name);
        }
        *s = (struct vs__sql_stored){.next = of->stored, .name = copy};
        of->stored = s;
    }
    s->space = NULL;
    VS_TRY(load(err, of, name, &f, out));
    VS_TRY(adopt(err, of, *out));
    s->space = *out;
    s->id = f.id;
    s->generation = f.generation;
    return VS_OK;
}

void vs__sql_free(void *p) {
    vs__sql *of = p;
    while (of->stored) {
        struct vs__sql_stored *s = of->stored;
        of->stored = s->next;
        vs_free(s->name);
        vs_free(s);
    }
    vs_session_free(of->session);
    vs_free(of);
}
