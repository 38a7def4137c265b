/* session.c - what is open: models, spaces, the store. */
#include "session.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "session_impl.h"

vs_status vs_session_new(vs_err *err, const char *db, vs_session **out) {
    *out = NULL;
    vs_session *s = vs_zalloc(1, sizeof *s);
    char *path = vs_strdup(db ? db : ":memory:");
    if (!s || !path) {
        vs_free(s);
        vs_free(path);
        return vs_fail(err, VS_E_NOMEM, "no memory for a session");
    }
    s->db = path;
    s->settings = (vs_settings){.k = 10, .seed = 1, .effects = true};
    *out = s;
    return VS_OK;
}

static void model_close(vs__open_model *m) {
    vs_space_free(m->table[0]);
    vs_space_free(m->table[1]);
    vs_model_close(m->model);
    vs_free(m->name);
    vs_free(m->path);
}

void vs_session_free(vs_session *s) {
    if (!s) return;
    while (s->edits) vs_session_pop_edits(s);
    vs_store_close(s->store);
    for (size_t i = 0; i < s->n_models; i++) model_close(&s->model[i]);
    for (size_t i = 0; i < s->n_spaces; i++) {
        vs_space_free(s->space[i].space);
        vs_free(s->space[i].source);
    }
    vs_free(s->model);
    vs_free(s->space);
    vs_buf_free(&s->edits_text);
    vs__last_free(&s->last);
    vs_free(s->clusters);
    vs_free(s->db);
    vs_free(s);
}

vs_settings *vs_session_settings(vs_session *s) { return &s->settings; }
void vs_session_on_store(vs_session *s, vs_store_opened_fn *fn) { s->on_store = fn; }
void vs_session_set_catalogue(vs_session *s, vs_catalogue_fn *fn) { s->catalogue = fn; }

bool vs_session_keeps(const vs_session *s) { return s->db && *s->db && strcmp(s->db, ":memory:") != 0; }

vs_status vs_session_store(vs_err *err, vs_session *s, vs_store **out) {
    *out = s->store;
    if (s->store) return VS_OK;
    VS_TRY(vs_store_open(err, s->db, &s->store));
    vs_status st = s->on_store ? s->on_store(err, s, s->store) : VS_OK;
    if (st != VS_OK) {
        vs_store_close(s->store);
        s->store = NULL;
    }
    *out = s->store;
    return st;
}

/* The path that `what` stands for: itself, or a catalogued name's in the cache. */
static vs_status locate(vs_err *err, vs_session *s, const char *what, char *buf, size_t size, const char **path) {
    struct stat st;
    bool present = false;
    *path = what;
    if (stat(what, &st) == 0) return VS_OK;
    const char *p = s->catalogue ? s->catalogue(what, buf, size, &present) : NULL;
    if (!p)
        return vs_fail(err, VS_E_UNKNOWN, "%s: no such file, and no catalogued name (vecscope fetch lists those)",
                       what);
    if (!present) return vs_fail(err, VS_E_UNKNOWN, "%s is not here yet: vecscope fetch %s", what, what);
    *path = p;
    return VS_OK;
}

/* ---- models ---- */

vs__open_model *vs__model_named(vs_session *s, const char *name, size_t n) {
    vs__open_model *found = NULL;
    for (size_t i = 0; i < s->n_models; i++) {
        vs__open_model *m = &s->model[i];
        if (strlen(m->name) == n && !memcmp(m->name, name, n)) return m;
        if (n && !strncmp(m->name, name, n)) found = found ? NULL : m; /* a prefix that fits one alone */
    }
    return found;
}

vs_status vs_session_open_model(vs_err *err, vs_session *s, const char *what, vs_model **out) {
    char buf[4096];
    const char *path;
    for (size_t i = 0; i < s->n_models; i++)
        if (!strcmp(s->model[i].name, what) || !strcmp(s->model[i].path, what)) {
            s->current_model = i + 1;
            if (!s->space_chosen) s->current_space = NULL;
            if (out) *out = s->model[i].model;
            return VS_OK;
        }
    VS_TRY(locate(err, s, what, buf, sizeof buf, &path));
    vs__open_model m = {0};
    VS_TRY(vs_model_open(err, path, &m.model));
    /* a catalogued name is the name it goes by; else what the model calls itself */
    m.name = vs_strdup(path == what ? vs_model_info_of(m.model)->name : what);
    m.path = vs_strdup(what);
    vs__open_model *grown = vs_grow(s->model, s->n_models, s->n_models + 1, sizeof *grown);
    if (grown) s->model = grown;
    if (!grown || !m.name || !m.path) {
        model_close(&m);
        return vs_fail(err, VS_E_NOMEM, "no memory to open %s", what);
    }
    s->model[s->n_models++] = m;
    s->current_model = s->n_models;
    if (!s->space_chosen) s->current_space = NULL; /* its own table is the space, until one is chosen */
    if (out) *out = m.model;
    return VS_OK;
}

