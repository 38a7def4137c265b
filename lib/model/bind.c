/* bind.c - every tensor of a file in the place of its role, and the numbers that follow from them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../base/dict.h"
#include "../base/str.h"
#include "../tensor/kernels.h"
#include "config.h"
#include "model_impl.h"
#include "rope.h"

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
    const char *where, *tensors; /* for messages: where the description is, and the tensors */
    const char *const *prefix; /* those a tensor may carry */
    const char *usual;         /* the one that the embedding carries */
    vs_dict names;             /* name -> index in the file */
    bool *used;                /* [tensors] */
} binder;

enum { NAME_MAX_BYTES = 160 };

static vs_status index_names(vs_err *err, binder *b) {
    size_t n = vs_file_tensor_count(b->file);
    if (n > UINT32_MAX) return vs_fail(err, VS_E_FORMAT, "%s: %zu tensors", b->tensors, n);
    b->used = vs_zalloc(n, sizeof *b->used);
    if (!b->used) return vs_fail(err, VS_E_NOMEM, "%s: %zu tensors", b->tensors, n);
    VS_TRY(vs_dict_reserve(err, &b->names, n));
    for (size_t i = 0; i < n; i++) {
        const char *name;
        bool added;
        vs_file_tensor(b->file, i, &name);
        VS_TRY(vs_dict_add(err, &b->names, name, strlen(name), (uint32_t)i, &added));
        if (!added) return vs_fail(err, VS_E_FORMAT, "%s: tensor %s is there twice", b->tensors, name);
    }
    return VS_OK;
}

/* The tensor that a row means in a layer, under any of the prefixes and spellings; NULL where there is none.  *name is
 * what it is called, or would usually be; *index (may be NULL) its number in the file. */
static const vs_tensor *look_up(binder *b, const vs_bind *row, size_t layer, char name[NAME_MAX_BYTES], uint32_t *index) {
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
            if (index) *index = i;
            const char *stored;
            return vs_file_tensor(b->file, i, &stored);
        }
    }
    vs__fill(row->name, number, bare, sizeof bare);
    snprintf(name, NAME_MAX_BYTES, "%s%s", b->usual && row->part == VS_PART_BODY ? b->usual : "", bare);
    return NULL;
}

static size_t letter_size(const vs_model *m, int stack, char letter) {
    const vs_stack_info *si = &m->info.stack[stack];
    switch (letter) {
    case 'd': return si->d;
    case 'e': return (size_t)m->hp[VS_HP_E];
    case 'V': return (size_t)m->hp[VS_HP_V];
    case 'H': return si->H;
    case 'K': return si->KV;
    case 'h': return si->dh;
    case 'f': return si->f;
    case 'P': return (size_t)m->hp[VS_HP_CONTEXT] + (size_t)m->arch->stack[stack].pos_offset;
    case 'G': return (size_t)m->hp[VS_HP_TYPES];
    case 'B': return (size_t)m->hp[VS_HP_BUCKETS];
    case 'r': return m->stack[stack].rope_dims / 2;
    default: return (size_t)(letter - '0');
    }
}

/* The shape of a role in this model, from its letters.  Products of two numbers below 2^31 do not overflow. */
static int wanted_shape(const vs_model *m, int stack, vs_role role, size_t shape[VS_MAX_DIMS]) {
    int ndim = 0;
    shape[0] = 1;
    for (const char *p = roles[role].shape; *p; p++) {
        if (*p == ',') shape[++ndim] = 1;
        else shape[ndim] *= letter_size(m, stack, *p);
    }
    return ndim + 1;
}

/* The shape of the tensor that a row lies in. */
static int stored_shape(const vs_model *m, int stack, const vs_bind *row, size_t shape[VS_MAX_DIMS]) {
    int ndim = wanted_shape(m, stack, row->role, shape);
    const vs_stack_info *si = &m->info.stack[stack];
    switch (row->lie) {
    case VS_LIE_QKV:
    case VS_LIE_QKV_IN_OUT:
    case VS_LIE_QKV_HEADS: shape[0] = (si->H + 2 * si->KV) * si->dh; break;
    case VS_LIE_GATE_UP: shape[0] = 2 * si->f; break;
    default: break;
    }
    if (ndim == 2 && (row->lie == VS_LIE_IN_OUT || row->lie == VS_LIE_QKV_IN_OUT)) {
        size_t out = shape[0];
        shape[0] = shape[1];
        shape[1] = out;
    }
    return ndim;
}

