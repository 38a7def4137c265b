/* load.c - opening a model: what its file says, and every tensor in the place of its role. */
#define _XOPEN_SOURCE 700 /* realpath */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/dict.h"
#include "../io/hub.h"
#include "../tensor/kernels.h"
#include "config.h"
#include "model_impl.h"

static const struct role_row {
    const char *name, *shape, *words;
    bool per_layer;
} roles[VS_ROLE_COUNT] = {
#define ROLE(name, per_layer, shape, words) {#name, shape, words, per_layer},
#include "roles.def"
#undef ROLE
};

const char *vs_role_words(vs_role role) { return (unsigned)role < VS_ROLE_COUNT ? roles[role].words : ""; }

static const char *const part_words[VS_PART_COUNT] = {
    [VS_PART_HEAD] = "masked-word head", [VS_PART_POOLER] = "pooler", [VS_PART_NSP] = "next-sentence classifier"};

/* One opening: the tensors by name, and which of them have found their place. */
typedef struct binder {
    vs_model *m;
    const vs_config *config;
    const vs_file *file;
    const char *where;
    const char *const *prefix; /* those a tensor may carry */
    const char *usual;         /* the one that the embedding carries */
    vs_dict names;             /* name -> index in the file */
    bool *used;                /* [tensors] */
} binder;

enum { NAME_MAX_BYTES = 160 };

static vs_status index_names(vs_err *err, binder *b) {
    size_t n = vs_file_tensor_count(b->file);
    if (n > UINT32_MAX) return vs_fail(err, VS_E_FORMAT, "%s: %zu tensors", b->where, n);
    b->used = vs_zalloc(n, sizeof *b->used);
    if (!b->used) return vs_fail(err, VS_E_NOMEM, "%s: %zu tensors", b->where, n);
    VS_TRY(vs_dict_reserve(err, &b->names, n));
    for (size_t i = 0; i < n; i++) {
        const char *name;
        bool added;
        vs_file_tensor(b->file, i, &name);
        VS_TRY(vs_dict_add(err, &b->names, name, strlen(name), (uint32_t)i, &added));
        if (!added) return vs_fail(err, VS_E_FORMAT, "%s: tensor %s is there twice", b->where, name);
    }
    return VS_OK;
}

/* The tensor that a row means in a layer, under any of the prefixes and spellings; NULL where there is none.  *name is
 * what it is called, or would usually be. */
static const vs_tensor *look_up(binder *b, const vs_bind *row, size_t layer, char name[NAME_MAX_BYTES]) {
    const char *spelling[2] = {row->name, row->older};
    char number[24], bare[NAME_MAX_BYTES];
    snprintf(number, sizeof number, "%zu", layer);
    for (int s = 0; s < 2 && spelling[s]; s++) {
        vs__fill(spelling[s], number, bare, sizeof bare);
        for (size_t p = 0; b->prefix[p]; p++) {
            uint32_t i;
            int n = snprintf(name, NAME_MAX_BYTES, "%s%s", b->prefix[p], bare);
            if (n < 0 || n >= NAME_MAX_BYTES || !vs_dict_find(&b->names, name, (size_t)n, &i)) continue;
            if (!b->usual) b->usual = b->prefix[p];
            b->used[i] = true;
            const char *stored;
            return vs_file_tensor(b->file, i, &stored);
        }
    }
    vs__fill(row->name, number, bare, sizeof bare);
    snprintf(name, NAME_MAX_BYTES, "%s%s", b->usual && row->part == VS_PART_BODY ? b->usual : "", bare);
    return NULL;
}

static size_t letter_size(const vs_model *m, char letter) {
    switch (letter) {
    case 'd': return (size_t)m->hp[VS_HP_D];
    case 'V': return (size_t)m->hp[VS_HP_V];
    case 'H': return (size_t)m->hp[VS_HP_H];
    case 'K': return (size_t)m->hp[VS_HP_KV];
    case 'h': return (size_t)m->hp[VS_HP_DH];
    case 'f': return (size_t)m->hp[VS_HP_F];
    case 'P': return (size_t)m->hp[VS_HP_CONTEXT];
    case 'G': return (size_t)m->hp[VS_HP_TYPES];
    default: return (size_t)(letter - '0');
    }
}

