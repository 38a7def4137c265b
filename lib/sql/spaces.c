/* spaces.c - the spaces that SQL names.
 *
 * A space that the session has open, or that a table of an open model is, is read where it lies.  Any other is looked up
 * in the store and kept open with the connection: its cells are handed to SQLite without a copy, so a space that has
 * been replaced meanwhile is let go only when no cursor is open. */
#include <string.h>

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
        vs_space_desc desc = {.name = name, .place = "words", .keys = {.self = b, .key = block_key, .find = block_find}, .release = block_release, .owner = b};
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

vs_status vs__sql_space(vs_err *err, vs__sql *of, const char *name, vs_space **out) {
    *out = of->session ? vs_session_space_opened(of->session, name) : NULL;
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