/* Which of the parts of a fused tensor a role is, and how many rows stand before it. */
static size_t part_of(vs_role role) {
    switch (role) {
    case VS_ROLE_WK:
    case VS_ROLE_BK:
    case VS_ROLE_W_UP: return 1;
    case VS_ROLE_WV:
    case VS_ROLE_BV: return 2;
    default: return 0;
    }
}

/* The view of a stored tensor that is the weight of a role. */
static vs_tensor view_of(const vs_model *m, int stack, const vs_bind *row, const vs_tensor *t) {
    const vs_stack_info *si = &m->info.stack[stack];
    size_t want[VS_MAX_DIMS], part = part_of(row->role), dh = si->dh;
    int ndim = wanted_shape(m, stack, row->role, want);
    size_t step = t->stride[0], in = ndim == 2 ? t->stride[1] : 0, cols = want[1], before = 0;
    if (row->lie == VS_LIE_QKV || row->lie == VS_LIE_QKV_IN_OUT) before = part == 0 ? 0 : (si->H + (part - 1) * si->KV) * dh;
    if (row->lie == VS_LIE_GATE_UP) before = part * si->f;
    if (row->lie == VS_LIE_QKV_HEADS) before = part * dh;
    vs_tensor v = *t;
    switch (row->lie) {
    case VS_LIE_WHOLE: break;
    case VS_LIE_QKV:
    case VS_LIE_GATE_UP:
        v.shape[0] = want[0];
        v.data = (const char *)t->data + before * step;
        break;
    case VS_LIE_IN_OUT:
    case VS_LIE_QKV_IN_OUT:
        v.shape[0] = want[0];
        v.data = (const char *)t->data + before * (ndim == 2 ? in : step);
        if (ndim == 2) v.shape[1] = cols, v.stride[0] = in, v.stride[1] = step;
        break;
    case VS_LIE_QKV_HEADS:
        v = (vs_tensor){(const char *)t->data + before * step, t->dtype, ndim + 1, {si->H, dh, cols}, {3 * dh * step, step, in}};
        break;
    case VS_LIE_PAIRS:
        v = (vs_tensor){t->data, t->dtype, ndim + 2, {want[0] / dh, 2, dh / 2, cols}, {dh * step, step, 2 * step, in}};
        break;
    }
    return v;
}

static vs_status check_tensor(vs_err *err, const binder *b, int stack, const vs_bind *row, const vs_tensor *t,
                              const char *name) {
    size_t want[VS_MAX_DIMS];
    int ndim = stored_shape(b->m, stack, row, want);
    const char *words = roles[row->role].words;
    bool same = t->ndim == ndim;
    for (int i = 0; same && i < ndim; i++) same = t->shape[i] == want[i];
    if (!same) {
        char wanted[64], found[64];
        return vs_fail(err, VS_E_SHAPE, "%s: tensor %s (%s): want %s, file has %s", b->tensors, name, words,
                       vs_shape_text(want, ndim, wanted, sizeof wanted),
                       vs_shape_text(t->shape, t->ndim, found, sizeof found));
    }
    size_t dh = b->m->info.stack[stack].dh;
    if (row->lie == VS_LIE_PAIRS && dh % 2)
        return vs_fail(err, VS_E_SHAPE, "%s: tensor %s (%s): heads of %zu have no halves", b->tensors, name, words, dh);
    const vs_dtype_info *type = vs_dtype_of(t->dtype);
    if (!vs_dtype_is_real(t->dtype))
        return vs_fail(err, VS_E_UNSUPPORTED, "%s: tensor %s (%s) is %s; weights may be f8 to f64, bf16 or quantised blocks",
                       b->tensors, name, words, type->name);
    bool in_rows = ndim == 1 ? row->lie != VS_LIE_PAIRS : row->lie != VS_LIE_IN_OUT && row->lie != VS_LIE_QKV_IN_OUT;
    if (type->block > 1 && (!in_rows || (ndim == 1 && row->lie != VS_LIE_WHOLE)))
        return vs_fail(err, VS_E_UNSUPPORTED, "%s: tensor %s (%s) is %s, whose blocks cannot be taken apart this way",
                       b->tensors, name, words, type->name);
    return VS_OK;
}

