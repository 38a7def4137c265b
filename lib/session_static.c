/* session_static.c - a static embedding model in the hub's layout as a space: a row a token, a text is their mean.
 *
 *   DIR/config.json          "normalize": whether vectors are scaled to length 1
 *   DIR/tokenizer.json       whose pieces are the keys
 *   DIR/model.safetensors    embeddings [rows, d]; where there are fewer rows than pieces, mapping [V] says which is whose;
 *                            weights [V], what a row is multiplied by
 *
 * So model2vec and tokenlearn-static-model lay them out.  A text's vector is the mean of its first 512 tokens' rows, unknown
 * ones too, then scaled: the rule of tokenlearn-static-model.  Of a Matryoshka model (Kusupati et al. 2022) the first
 * numbers are a model of their own. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/map.h"
#include "io/hub.h"
#include "session_impl.h"
#include "tensor/kernels.h"

enum { MOST_TOKENS = 512 };
#define CONFIG_LIMIT ((size_t)1 << 20)

typedef struct static_model {
    vs_tokenizer *tok;
    vs__table_keys *keys;
    vs_keys of_keys; /* the keys of a table of tokens */
    float *row;      /* [n, d] as the space has them */
    float *norm;     /* [n] what each was divided by; NULL: nothing */
    size_t n, d;
} static_model;

static const char *static_key(void *self, size_t row, size_t *len) {
    const vs_keys *k = &((static_model *)self)->of_keys;
    return k->key(k->self, row, len);
}

static bool static_find(void *self, const char *key, size_t n, size_t *row) {
    const vs_keys *k = &((static_model *)self)->of_keys;
    return k->find(k->self, key, n, row);
}

static bool static_compose(void *self, const char *text, size_t n, float *vec, vs_buf *note) {
    static_model *m = self;
    vs_tokens t;
    if (vs_tokenize(NULL, m->tok, text, n, NULL, 0, false, &t) != VS_OK) return false;
    size_t used = 0;
    memset(vec, 0, m->d * sizeof *vec);
    for (size_t i = 0; i < t.n && i < MOST_TOKENS; i++) {
        if (t.id[i] < 0 || (size_t)t.id[i] >= m->n) continue;
        size_t r = (size_t)t.id[i];
        vs_axpy(m->norm ? m->norm[r] : 1, m->row + r * m->d, vec, m->d);
        used++;
    }
    vs_tokens_free(&t);
    if (!used) return false;
    vs_scale_by(vec, 1.0f / (float)used, m->d);
    float norm = sqrtf(vs_sum_squares(vec, m->d));
    if (m->norm && norm > 0) vs_scale_by(vec, 1.0f / norm, m->d);
    vs_buf_printf(note, "the mean of %zu tokens", used);
    return true;
}

static void static_release(void *self) {
    static_model *m = self;
    vs__table_keys_free(m->keys);
    vs_tokenizer_free(m->tok);
    vs_free(m->row);
    vs_free(m->norm);
    vs_free(m);
}

/* ---- opening ---- */

static vs_status read_tokenizer(vs_err *err, const vs_hub *hub, static_model *m) {
    if (!hub->tokenizer) return vs_fail(err, VS_E_FORMAT, "%s: no tokenizer.json there, whose pieces would be the keys", hub->dir);
    vs_map file;
    VS_TRY(vs_map_open(err, hub->tokenizer, &file));
    vs_status s = vs_tokenizer_from_json(err, (const char *)file.bytes, file.size, &m->tok);
    vs_map_close(&file);
    return s == VS_OK ? s : vs_fail_in(err, "%s", hub->tokenizer);
}

static bool is_row(const vs_tensor *t, size_t n) { return t->ndim == 1 && t->shape[0] == n; }

/* The tensors there are, and whether they fit each other. */
typedef struct parts {
    const vs_tensor *rows, *mapping, *weights;
} parts;

static vs_status find_parts(vs_err *err, const vs_hub *hub, parts *p) {
    static const char *const names[] = {"embeddings", "embedding.weight", "embeddings.weight"};
    *p = (parts){.mapping = vs_file_find(hub->tensors, "mapping"), .weights = vs_file_find(hub->tensors, "weights")};
    for (size_t i = 0; !p->rows && i < sizeof names / sizeof *names; i++) p->rows = vs_file_find(hub->tensors, names[i]);
    return p->rows ? VS_OK
                   : vs_fail(err, VS_E_UNKNOWN, "%s: no static embeddings: there is no tensor called embeddings or embedding.weight", hub->dir);
}

static vs_status check_parts(vs_err *err, const vs_hub *hub, size_t pieces, const parts *p) {
    char text[96];
    if (p->rows->ndim != 2 || !p->rows->shape[0] || !p->rows->shape[1])
        return vs_fail(err, VS_E_SHAPE, "%s: embeddings: want [rows, d], the file has %s", hub->dir,
                       vs_shape_text(p->rows->shape, p->rows->ndim, text, sizeof text));
    if (p->mapping && (!is_row(p->mapping, pieces) || (p->mapping->dtype != VS_I64 && p->mapping->dtype != VS_I32)))
        return vs_fail(err, VS_E_SHAPE, "%s: mapping: want a whole number for each of %zu pieces", hub->dir, pieces);
    if (p->weights && !is_row(p->weights, pieces)) return vs_fail(err, VS_E_SHAPE, "%s: weights: want a number for each of %zu pieces", hub->dir, pieces);
    if (!p->mapping && p->rows->shape[0] < pieces)
        return vs_fail(err, VS_E_SHAPE, "%s: %zu pieces, but only %zu rows of embeddings and no mapping", hub->dir, pieces, p->rows->shape[0]);
    return VS_OK;
}