/* The shape of a role in this model, from its letters.  Products of two numbers below 2^31 do not overflow. */
static int wanted_shape(const vs_model *m, vs_role role, size_t shape[VS_MAX_DIMS]) {
    int ndim = 0;
    shape[0] = 1;
    for (const char *p = roles[role].shape; *p; p++) {
        if (*p == ',') shape[++ndim] = 1;
        else shape[ndim] *= letter_size(m, *p);
    }
    return ndim + 1;
}

static vs_status check_tensor(vs_err *err, const binder *b, vs_role role, const vs_tensor *t, const char *name) {
    size_t want[VS_MAX_DIMS];
    int ndim = wanted_shape(b->m, role, want);
    bool same = t->ndim == ndim;
    for (int i = 0; same && i < ndim; i++) same = t->shape[i] == want[i];
    if (!same) {
        char wanted[64], found[64];
        return vs_fail(err, VS_E_SHAPE, "%s: tensor %s (%s): want %s, file has %s", b->where, name, roles[role].words,
                       vs_shape_text(want, ndim, wanted, sizeof wanted),
                       vs_shape_text(t->shape, t->ndim, found, sizeof found));
    }
    const vs_dtype_info *type = vs_dtype_of(t->dtype);
    bool real = type->block > 1 || t->dtype == VS_F32 || t->dtype == VS_F16 || t->dtype == VS_BF16;
    if (!real)
        return vs_fail(err, VS_E_UNSUPPORTED, "%s: tensor %s (%s) is %s; weights may be f32, f16, bf16 or quantised blocks",
                       b->where, name, roles[role].words, type->name);
    return VS_OK;
}

/* Keep a one-axis weight as f32, as it is applied. */
static vs_status widen_vector(vs_err *err, const binder *b, const vs_bind *row, const char *name, vs_weight *w) {
    size_t n = vs_tensor_count(&w->t);
    w->vec = vs_arena_alloc(&b->m->arena, n, sizeof *w->vec);
    if (!w->vec) return vs_fail(err, VS_E_NOMEM, "%s: tensor %s", b->where, name);
    vs_widen(w->t.dtype, w->t.data, w->vec, n);
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(w->vec[i]))
            return vs_fail(err, VS_E_NUMERIC, "%s: tensor %s (%s): element %zu is %s", b->where, name, roles[row->role].words,
                           i, isnan(w->vec[i]) ? "not a number" : "infinite");
        if (row->transform == VS_PLUS_ONE) w->vec[i] = 1.0f + w->vec[i];
    }
    return VS_OK;
}

/* Put the tensor of a row in its place; *found says whether the file has it. */
static vs_status bind_one(vs_err *err, binder *b, const vs_bind *row, size_t layer, vs_weight *w, bool *found, char name[NAME_MAX_BYTES]) {
    const vs_tensor *t = look_up(b, row, layer, name);
    *found = t != NULL;
    if (!t) return VS_OK;
    VS_TRY(check_tensor(err, b, row->role, t, name));
    w->t = *t;
    b->m->info.params += vs_tensor_count(t);
    return t->ndim == 1 ? widen_vector(err, b, row, name, w) : VS_OK;
}

static vs_status missing(vs_err *err, const binder *b, const vs_bind *row, const char *name) {
    size_t want[VS_MAX_DIMS];
    char wanted[64];
    int ndim = wanted_shape(b->m, row->role, want);
    const char *part = part_words[row->part];
    return vs_fail(err, VS_E_FORMAT, "%s: %s%s%sno tensor %s (%s, %s)", b->where, part ? "its " : "", part ? part : "",
                   part ? " is not whole: " : "", name, roles[row->role].words,
                   vs_shape_text(want, ndim, wanted, sizeof wanted));
}