/* Weights of one axis and the few numbers of DISTANCE are kept as f32, as they are applied. */
static bool kept_wide(vs_role role) { return !strchr(roles[role].shape, ',') || role == VS_ROLE_DISTANCE; }

static vs_status widen_small(vs_err *err, const binder *b, const vs_bind *row, const char *name, vs_weight *w) {
    size_t n = vs_tensor_count(&w->t), cols = vs_tensor_cols(&w->t);
    w->vec = vs_arena_alloc(&b->m->arena, n, sizeof *w->vec);
    if (!w->vec) return vs_fail(err, VS_E_NOMEM, "%s: tensor %s", b->tensors, name);
    for (size_t r = 0; r * cols < n; r++) VS_TRY(vs_tensor_row_f32(err, &w->t, r, w->vec + r * cols));
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(w->vec[i]))
            return vs_fail(err, VS_E_NUMERIC, "%s: tensor %s (%s): element %zu is %s", b->tensors, name, roles[row->role].words,
                           i, isnan(w->vec[i]) ? "not a number" : "infinite");
        if (row->transform == VS_PLUS_ONE) w->vec[i] = 1.0f + w->vec[i];
    }
    if (w->t.ndim == 1 || row->role == VS_ROLE_DISTANCE) return VS_OK;
    return vs_tensor_over(err, w->vec, VS_F32, 1, &n, &w->t, NULL); /* a part of a fused bias */
}

/* A tensor less the leading axes of one row that it has beyond `ndim` (the logits bias of BART is [1, V]). */
static vs_tensor without_ones(const vs_tensor *t, int ndim) {
    vs_tensor v = *t;
    while (v.ndim > ndim && v.shape[0] == 1) {
        v.ndim--;
        for (int i = 0; i < v.ndim; i++) v.shape[i] = v.shape[i + 1], v.stride[i] = v.stride[i + 1];
    }
    return v;
}

/* Put the tensor of a row in its place; *found says whether the file has it. */
static vs_status bind_one(vs_err *err, binder *b, int stack, const vs_bind *row, size_t layer, vs_weight *w, bool *found,
                          char name[NAME_MAX_BYTES]) {
    uint32_t i;
    const vs_tensor *t = look_up(b, row, layer, name, &i);
    *found = t != NULL;
    if (!t) return VS_OK;
    vs_tensor bare = without_ones(t, strchr(roles[row->role].shape, ',') ? 2 : 1);
    VS_TRY(check_tensor(err, b, stack, row, &bare, name));
    w->t = view_of(b->m, stack, row, &bare);
    bool shared = b->used[i] && row->lie == VS_LIE_WHOLE; /* both stacks have the embedding */
    if (!shared) b->m->info.params += vs_tensor_count(&w->t);
    b->used[i] = true;
    return kept_wide(row->role) ? widen_small(err, b, row, name, w) : VS_OK;
}

static vs_status missing(vs_err *err, const binder *b, int stack, const vs_bind *row, const char *name) {
    size_t want[VS_MAX_DIMS];
    char wanted[64];
    int ndim = stored_shape(b->m, stack, row, want);
    const char *part = part_words[row->part];
    return vs_fail(err, VS_E_FORMAT, "%s: %s%s%sno tensor %s (%s, %s)", b->tensors, part ? "its " : "", part ? part : "",
                   part ? " is not whole: " : "", name, roles[row->role].words,
                   vs_shape_text(want, ndim, wanted, sizeof wanted));
}

/* Whether the file has nothing of what the blocks of a stack hold. */
static bool lacks_stack(binder *b, int stack) {
    const vs_stack *s = &b->m->arch->stack[stack];
    char name[NAME_MAX_BYTES];
    for (const vs_bind *row = b->config->gguf ? s->gguf : s->hub; row->name; row++)
        if (roles[row->role].per_layer && look_up(b, row, 0, name, NULL)) return false;
    return true;
}