vs_status vs_session_model_path(vs_err *err, vs_session *s, const char *what, char *buf, size_t size) {
    char found[4096];
    const char *path = NULL;
    for (size_t i = 0; i < s->n_models && !path; i++)
        if (!strcmp(s->model[i].name, what)) path = vs_model_info_of(s->model[i].model)->path;
    if (!path) VS_TRY(locate(err, s, what, found, sizeof found, &path));
    if (strlen(path) >= size) return vs_fail(err, VS_E_RANGE, "%s: the path of the model is too long", what);
    memcpy(buf, path, strlen(path) + 1);
    return VS_OK;
}

vs_status vs_session_model(vs_err *err, vs_session *s, vs_model **out) {
    *out = NULL;
    if (!s->current_model) return vs_fail(err, VS_E_STATE, "no model is open; open one: open gemma3-270m (or -m FILE)");
    *out = s->model[s->current_model - 1].model;
    return VS_OK;
}

size_t vs_session_models(const vs_session *s) { return s->n_models; }

vs_model *vs_session_model_at(const vs_session *s, size_t i, const char **name) {
    if (i >= s->n_models) return NULL;
    if (name) *name = s->model[i].name;
    return s->model[i].model;
}

/* When the weights were last changed: those of the model file, or of a directory in the hub's layout. */
static uint64_t changed_at(const char *path) {
    vs_buf weights = {0};
    struct stat st;
    vs_buf_printf(&weights, "%s/model.safetensors", path);
    bool found = (!weights.failed && stat(weights.s, &st) == 0) || stat(path, &st) == 0;
    vs_buf_free(&weights);
    return found ? (uint64_t)st.st_mtime : 0;
}

vs_status vs_session_model_record(vs_err *err, const vs_session *s, const vs_model *m, vs_buf *config, vs_model_record *out) {
    const vs_model_info *in = vs_model_info_of(m);
    const char *name = in->name;
    for (size_t i = 0; i < s->n_models; i++)
        if (s->model[i].model == m) name = s->model[i].name;
    json_t *j = json_pack("{s:s}", "name", name); /* NULL: no UTF-8 */
    char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
    json_decref(j);
    vs_buf_clear(config);
    vs_buf_puts(config, text ? text : "{}");
    free(text);
    if (config->failed) return vs_fail(err, VS_E_NOMEM, "no memory for the name of a model");
    *out = (vs_model_record){.path = in->path,
                             .arch = in->arch,
                             .config = config->s,
                             .size = in->file_bytes,
                             .mtime = changed_at(in->path),
                             .header_hash = in->header_hash};
    return VS_OK;
}

/* ---- spaces ---- */

static vs_status add_space(vs_err *err, vs_session *s, vs_space *sp, const char *source) {
    char *copy = vs_strdup(source);
    vs__open_space *grown = vs_grow(s->space, s->n_spaces, s->n_spaces + 1, sizeof *grown);
    if (grown) s->space = grown;
    if (!copy || !grown) {
        vs_status status = vs_fail(err, VS_E_NOMEM, "no memory to keep %s", source); /* source may be the space's own */
        vs_free(copy);
        vs_space_free(sp);
        return status;
    }
    s->space[s->n_spaces++] = (vs__open_space){.space = sp, .source = copy};
    return VS_OK;
}

/* A stored space: its rows lie in the mapped cache file of the store. */
static const char *block_key(void *b, size_t row, size_t *len) { return vs_block_key(b, row, len); }
static bool block_find(void *b, const char *key, size_t n, size_t *row) { return vs_block_find(b, key, n, row); }
static void block_release(void *b) { vs_block_close(b); }