/* All rows of one stack.  A part is there whole or not at all. */
static vs_status bind_stack(vs_err *err, binder *b, vs_stack_state *s) {
    const vs_bind *rows = b->config->gguf ? s->spec->gguf : s->spec->hub;
    const vs_bind *first_missing[VS_PART_COUNT] = {NULL};
    bool any[VS_PART_COUNT] = {false}, found;
    char name[NAME_MAX_BYTES];
    for (const vs_bind *row = rows; row->name; row++) {
        size_t times = roles[row->role].per_layer ? s->L : 1;
        for (size_t l = 0; l < times; l++) {
            vs_weight *w = roles[row->role].per_layer ? &s->layer[l].w[row->role] : &s->w[row->role];
            VS_TRY(bind_one(err, b, row, l, w, &found, name));
            if (found) any[row->part] = true;
            else if (row->part == VS_PART_BODY) return missing(err, b, row, name);
            else if (!first_missing[row->part]) first_missing[row->part] = row;
        }
    }
    for (int p = VS_PART_HEAD; p < VS_PART_COUNT; p++) {
        b->m->has[p] = any[p];
        if (!any[p] || !first_missing[p]) continue;
        look_up(b, first_missing[p], 0, name);
        return missing(err, b, first_missing[p], name);
    }
    if (b->m->has[VS_PART_NSP] && !b->m->has[VS_PART_POOLER])
        return vs_fail(err, VS_E_FORMAT, "%s: it has a next-sentence classifier but no pooler", b->where);
    return VS_OK;
}

/* The unembedding: its own tensor, or the embedding where the two are tied, or none. */
static vs_status tie(vs_err *err, binder *b) {
    vs_model *m = b->m;
    vs_stack_state *s = &m->stack[m->arch->n_stacks - 1];
    vs_weight *u = &s->w[VS_ROLE_UNEMBED];
    bool stored = u->t.data != NULL;
    if (m->hp[VS_HP_TIED] == VS_HP_DERIVED) m->hp[VS_HP_TIED] = stored ? 0 : 1;
    m->info.tied = m->hp[VS_HP_TIED] != 0;
    m->info.has_logits = !m->arch->masked_head || m->has[VS_PART_HEAD];
    if (m->info.tied && stored) m->info.params -= vs_tensor_count(&u->t); /* a copy that is never read */
    if (!m->info.has_logits) *u = (vs_weight){0};
    else if (m->info.tied) *u = m->stack[0].w[VS_ROLE_EMBED];
    else if (!stored) return vs_fail(err, VS_E_FORMAT, "%s: the embeddings are not tied, but there is no tensor of the %s",
                                     b->where, roles[VS_ROLE_UNEMBED].words);
    m->info.tied = m->info.tied && m->info.has_logits;
    return VS_OK;
}

static bool matches(const char *pattern, const char *s) {
    for (; *pattern; pattern++, s++) {
        if (*pattern == '*') {
            for (;; s++) {
                if (matches(pattern + 1, s)) return true;
                if (!*s) return false;
            }
        }
        if (*pattern != *s) return false;
    }
    return !*s;
}

static vs_status check_rest(vs_err *err, const binder *b) {
    const char *const *ignore = b->m->arch->hub_ignore;
    size_t slots = sizeof b->m->arch->hub_ignore / sizeof *ignore;
    for (size_t i = 0, n = vs_file_tensor_count(b->file); i < n; i++) {
        const char *name;
        const vs_tensor *t = vs_file_tensor(b->file, i, &name);
        bool known = b->used[i];
        for (size_t k = 0; !known && !b->config->gguf && k < slots && ignore[k]; k++) known = matches(ignore[k], name);
        if (known) continue;
        char found[64];
        return vs_fail(err, VS_E_FORMAT, "%s: tensor %s %s has no place in %s", b->where, name,
                       vs_shape_text(t->shape, t->ndim, found, sizeof found), b->m->arch->name);
    }
    return VS_OK;
}