static bool another_way(const vs_bind *rows, vs_role role) {
    while (rows->name && rows->role != role) rows++;
    return rows->name != NULL;
}

/* All rows of one stack.  A part is there whole or not at all. */
static vs_status bind_stack(vs_err *err, binder *b, int stack) {
    vs_stack_state *s = &b->m->stack[stack];
    const vs_bind *rows = b->config->gguf ? s->spec->gguf : s->spec->hub;
    const vs_bind *first_missing[VS_PART_COUNT] = {NULL};
    bool any[VS_PART_COUNT] = {false}, found;
    char name[NAME_MAX_BYTES];
    for (const vs_bind *row = rows; row->name; row++) {
        size_t times = roles[row->role].per_layer ? s->L : 1;
        for (size_t l = 0; l < times; l++) {
            vs_weight *w = roles[row->role].per_layer ? &s->layer[l].w[row->role] : &s->w[row->role];
            if (w->t.data) continue; /* an earlier row found it: a later one is another way to store it */
            if (row->part == VS_PART_UNTIED && b->m->hp[VS_HP_TIED] != 0) continue;
            VS_TRY(bind_one(err, b, stack, row, l, w, &found, name));
            if (found) any[row->part] = true;
            else if (row->part == VS_PART_BODY && !another_way(row + 1, row->role)) return missing(err, b, stack, row, name);
            else if (!first_missing[row->part]) first_missing[row->part] = row;
        }
    }
    for (int p = VS_PART_HEAD; p < VS_PART_COUNT; p++) {
        b->m->has[p] |= any[p];
        if (!any[p] || !first_missing[p]) continue;
        look_up(b, first_missing[p], 0, name, NULL);
        return missing(err, b, stack, first_missing[p], name);
    }
    if (b->m->has[VS_PART_NSP] && !b->m->has[VS_PART_POOLER])
        return vs_fail(err, VS_E_FORMAT, "%s: it has a next-sentence classifier but no pooler", b->where);
    return VS_OK;
}

/* The unembedding: its own tensor, or the embedding where the two are tied, or none. */
static void tie(binder *b) {
    vs_model *m = b->m;
    vs_stack_state *s = &m->stack[m->info.n_stacks - 1];
    vs_weight *u = &s->w[VS_ROLE_UNEMBED];
    bool stored = u->t.data != NULL;
    if (m->hp[VS_HP_HEAD_SCALED] == VS_HP_DERIVED) m->hp[VS_HP_HEAD_SCALED] = m->hp[VS_HP_TIED] == VS_HP_DERIVED ? !stored : m->hp[VS_HP_TIED];
    s->head_scale = m->hp[VS_HP_HEAD_SCALED] != 0 ? (float)(1 / sqrt(m->hp[VS_HP_D])) : 1;
    if (m->hp[VS_HP_TIED] == VS_HP_DERIVED) m->hp[VS_HP_TIED] = stored ? 0 : 1;
    m->info.tied = m->hp[VS_HP_TIED] != 0;
    m->info.has_logits = m->info.n_stacks == m->arch->n_stacks && (!m->arch->masked_head || m->has[VS_PART_HEAD]);
    if (m->info.tied && stored) m->info.params -= vs_tensor_count(&u->t); /* a copy that is never read */
    if (!m->info.tied && !stored) m->info.has_logits = false; /* a model saved without its head */
    if (!m->info.has_logits) *u = (vs_weight){0};
    else if (m->info.tied) *u = s->w[VS_ROLE_EMBED];
    vs_weight *own = &s->w[VS_ROLE_UNEMBED_OWN_B];
    if (own->t.data) { /* of the two biases one is never read */
        m->info.params -= vs_tensor_count(&own->t);
        if (!m->info.tied && m->info.has_logits) s->w[VS_ROLE_UNEMBED_B] = *own;
        *own = (vs_weight){0};
    }
    m->info.tied = m->info.tied && m->info.has_logits;
}