static vs_status open_stored(vs_err *err, vs_session *s, const char *name, const vs_progress *p, vs_space **out) {
    vs_block *b;
    vs_space_record r;
    VS_TRY(vs_store_space_open(err, s->store, name, p, &b));
    size_t shape[2];
    const float *rows = vs_block_rows(b, &shape[0], &shape[1]);
    bool there = vs_store_space_find(NULL, s->store, name, &r) == VS_OK;
    vs_space_desc d = {.name = name,
                       .place = there ? r.place : "words",
                       .keys = {.self = b, .key = block_key, .find = block_find},
                       .release = block_release,
                       .owner = b};
    vs_status st = vs_tensor_over(err, rows, VS_F32, 2, shape, &d.rows, NULL);
    if (st == VS_OK) st = vs_space_new(err, &d, out);
    if (st != VS_OK) vs_block_close(b);
    return st;
}

/* Copy a space into the store.  source: the file it came from, as `file` describes it; both NULL: none. */
static vs_status store_words(vs_err *err, vs_session *s, const vs_space *sp, const char *source,
                             const struct stat *file, const vs_progress *p) {
    vs_space_record r = {.name = vs_space_name(sp),
                         .place = vs_space_place(sp),
                         .metric = "cosine",
                         .source = source,
                         .dim = vs_space_dim(sp),
                         .rows = vs_space_rows(sp),
                         .source_size = file ? (uint64_t)file->st_size : 0,
                         .source_mtime = file ? (uint64_t)file->st_mtime : 0};
    vs_space_writer *w;
    VS_TRY(vs_store_space_begin(err, s->store, &r, &w));
    float *vec = vs_alloc(r.dim, sizeof *vec);
    vs_status st = vec ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for a vector");
    for (size_t i = 0; st == VS_OK && i < r.rows; i++) {
        size_t n;
        const char *key = vs_space_key(sp, i, &n);
        st = vs_space_row(err, sp, i, vec);
        if (st == VS_OK) st = vs_store_space_add(err, w, key, n, vec);
        if (i % 4096 == 0) vs_tick(p, "storing", i, r.rows);
        if (st == VS_OK && vs_interrupted())
            st = vs_fail(err, VS_E_STOPPED, "storing %s was interrupted; nothing of it is kept", r.name);
    }
    vs_tick(p, "storing", 1, 1);
    vs_free(vec);
    if (st == VS_OK) return vs_store_space_commit(err, w, NULL);
    vs_store_space_abort(w);
    return st;
}

/* A word-vector file: read once; where the store is on disk, kept there and opened from there afterwards. */
static vs_status open_words(vs_err *err, vs_session *s, const char *name, const char *path, const vs_progress *p,
                            vs_space **out) {
    struct stat file;
    if (vs__is_dir(path)) return vs__space_of_static(err, path, name, 0, out);
    if (stat(path, &file) != 0) return vs_fail(err, VS_E_UNKNOWN, "%s: no such file", path);
    bool keep = strcmp(s->db, ":memory:") != 0;
    vs_store *store;
    if (keep) VS_TRY(vs_session_store(err, s, &store));
    vs_space_record r;
    if (keep && vs_store_space_find(NULL, s->store, name, &r) == VS_OK && r.source && !strcmp(r.source, path) &&
        r.source_size == (uint64_t)file.st_size && r.source_mtime == (uint64_t)file.st_mtime)
        return open_stored(err, s, name, p, out);
    VS_TRY(vs_space_from_words(err, path, name, p, out));
    if (!keep || vs_space_composes(*out)) return VS_OK; /* what composes words is in the file alone */
    vs_status st = store_words(err, s, *out, path, &file, p);
    if (st != VS_OK) {
        vs_space_free(*out);
        *out = NULL;
    }
    return st;
}

/* W_E, W_U, MODEL:W_E: a table of an open model; NULL when `what` names none. */
static vs_status table_named(vs_err *err, vs_session *s, const char *what, vs_space **out) {
    *out = NULL;
    const char *colon = strrchr(what, ':'), *table = colon ? colon + 1 : what;
    int which = !strcmp(table, "W_E") ? 0 : !strcmp(table, "W_U") ? 1 : -1;
    if (which < 0) return VS_OK;
    vs__open_model *m = colon              ? vs__model_named(s, what, (size_t)(colon - what))
                        : s->current_model ? &s->model[s->current_model - 1]
                                           : NULL;
    if (!m) return vs_fail(err, VS_E_STATE, "%s: %s", what, colon ? "no such model is open" : "no model is open");
    return vs__space_of_table(err, m, which, out);
}