/* Numbers that files leave out, and those that must agree. */
static vs_status derive_numbers(vs_err *err, binder *b) {
    double *hp = b->m->hp;
    const vs_stack *s = &b->m->arch->stack[0];
    if (hp[VS_HP_KV] == VS_HP_DERIVED) hp[VS_HP_KV] = hp[VS_HP_H];
    if (hp[VS_HP_DH] == VS_HP_DERIVED) {
        hp[VS_HP_DH] = hp[VS_HP_D] / hp[VS_HP_H];
        if (hp[VS_HP_DH] != floor(hp[VS_HP_DH]))
            return vs_fail(err, VS_E_FORMAT, "%s: width %.0f is not a multiple of %.0f heads", b->where, hp[VS_HP_D],
                           hp[VS_HP_H]);
    }
    if (fmod(hp[VS_HP_H], hp[VS_HP_KV]) != 0)
        return vs_fail(err, VS_E_FORMAT, "%s: %.0f heads are not a multiple of %.0f key/value heads", b->where, hp[VS_HP_H],
                       hp[VS_HP_KV]);
    if (s->pos == VS_POS_ROPE && fmod(hp[VS_HP_DH], 2) != 0)
        return vs_fail(err, VS_E_FORMAT, "%s: head width %.0f is odd, its halves cannot rotate", b->where, hp[VS_HP_DH]);
    if (hp[VS_HP_QUERY_SCALE] == VS_HP_DERIVED) hp[VS_HP_QUERY_SCALE] = hp[VS_HP_DH];
    size_t n = vs_file_tensor_count(b->file);
    if (hp[VS_HP_L] > (double)n)
        return vs_fail(err, VS_E_FORMAT, "%s: %.0f layers, but the file has %zu tensors", b->where, hp[VS_HP_L], n);
    if (hp[VS_HP_V] == VS_HP_DERIVED) {
        const vs_bind *row = b->config->gguf ? s->gguf : s->hub;
        while (row->name && row->role != VS_ROLE_EMBED) row++;
        char name[NAME_MAX_BYTES];
        const vs_tensor *t = row->name ? look_up(b, row, 0, name) : NULL;
        if (!t) return vs_fail(err, VS_E_FORMAT, "%s: no tensor of the %s", b->where, roles[VS_ROLE_EMBED].words);
        hp[VS_HP_V] = t->ndim == 2 ? (double)t->shape[0] : 0; /* another shape is refused when it is bound */
        if (hp[VS_HP_V] < 1 || hp[VS_HP_V] > INT32_MAX)
            return vs_fail(err, VS_E_SHAPE, "%s: tensor %s: %.0f rows", b->where, name, hp[VS_HP_V]);
    }
    return VS_OK;
}

static vs_status make_stack(vs_err *err, binder *b, int i) {
    vs_model *m = b->m;
    vs_stack_state *s = &m->stack[i];
    s->spec = &m->arch->stack[i];
    s->L = (size_t)m->hp[VS_HP_L];
    s->eps = (float)m->hp[VS_HP_EPS];
    s->score_scale = (float)(1 / sqrt(m->hp[VS_HP_QUERY_SCALE]));
    s->embed_scale = s->spec->embed_scale ? (float)sqrt(m->hp[VS_HP_D]) : 1;
    s->rope_dims = s->spec->pos == VS_POS_ROPE ? (size_t)m->hp[VS_HP_DH] : 0;
    VS_TRY(vs__config_act(err, b->config, s->spec, &s->act));
    s->layer = vs_arena_alloc(&m->arena, s->L, sizeof *s->layer);
    bool *windowed = vs_arena_alloc(&m->arena, s->L, sizeof *windowed);
    if (!s->layer || !windowed) return vs_fail(err, VS_E_NOMEM, "%s: %zu layers", b->where, s->L);
    if (s->spec->local) VS_TRY(vs__config_windowed(err, b->config, s->L, m->hp[VS_HP_WINDOW_PATTERN], windowed));
    for (size_t l = 0; l < s->L; l++) {
        vs_layer *y = &s->layer[l];
        y->window = windowed[l] ? (size_t)m->hp[VS_HP_WINDOW] : 0;
        y->rope_theta = (float)m->hp[windowed[l] ? VS_HP_ROPE_THETA_LOCAL : VS_HP_ROPE_THETA];
        y->rope_factor = windowed[l] || m->hp[VS_HP_ROPE_FACTOR] == 0 ? 1 : (float)m->hp[VS_HP_ROPE_FACTOR];
    }
    return bind_stack(err, b, s);
}