/* Heads that a model was given for another task, by the names that transformers' classes have for them (…ForSequence-,
 * ForTokenClassification, ForQuestionAnswering, ForMultipleChoice, GPT2DoubleHeadsModel): the model is open without them. */
static const char *const task_heads[] = {"classifier.*",          "pre_classifier.*",       "score.*", "qa_outputs.*",
                                         "classification_head.*", "multiple_choice_head.*", "sequence_summary.*"};

bool vs__task_head(const char *name, bool gguf) {
    if (gguf) return vs_glob("cls.*", name); /* as llama.cpp calls all of them */
    for (size_t k = 0; k < sizeof task_heads / sizeof *task_heads; k++)
        if (vs_glob(task_heads[k], name)) return true;
    return false;
}

static bool left_out(const binder *b, const char *name) {
    const char *old = b->m->arch->gguf_ignore;
    if (vs__task_head(name, b->config->gguf != NULL)) return true;
    if (b->config->gguf) return old && !strcmp(old, name);
    const char *const *ignore = b->m->arch->hub_ignore;
    for (size_t k = 0; k < sizeof b->m->arch->hub_ignore / sizeof *ignore && ignore[k]; k++)
        if (vs_glob(ignore[k], name)) return true;
    return false;
}

static vs_status check_rest(vs_err *err, const binder *b) {
    for (size_t i = 0, n = vs_file_tensor_count(b->file); i < n; i++) {
        const char *name;
        const vs_tensor *t = vs_file_tensor(b->file, i, &name);
        if (b->used[i] || left_out(b, name)) continue;
        char found[64];
        return vs_fail(err, VS_E_FORMAT, "%s: tensor %s %s has no place in %s", b->tensors, name,
                       vs_shape_text(t->shape, t->ndim, found, sizeof found), b->m->arch->name);
    }
    return VS_OK;
}

static void derive(double *hp, vs_hp which, double value) {
    if (hp[which] == VS_HP_DERIVED) hp[which] = value;
}

/* Numbers that files leave out, and those that must agree. */
static vs_status derive_numbers(vs_err *err, binder *b) {
    double *hp = b->m->hp;
    const vs_stack *s = &b->m->arch->stack[0];
    derive(hp, VS_HP_KV, hp[VS_HP_H]);
    derive(hp, VS_HP_F, 4 * hp[VS_HP_D]);
    if (hp[VS_HP_E] <= 0) hp[VS_HP_E] = hp[VS_HP_D];
    derive(hp, VS_HP_L2, hp[VS_HP_L]);
    derive(hp, VS_HP_H2, hp[VS_HP_H]);
    derive(hp, VS_HP_F2, hp[VS_HP_F]);
    if (hp[VS_HP_DH] == VS_HP_DERIVED) {
        hp[VS_HP_DH] = hp[VS_HP_D] / hp[VS_HP_H];
        if (hp[VS_HP_DH] != floor(hp[VS_HP_DH]))
            return vs_fail(err, VS_E_FORMAT, "%s: width %.0f is not a multiple of %.0f heads", b->where, hp[VS_HP_D],
                           hp[VS_HP_H]);
    }
    if (fmod(hp[VS_HP_H], hp[VS_HP_KV]) != 0)
        return vs_fail(err, VS_E_FORMAT, "%s: %.0f heads are not a multiple of %.0f key/value heads", b->where, hp[VS_HP_H],
                       hp[VS_HP_KV]);
    derive(hp, VS_HP_QUERY_SCALE, hp[VS_HP_DH]);
    if (s->pos == VS_POS_ROPE) VS_TRY(vs__rope_numbers(err, b->where, b->config->gguf, hp));
    if (b->m->arch->hps_local) VS_TRY(vs__rope_numbers(err, b->where, b->config->gguf, b->m->local_hp));
    size_t n = vs_file_tensor_count(b->file);
    if (hp[VS_HP_L] > (double)n || hp[VS_HP_L2] > (double)n)
        return vs_fail(err, VS_E_FORMAT, "%s: %.0f layers, but the file has %zu tensors", b->where,
                       fmax(hp[VS_HP_L], hp[VS_HP_L2]), n);
    if (hp[VS_HP_V] == VS_HP_DERIVED) {
        const vs_bind *row = b->config->gguf ? s->gguf : s->hub;
        while (row->name && row->role != VS_ROLE_EMBED) row++;
        char name[NAME_MAX_BYTES];
        const vs_tensor *t = row->name ? look_up(b, row, 0, name, NULL) : NULL;
        if (!t) return vs_fail(err, VS_E_FORMAT, "%s: no tensor of the %s", b->tensors, roles[VS_ROLE_EMBED].words);
        hp[VS_HP_V] = t->ndim == 2 ? (double)t->shape[0] : 0; /* another shape is refused when it is bound */
        if (hp[VS_HP_V] < 1 || hp[VS_HP_V] > INT32_MAX)
            return vs_fail(err, VS_E_SHAPE, "%s: tensor %s: %.0f rows", b->tensors, name, hp[VS_HP_V]);
    }
    return VS_OK;
}