static vs_space *open_space_named(vs_session *s, const char *name, size_t n) {
    vs_space *found = NULL;
    for (size_t i = 0; i < s->n_spaces; i++) {
        const char *has = vs_space_name(s->space[i].space);
        if (strlen(has) == n && !memcmp(has, name, n)) return s->space[i].space;
        if (n && !strncmp(has, name, n)) found = found ? NULL : s->space[i].space;
    }
    return found;
}

/* Whether a space of this name is stored.  A store in memory has none before it is first asked for one. */
static bool is_stored(vs_session *s, const char *name) {
    vs_space_record r;
    vs_store *store;
    bool any = s->store || (vs_session_keeps(s) && vs_session_store(NULL, s, &store) == VS_OK);
    return any && vs_store_space_find(NULL, s->store, name, &r) == VS_OK;
}

void vs__space_forget(vs_session *s, const char *name) {
    for (size_t i = 0; i < s->n_spaces; i++) {
        vs__open_space *o = &s->space[i];
        if (strcmp(vs_space_name(o->space), name) != 0) continue;
        if (s->current_space == o->space) s->current_space = NULL;
        vs_space_free(o->space);
        vs_free(o->source);
        memmove(o, o + 1, (s->n_spaces - i - 1) * sizeof *o);
        s->n_spaces--;
        return;
    }
}

vs_status vs_session_drop_space(vs_err *err, vs_session *s, const char *name) {
    vs_store *store;
    VS_TRY(vs_session_store(err, s, &store));
    VS_TRY(vs_store_space_drop(err, store, name));
    vs__space_forget(s, name);
    return VS_OK;
}

/* The built-in words, opened on first need; NULL where memory is short. */
static vs_space *default_space(vs_session *s) {
    vs_space *sp = open_space_named(s, "default", strlen("default"));
    return sp || (vs_space_default(NULL, &sp) == VS_OK && add_space(NULL, s, sp, "default") == VS_OK) ? sp : NULL;
}

vs_status vs_session_open_space(vs_err *err, vs_session *s, const char *what, const vs_progress *p, vs_space **out) {
    vs_space *sp = NULL;
    for (size_t i = 0; i < s->n_spaces && !sp; i++)
        if (!strcmp(s->space[i].source, what) || !strcmp(vs_space_name(s->space[i].space), what))
            sp = s->space[i].space;
    if (!sp) VS_TRY(table_named(err, s, what, &sp));
    if (!sp && !strcmp(what, "default")) sp = default_space(s);
    if (!sp) {
        char buf[4096], name[256];
        const char *path, *stem;
        size_t n;
        bool stored = is_stored(s, what);
        vs_status st = locate(err, s, what, buf, sizeof buf, &path);
        if (st == VS_OK) {
            stem = path == what ? vs_path_stem(what, &n) : (n = strlen(what), what);
            snprintf(name, sizeof name, "%.*s", (int)n, stem);
            VS_TRY(open_words(err, s, name, path, p, &sp));
        } else if (stored) {
            VS_TRY(open_stored(err, s, what, p, &sp));
        } else {
            return st;
        }
        VS_TRY(add_space(err, s, sp, what));
    }
    s->current_space = sp;
    s->space_chosen = true;
    if (out) *out = sp;
    return VS_OK;
}

/* Put sp in the place of an open space of its name. */
static bool replace_space(vs_session *s, vs_space *sp) {
    for (size_t i = 0; i < s->n_spaces; i++) {
        vs_space *old = s->space[i].space;
        if (strcmp(vs_space_name(old), vs_space_name(sp)) != 0) continue;
        s->space[i].space = sp;
        if (s->current_space == old) s->current_space = sp;
        vs_space_free(old);
        return true;
    }
    return false;
}