static const char *const pos_names[] = {[VS_POS_NONE] = "none", [VS_POS_LEARNED] = "learned", [VS_POS_ROPE] = "rope",
                                        [VS_POS_SINUSOID] = "sinusoid", [VS_POS_BUCKETS] = "buckets"};

static void fill_info(vs_model *m) {
    vs_model_info *info = &m->info;
    info->arch = m->arch->name;
    info->V = (size_t)m->hp[VS_HP_V];
    info->context = (size_t)m->hp[VS_HP_CONTEXT];
    info->n_stacks = m->arch->n_stacks;
    info->masked = info->has_logits && m->arch->masked_head;
    info->has_nsp = m->has[VS_PART_NSP];
    info->embed_scale = m->stack[0].embed_scale;
    info->logit_cap = (float)m->hp[VS_HP_LOGIT_CAP];
    for (int i = 0; i < m->arch->n_stacks; i++) {
        const vs_stack_state *s = &m->stack[i];
        vs_stack_info *o = &info->stack[i];
        o->name = s->spec->name;
        o->L = s->L;
        o->d = (size_t)m->hp[VS_HP_D];
        o->H = (size_t)m->hp[VS_HP_H];
        o->KV = (size_t)m->hp[VS_HP_KV];
        o->dh = (size_t)m->hp[VS_HP_DH];
        o->f = (size_t)m->hp[VS_HP_F];
        o->causal = s->spec->causal;
        o->gated = s->spec->gated;
        o->post_norm = s->spec->sub[0].post;
        o->rms = s->spec->norm == VS_NORM_RMS;
        o->rope = s->spec->pos == VS_POS_ROPE;
        o->act = vs__act_name(s->act);
        o->positions = pos_names[s->spec->pos];
        if (s->spec->pos == VS_POS_LEARNED) info->context -= (size_t)s->spec->pos_offset;
    }
}

vs_status vs__model_bind(vs_err *err, vs_model *m, const vs_config *c, const vs_file *file) {
    static const char *const no_prefix[] = {"", NULL};
    binder b = {.m = m, .config = c, .file = file, .where = c->where};
    b.prefix = c->gguf ? no_prefix : c->arch->hub_prefix;
    m->arch = c->arch;
    vs_status s;
    VS_TRY_TO(done, vs__config_numbers(err, c, m->hp));
    VS_TRY_TO(done, index_names(err, &b));
    VS_TRY_TO(done, derive_numbers(err, &b));
    for (int i = 0; i < m->arch->n_stacks; i++) VS_TRY_TO(done, make_stack(err, &b, i));
    VS_TRY_TO(done, tie(err, &b));
    VS_TRY_TO(done, check_rest(err, &b));
    fill_info(m);
done:
    vs_dict_free(&b.names);
    vs_free(b.used);
    return s;
}

/* A short name from a path: its last part without the ending .gguf; in the hub's own cache, where that is a hash
 * (models--OWNER--NAME/snapshots/HASH), NAME. */