/* The sizes of a stack; a second one has its own layers, heads and MLP width. */
static vs_status stack_sizes(vs_err *err, const binder *b, int i) {
    const double *hp = b->m->hp;
    vs_stack_info *si = &b->m->info.stack[i];
    vs_stack_state *s = &b->m->stack[i];
    bool second = i > 0;
    si->L = s->L = (size_t)hp[second ? VS_HP_L2 : VS_HP_L];
    si->d = (size_t)hp[VS_HP_D];
    si->H = (size_t)hp[second ? VS_HP_H2 : VS_HP_H];
    si->KV = second && si->H != (size_t)hp[VS_HP_H] ? si->H : (size_t)hp[VS_HP_KV];
    si->f = (size_t)hp[second ? VS_HP_F2 : VS_HP_F];
    /* T5 says the head width; where it is d / H, each stack has its own */
    bool divides = hp[VS_HP_DH] * hp[VS_HP_H] == hp[VS_HP_D];
    si->dh = divides ? si->d / si->H : (size_t)hp[VS_HP_DH];
    if (divides && si->dh * si->H != si->d)
        return vs_fail(err, VS_E_FORMAT, "%s: width %zu is not a multiple of %zu heads", b->where, si->d, si->H);
    if (b->m->arch->stack[i].pos != VS_POS_ROPE) return VS_OK;
    return vs__rope_dims(err, b->where, s->spec, hp, si->dh, &s->rope_dims);
}

/* The bucket of each distance key - query from -far to far (Raffel et al. 2020, section 2.1): a bucket each for the near
 * ones, then wider and wider; beyond `far` the last. */
static uint16_t *buckets(vs_arena *arena, size_t count, size_t far, bool causal) {
    uint16_t *bucket = vs_arena_alloc(arena, 2 * far + 1, sizeof *bucket);
    size_t each = causal ? count : count / 2, exact = each / 2;
    for (size_t i = 0; bucket && i <= 2 * far; i++) {
        size_t away = i < far ? far - i : causal ? 0 : i - far, b = away;
        if (away >= exact) {
            float steps = (float)log((double)away / (double)exact) / (float)log((double)far / (double)exact);
            b = exact + (size_t)(steps * (float)(each - exact));
            if (b > each - 1) b = each - 1;
        }
        bucket[i] = (uint16_t)(b + (!causal && i > far ? each : 0));
    }
    return bucket;
}

static vs_status make_buckets(vs_err *err, binder *b, vs_stack_state *s) {
    double count = b->m->hp[VS_HP_BUCKETS], far = b->m->hp[VS_HP_BUCKET_FAR], exact = s->spec->causal ? count / 2 : count / 4;
    if (count < 4 || count > 65536 || far > 1 << 20 || floor(exact) < 1 || far <= floor(exact))
        return vs_fail(err, VS_E_FORMAT, "%s: %.0f buckets for distances up to %.0f", b->where, count, far);
    s->far = (size_t)far;
    s->bucket = buckets(&b->m->arena, (size_t)count, s->far, s->spec->causal);
    return s->bucket ? VS_OK : vs_fail(err, VS_E_NOMEM, "%s: buckets of distance", b->where);
}