static uint64_t mapped(const parts *p, size_t i) {
    if (!p->mapping) return i;
    const unsigned char *at = (const unsigned char *)p->mapping->data;
    int64_t wide;
    int32_t narrow;
    if (p->mapping->dtype == VS_I64)
        memcpy(&wide, at + i * sizeof wide, sizeof wide);
    else
        memcpy(&narrow, at + i * sizeof narrow, sizeof narrow), wide = narrow;
    return (uint64_t)wide;
}

static vs_status fill_rows(vs_err *err, const vs_hub *hub, const parts *p, bool normalize, static_model *m) {
    size_t full = p->rows->shape[1];
    float *row = vs_alloc(full, sizeof *row), *weight = p->weights ? vs_alloc(m->n, sizeof *weight) : NULL;
    m->row = vs_alloc(m->n, m->d * sizeof *m->row);
    m->norm = normalize ? vs_alloc(m->n, sizeof *m->norm) : NULL;
    vs_status s = VS_OK;
    if (!row || !m->row || (p->weights && !weight) || (normalize && !m->norm)) s = vs_fail(err, VS_E_NOMEM, "%s: no memory for %zu rows", hub->dir, m->n);
    vs_tensor as_row; /* weights as one row of n */
    if (s == VS_OK && weight) s = vs_tensor_over(err, p->weights->data, p->weights->dtype, 2, (size_t[]){1, m->n}, &as_row, NULL);
    if (s == VS_OK && weight) s = vs_tensor_row_f32(err, &as_row, 0, weight);
    for (size_t i = 0; s == VS_OK && i < m->n; i++) {
        uint64_t from = mapped(p, i);
        if (from >= p->rows->shape[0])
            s = vs_fail(err, VS_E_RANGE, "%s: mapping: piece %zu has row %lld of %zu", hub->dir, i, (long long)from, p->rows->shape[0]);
        if (s == VS_OK) s = vs_tensor_row_f32(err, p->rows, (size_t)from, row);
        if (s != VS_OK) break;
        float *out = m->row + i * m->d, norm;
        memcpy(out, row, m->d * sizeof *out);
        if (weight) vs_scale_by(out, weight[i], m->d);
        norm = sqrtf(vs_sum_squares(out, m->d));
        if (!isfinite(norm)) s = vs_fail(err, VS_E_NUMERIC, "%s: the row of piece %zu is not finite", hub->dir, i);
        if (!m->norm) continue;
        m->norm[i] = norm;
        if (norm > 0) vs_scale_by(out, 1 / norm, m->d);
    }
    vs_free(row);
    vs_free(weight);
    return s;
}

static vs_status is_normalized(vs_err *err, const vs_hub *hub, bool *out) {
    json_t *config;
    VS_TRY(vs_json_parse(err, hub->dir, hub->config, hub->config_size, CONFIG_LIMIT, &config));
    *out = json_is_true(json_object_get(config, "normalize"));
    json_decref(config);
    return VS_OK;
}

static vs_status fill(vs_err *err, const vs_hub *hub, size_t dim, static_model *m) {
    bool normalize;
    parts p;
    VS_TRY(is_normalized(err, hub, &normalize));
    VS_TRY(find_parts(err, hub, &p));
    VS_TRY(read_tokenizer(err, hub, m));
    m->n = vs_vocab_size(m->tok);
    VS_TRY(check_parts(err, hub, m->n, &p));
    if (dim > p.rows->shape[1]) return vs_fail(err, VS_E_RANGE, "%s: vectors of %zu numbers; %zu were asked for", hub->dir, p.rows->shape[1], dim);
    m->d = dim ? dim : p.rows->shape[1];
    VS_TRY(fill_rows(err, hub, &p, normalize, m));
    VS_TRY(vs__table_keys_new(err, m->tok, m->n, &m->keys));
    m->of_keys = vs__table_keys_of(m->keys);
    return VS_OK;
}

bool vs__is_dir(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

vs_status vs__space_of_static(vs_err *err, const char *dir, const char *name, size_t dim, vs_space **out) {
    *out = NULL;
    vs_hub *hub;
    VS_TRY(vs_hub_open(err, dir, &hub));
    static_model *m = vs_zalloc(1, sizeof *m);
    vs_status s = m ? fill(err, hub, dim, m) : vs_fail(err, VS_E_NOMEM, "%s: no memory to open it", dir);
    vs_hub_close(hub);
    if (s == VS_OK) {
        vs_space_desc d = {.name = name,
                           .place = "tokens",
                           .keys = {.self = m, .key = static_key, .find = static_find, .compose = static_compose, .pieces = true},
                           .release = static_release,
                           .owner = m};
        s = vs_tensor_over(err, m->row, VS_F32, 2, (size_t[]){m->n, m->d}, &d.rows, NULL);
        if (s == VS_OK) s = vs_space_new(err, &d, out);
    }
    if (s != VS_OK && m) static_release(m);
    return s;
}