static void short_name(const char *path, const char **name, size_t *n) {
    static const char cache[] = "/snapshots/", owner[] = "models--";
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') end--;
    const char *base = path + end, *hub = strstr(path, cache);
    while (base > path && base[-1] != '/') base--;
    *name = base;
    *n = end - (size_t)(base - path);
    if (*n > 5 && memcmp(base + *n - 5, ".gguf", 5) == 0) *n -= 5;
    if (!hub || hub + sizeof cache - 1 != base) return;
    const char *repo = hub;
    while (repo > path && repo[-1] != '/') repo--;
    if (strncmp(repo, owner, sizeof owner - 1) != 0) return;
    for (const char *p = repo; p + 2 < hub; p++)
        if (p[0] == '-' && p[1] == '-') repo = p + 2;
    *name = repo;
    *n = (size_t)(hub - repo);
}

static vs_status name_model(vs_err *err, vs_model *m, const char *path) {
    const char *name;
    size_t n;
    short_name(path, &name, &n);
    bool dots = n <= 2 && strspn(name, ".") == n; /* "." has a name too */
    char *real = dots ? realpath(path, NULL) : NULL;
    if (real) short_name(real, &name, &n);
    m->info.name = vs_arena_strndup(&m->arena, name, n);
    m->info.path = vs_arena_strndup(&m->arena, path, strlen(path));
    free(real);
    return m->info.name && m->info.path ? VS_OK : vs_fail(err, VS_E_NOMEM, "%s", path);
}

static vs_status open_hub(vs_err *err, vs_model *m, const char *path) {
    VS_TRY(vs_hub_open(err, path, &m->hub));
    size_t n = strlen(path) + sizeof "/config.json";
    char *where = vs_arena_alloc(&m->arena, n, 1);
    if (!where) return vs_fail(err, VS_E_NOMEM, "%s", path);
    snprintf(where, n, "%s/config.json", path);
    vs_config c;
    vs_status s = vs__config_json(err, where, m->hub->config, m->hub->config_size, &c);
    if (s == VS_OK) s = vs__model_bind(err, m, &c, m->hub->tensors);
    vs__config_close(&c);
    m->info.format = vs_file_format(m->hub->tensors);
    m->info.file_bytes = vs_file_size(m->hub->tensors);
    m->info.header_hash = vs_file_header_hash(m->hub->tensors) ^ vs_hash(m->hub->config, m->hub->config_size);
    return s;
}

vs_status vs__model_over(vs_err *err, vs_model *m) {
    m->info.format = vs_file_format(m->file);
    m->info.file_bytes = vs_file_size(m->file);
    m->info.header_hash = vs_file_header_hash(m->file);
    if (strcmp(m->info.format, "gguf") != 0)
        return vs_fail(err, VS_E_UNSUPPORTED,
                       "%s: a model is a GGUF file or a directory with config.json and *.safetensors; this is a %s file",
                       vs_file_path(m->file), m->info.format);
    vs_config c;
    vs_status s = vs__config_gguf(err, m->file, &c);
    if (s == VS_OK) s = vs__model_bind(err, m, &c, m->file);
    vs__config_close(&c);
    return s;
}

static vs_status open_gguf(vs_err *err, vs_model *m, const char *path) {
    VS_TRY(vs_file_open(err, path, &m->file));
    return vs__model_over(err, m);
}

vs_status vs_model_open(vs_err *err, const char *path, vs_model **out) {
    *out = NULL;
    vs_model *m = vs_zalloc(1, sizeof *m);
    if (!m) return vs_fail(err, VS_E_NOMEM, "%s", path);
    struct stat st;
    vs_status s = name_model(err, m, path);
    if (s == VS_OK) s = stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? open_hub(err, m, path) : open_gguf(err, m, path);
    if (s != VS_OK) vs_model_close(m);
    else *out = m;
    return s;
}

void vs_model_close(vs_model *m) {
    if (!m) return;
    vs__plans_free(m->plans);
    vs_tokenizer_free(m->tokenizer);
    vs_hub_close(m->hub);
    vs_file_close(m->file);
    vs_arena_free(&m->arena);
    vs_free(m);
}

const vs_model_info *vs_model_info_of(const vs_model *m) { return &m->info; }