static vs_status make_windows(vs_err *err, binder *b, vs_stack_state *s) {
    const double *hp = b->m->hp;
    bool *windowed = vs_arena_alloc(&b->m->arena, s->L, sizeof *windowed);
    if (!windowed) return vs_fail(err, VS_E_NOMEM, "%s: %zu layers", b->where, s->L);
    if (s->spec->local && hp[VS_HP_WINDOW] > 0 && hp[VS_HP_WINDOW_USED] != 0)
        VS_TRY(vs__config_windowed(err, b->config, s->L, hp[VS_HP_WINDOW_PATTERN], hp[VS_HP_WINDOW_FROM], windowed));
    for (size_t l = 0; l < s->L; l++) s->layer[l].window = windowed[l] ? (size_t)hp[VS_HP_WINDOW] : 0;
    return VS_OK;
}

/* How the heads of each layer rotate; in those with a window maybe otherwise. */
static vs_status make_turns(vs_err *err, binder *b, vs_stack_state *s, size_t dh) {
    vs_model *m = b->m;
    const vs_hp_row *local = m->arch->hps_local;
    if (!s->rope_dims) return VS_OK;
    VS_TRY(vs__rotation(err, m, b->config, s, dh, m->hp, m->arch->hps, &s->full));
    if (local) VS_TRY(vs__rotation(err, m, b->config, s, dh, m->local_hp, local, &s->local));
    for (size_t l = 0; l < s->L; l++) s->layer[l].rotation = local && s->layer[l].window ? &s->local : &s->full;
    return VS_OK;
}

float vs__score_scale(const double hp[VS_HP_COUNT], size_t dh, size_t layer) {
    bool own = hp[VS_HP_QUERY_SCALE] == hp[VS_HP_DH]; /* by its own head width */
    double scale = hp[VS_HP_SCORES_SCALED] != 0 ? 1 / sqrt(own ? (double)dh : hp[VS_HP_QUERY_SCALE]) : 1;
    return (float)(hp[VS_HP_SCORES_BY_LAYER] != 0 ? scale / (double)(layer + 1) : scale);
}

/* Learned positions begin behind the row of the padding token. */
static vs_status positions_after_pad(vs_err *err, const binder *b, vs_stack_state *s) {
    const double *hp = b->m->hp;
    s->pos_offset = (size_t)(vs__padding(b->m) + 1);
    if (s->pos_offset && hp[VS_HP_CONTEXT] > (double)s->pos_offset) return VS_OK;
    return vs_fail(err, VS_E_FORMAT, "%s: of %.0f positions none is left behind that of the padding token, %.0f", b->where,
                   hp[VS_HP_CONTEXT], hp[VS_HP_FIXED]);
}

static vs_status make_stack(vs_err *err, binder *b, int i) {
    vs_model *m = b->m;
    vs_stack_state *s = &m->stack[i];
    const double *hp = m->hp;
    s->spec = &m->arch->stack[i];
    VS_TRY(stack_sizes(err, b, i));
    s->eps = (float)hp[VS_HP_EPS];
    s->score_cap = (float)hp[VS_HP_SCORE_CAP];
    s->embed_scale = hp[VS_HP_EMBED_SCALED] != 0 ? (float)sqrt(hp[VS_HP_D]) : 1;
    s->parallel = hp[VS_HP_PARALLEL] != 0;
    s->pos_offset = (size_t)s->spec->pos_offset;
    s->pos_after_pad = s->spec->pos_after_pad;
    if (s->pos_after_pad) VS_TRY(positions_after_pad(err, b, s));
    VS_TRY(vs__config_act(err, b->config, s->spec, &s->act, &s->act_steep));
    s->layer = vs_arena_alloc(&m->arena, s->L, sizeof *s->layer);
    if (!s->layer) return vs_fail(err, VS_E_NOMEM, "%s: %zu layers", b->where, s->L);
    for (size_t l = 0; l < s->L; l++) s->layer[l].score_scale = vs__score_scale(hp, m->info.stack[i].dh, l);
    if (s->spec->buckets) VS_TRY(make_buckets(err, b, s));
    VS_TRY(make_windows(err, b, s));
    VS_TRY(bind_stack(err, b, i));
    if (hp[VS_HP_E] != hp[VS_HP_D] && !s->w[VS_ROLE_EMBED_MAP].t.data)
        return vs_fail(err, VS_E_FORMAT, "%s: embeddings of %.0f and blocks of %.0f, but no %s", b->tensors, hp[VS_HP_E],
                       hp[VS_HP_D], roles[VS_ROLE_EMBED_MAP].words);
    s->gated = s->layer[0].w[VS_ROLE_W_GATE].t.data != NULL;
    if (s->gated && s->spec->gated_gelu && b->config->gguf) s->act = VS_ACT_GELU_TANH;
    return make_turns(err, b, s, m->info.stack[i].dh);
}