vs_status vs_session_add_space(vs_err *err, vs_session *s, vs_space *sp, const vs_progress *p) {
    vs_store *store;
    vs_status st = vs_session_keeps(s) ? vs_session_store(err, s, &store) : VS_OK;
    if (st == VS_OK && vs_session_keeps(s)) st = store_words(err, s, sp, NULL, NULL, p);
    if (st != VS_OK) {
        vs_space_free(sp);
        return st;
    }
    if (!replace_space(s, sp)) VS_TRY(add_space(err, s, sp, vs_space_name(sp)));
    s->current_space = sp;
    s->space_chosen = true;
    return VS_OK;
}

vs_status vs__keep_aside(vs_err *err, vs_session *s, vs_space *sp, const vs_progress *p) {
    vs_space *was = s->current_space;
    bool chosen = s->space_chosen, replaced = was && !strcmp(vs_space_name(was), vs_space_name(sp));
    vs_status st = vs_session_add_space(err, s, sp, p);
    if (!replaced) s->current_space = was;
    s->space_chosen = chosen;
    return st;
}

vs_status vs__stored_space(vs_err *err, vs_session *s, const char *name, vs_space **out) {
    vs_store *store;
    vs_space_record r;
    VS_TRY(vs_session_store(err, s, &store));
    VS_TRY(vs_store_space_find(err, store, name, &r));
    VS_TRY(open_stored(err, s, name, NULL, out));
    return add_space(err, s, *out, name);
}

vs_status vs_session_open_first(vs_err *err, vs_session *s, const char *what, size_t dim, const vs_progress *p, vs_space **out) {
    char buf[4096], name[256];
    const char *path;
    vs_space *whole, *sp = NULL;
    if (locate(NULL, s, what, buf, sizeof buf, &path) == VS_OK && vs__is_dir(path)) {
        size_t n;
        const char *stem = vs_path_stem(what, &n);
        snprintf(name, sizeof name, "%.*s-%zud", (int)(n < 200 ? n : 200), stem, dim);
        VS_TRY(vs__space_of_static(err, path, name, dim, &sp));
    } else {
        VS_TRY(vs_session_open_space(err, s, what, p, &whole));
        snprintf(name, sizeof name, "%.200s-%zud", vs_space_name(whole), dim);
        VS_TRY(vs_space_first(err, whole, dim, name, &sp));
    }
    if (!replace_space(s, sp)) VS_TRY(add_space(err, s, sp, name));
    s->current_space = sp;
    s->space_chosen = true;
    if (out) *out = sp;
    return VS_OK;
}

vs_space *vs_session_space(vs_session *s) {
    if (s->current_space) return s->current_space;
    if (s->current_model && vs__space_of_table(NULL, &s->model[s->current_model - 1], 0, &s->current_space) == VS_OK)
        return s->current_space;
    return s->current_space = default_space(s);
}

size_t vs_session_spaces(const vs_session *s) { return s->n_spaces; }
vs_space *vs_session_space_at(const vs_session *s, size_t i) { return i < s->n_spaces ? s->space[i].space : NULL; }

vs_space *vs_session_space_opened(vs_session *s, const char *name) {
    vs_space *sp = open_space_named(s, name, strlen(name));
    if (!sp && table_named(NULL, s, name, &sp) != VS_OK) sp = NULL;
    if (!sp && !strcmp(name, "default")) sp = default_space(s);
    if (!sp && s->current_space && !strcmp(vs_space_name(s->current_space), name)) sp = s->current_space;
    vs__open_model *m = sp ? NULL : vs__model_named(s, name, strlen(name));
    if (m && vs__space_of_table(NULL, m, 0, &sp) != VS_OK) sp = NULL;
    return sp;
}

vs_space *vs_session_space_named(vs_session *s, const char *name) {
    vs_space *sp = vs_session_space_opened(s, name);
    if (!sp && is_stored(s, name) && vs__stored_space(NULL, s, name, &sp) != VS_OK) sp = NULL;
    return sp;
}

vs_status vs_session_use(vs_err *err, vs_session *s, const char *name) {
    vs_space *sp = vs_session_space_named(s, name);
    vs__open_model *m = vs__model_named(s, name, strlen(name));
    if (m && (!sp || strlen(m->name) == strlen(name))) {
        s->current_model = (size_t)(m - s->model) + 1;
        if (!s->space_chosen) s->current_space = NULL;
        return VS_OK;
    }
    if (!sp) return vs_fail(err, VS_E_UNKNOWN, "%s is not open; models and spaces list what is", name);
    s->current_space = sp;
    s->space_chosen = true;
    return VS_OK;
}