static const char *const pos_names[] = {[VS_POS_NONE] = "none", [VS_POS_LEARNED] = "learned", [VS_POS_ROPE] = "rope",
                                        [VS_POS_SINUSOID] = "sinusoid"};

static void fill_info(vs_model *m) {
    vs_model_info *info = &m->info;
    info->arch = m->arch->name;
    info->V = (size_t)m->hp[VS_HP_V];
    info->context = (size_t)m->hp[VS_HP_CONTEXT];
    if (m->hp[VS_HP_ROPE_KIND] == VS_ROPE_DYNAMIC) info->context = (size_t)fmin(m->hp[VS_HP_CONTEXT] * fmax(m->hp[VS_HP_ROPE_FACTOR], 1), INT32_MAX);
    info->masked = info->has_logits && m->arch->masked_head;
    info->has_nsp = m->has[VS_PART_NSP];
    info->embed_scale = m->stack[0].embed_scale;
    info->head_scale = m->stack[m->arch->n_stacks - 1].head_scale;
    info->logit_cap = (float)m->hp[VS_HP_LOGIT_CAP];
    info->start = info->n_stacks > 1 ? (int32_t)m->hp[VS_HP_START] : -1;
    if (m->stack[0].pos_after_pad) info->context -= m->stack[0].pos_offset;
    for (int i = 0; i < m->info.n_stacks; i++) {
        const vs_stack_state *s = &m->stack[i];
        vs_stack_info *o = &info->stack[i];
        o->name = s->spec->name;
        o->causal = s->spec->causal;
        o->gated = s->gated;
        o->post_norm = s->spec->sub[0].post;
        o->rms = s->spec->norm == VS_NORM_RMS;
        o->rope = s->spec->pos == VS_POS_ROPE;
        o->act = vs__act_name(s->act, s->act_steep);
        o->positions = s->spec->buckets && s->spec->pos == VS_POS_NONE ? "buckets of distance" : pos_names[s->spec->pos];
        for (int k = 0; k < 3; k++) o->cross |= s->spec->sub[k].kind == VS_SUB_CROSS;
    }
}

vs_status vs__model_bind(vs_err *err, vs_model *m, const vs_config *c, const vs_file *file) {
    static const char *const no_prefix[] = {"", NULL};
    binder b = {.m = m, .config = c, .file = file, .where = c->where, .tensors = vs_file_path(file)};
    b.prefix = c->gguf ? no_prefix : c->arch->hub_prefix;
    m->arch = c->arch;
    m->info.n_stacks = c->arch->n_stacks;
    vs_status s;
    VS_TRY_TO(done, vs__config_numbers(err, c, m->hp, m->local_hp));
    VS_TRY_TO(done, index_names(err, &b));
    if (m->info.n_stacks > 1 && lacks_stack(&b, 0) && !lacks_stack(&b, 1)) {
        s = vs_fail(err, VS_E_UNSUPPORTED, "%s: the decoder of a %s model alone; vecscope opens both stacks, or the encoder", b.tensors, m->arch->name);
        goto done;
    }
    if (m->info.n_stacks > 1 && lacks_stack(&b, 1)) m->info.n_stacks = 1;
    VS_TRY_TO(done, derive_numbers(err, &b));
    for (int i = 0; i < m->info.n_stacks; i++) VS_TRY_TO(done, make_stack(err, &b, i));
    tie(&b);
    VS_TRY_TO(done, check_rest(err, &b));
    fill_info(m);
done:
    vs_dict_free(&b.names);
    vs_free(b.used);
    return s;
}
