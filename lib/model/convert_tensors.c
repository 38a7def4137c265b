/* convert_tensors.c - the tensors of a conversion: names, shapes and types, then their data in rows. */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "../base/parallel.h"
#include "../tensor/kernels.h"
#include "../tensor/narrow.h"
#include "convert_impl.h"

enum { CHUNK = 1 << 20 }; /* numbers in memory at a time; a row is never cut */

static const bool per_layer[VS_ROLE_COUNT] = {
#define ROLE(name, layered, shape, words) [VS_ROLE_##name] = layered,
#include "roles.def"
#undef ROLE
};

static const vs_weight *weight_of(const vs_model *m, int stack, vs_role role, size_t layer) {
    const vs_stack_state *s = &m->stack[stack];
    const vs_weight *w = per_layer[role] ? &s->layer[layer].w[role] : &s->w[role];
    return w->t.data ? w : NULL;
}

/* ---- names ---- */

/* The usual prefix of a family goes before what belongs to its body. */
static const char *prefix_of(const vs__conversion *c, const vs_bind *row) {
    bool head = row->role == VS_ROLE_UNEMBED || row->role == VS_ROLE_UNEMBED_B || row->part == VS_PART_HEAD ||
                row->part == VS_PART_NSP;
    const char *usual = c->arch->hub_prefix[0];
    return c->gguf || head || !usual ? "" : usual;
}

static vs_status make_name(vs_err *err, const vs__conversion *c, const vs_bind *row, size_t layer, char *name, size_t size) {
    char number[24], bare[128];
    const vs_say *other = vs__convert_said(c->m, c->gguf ? c->arch->gguf_says : c->arch->hub_says, row->name);
    snprintf(number, sizeof number, "%zu", layer);
    vs__fill(other && other->json ? other->json : row->name, number, bare, sizeof bare);
    int n = snprintf(name, size, "%s%s", prefix_of(c, row), bare);
    return n >= 0 && (size_t)n < size ? VS_OK : vs_fail(err, VS_E_RANGE, "%s: the name of %s is too long", c->to, row->name);
}

static vs_status new_piece(vs_err *err, vs__conversion *c, vs__piece_out **out) {
    if (c->n == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 64;
        vs__piece_out *grown = vs_grow(c->out, c->n, cap, sizeof *grown);
        if (!grown) return vs_fail(err, VS_E_NOMEM, "%s: no memory for %zu tensors", c->to, cap);
        c->out = grown;
        c->cap = cap;
    }
    *out = &c->out[c->n++];
    memset(*out, 0, sizeof **out);
    return VS_OK;
}

/* ---- types ---- */

/* Tables that are added to a stream or to scores rather than multiplied: GGUF's readers want them as f32. */
static bool is_added(const vs_model *m, const void *data) {
    static const vs_role added[] = {VS_ROLE_POS, VS_ROLE_TYPE, VS_ROLE_DISTANCE};
    for (int i = 0; i < m->info.n_stacks; i++)
        for (size_t k = 0; k < sizeof added / sizeof *added; k++)
            if (data == m->stack[i].w[added[k]].t.data) return true;
    return false;
}

/* The type that a tensor of so many axes, rows of `cols`, stored as `from`, is written in. */
static vs_dtype type_for(const vs__conversion *c, int ndim, size_t cols, vs_dtype from, bool added) {
    if (c->gguf && (ndim < 2 || added)) return VS_F32;
    vs_dtype t = c->typed ? c->type : from;
    if (!c->typed) {
        bool plain = from == VS_F32 || from == VS_F16 || from == VS_BF16;
        if (!plain && (!c->gguf || vs_dtype_of(from)->block == 1 || vs_dtype_of(from)->gguf < 0)) t = VS_F32;
    }
    if (cols % vs_dtype_of(t)->block) t = VS_F16;
    return t;
}

/* ---- which tensors ---- */

static size_t rows_of(const vs_weight *w) { return w->t.ndim < 2 ? vs_tensor_count(&w->t) : vs_tensor_rows(&w->t); }

static bool turned(vs_lie lie) { return lie == VS_LIE_IN_OUT || lie == VS_LIE_QKV_IN_OUT; }

/* Whether every number of a part is the same after it was written as t. */
static bool survives(const vs__piece_out *o, int k, vs_dtype t) {
    const vs_weight *w = o->part[k];
    size_t cols = vs_tensor_cols(&w->t), rows = vs_tensor_count(&w->t) / cols;
    float less = o->row[k]->transform == VS_PLUS_ONE ? 1 : 0, *x = vs_alloc(cols, sizeof *x), *back = vs_alloc(cols, sizeof *back);
    uint16_t *made = vs_alloc(cols, sizeof *made);
    bool same = x && back && made;
    for (size_t r = 0; same && r < rows; r++) {
        if (w->vec) memcpy(x, w->vec + r * cols, cols * sizeof *x);
        else same = vs_tensor_row_f32(NULL, &w->t, r, x) == VS_OK;
        for (size_t i = 0; i < cols; i++) x[i] -= less;
        same = same && vs_narrow(t, x, made, cols);
        if (same) vs_widen(t, made, back, cols);
        same = same && !memcmp(x, back, cols * sizeof *x);
    }
    vs_free(x);
    vs_free(back);
    vs_free(made);
    return same;
}

/* What a GGUF file holds as f32 only because its readers want it so comes back in the type of the other weights, where it is one
 * of 16 bits and nothing is lost. */
static vs_dtype small_type(const vs__conversion *c, const vs__piece_out *o) {
    vs_dtype t = c->m->stack[0].w[VS_ROLE_EMBED].t.dtype;
    bool fits = t == VS_F16 || t == VS_BF16;
    for (int k = 0; k < VS__PARTS && fits; k++) fits = !o->part[k] || survives(o, k, t);
    return fits ? t : VS_F32;
}

/* The shape and type of a tensor from its parts, once they are all there. */
static vs_status finish_piece(vs_err *err, const vs__conversion *c, vs__piece_out *o) {
    const vs_weight *first = o->part[0];
    vs_lie lie = o->row[0] ? o->row[0]->lie : VS_LIE_QKV;
    int parts = lie == VS_LIE_GATE_UP ? 2 : lie == VS_LIE_QKV || lie == VS_LIE_QKV_IN_OUT || lie == VS_LIE_QKV_HEADS ? 3 : 1;
    for (int k = 0; k < parts; k++)
        if (!o->part[k])
            return vs_fail(err, VS_E_UNSUPPORTED, "%s: tensor %s holds %d weights, of which the model lacks one", c->to, o->name,
                           parts);
    size_t rows = 0, cols = vs_tensor_cols(&first->t);
    vs_dtype from = first->t.dtype;
    for (int k = 0; k < VS__PARTS; k++) {
        if (!o->part[k]) continue;
        rows += rows_of(o->part[k]);
        int whole;
        if (o->part[k]->t.dtype != from || frexpf(o->times[k], &whole) != 0.5f) from = VS_F32; /* powers of two lose nothing */
    }
    bool matrix = first->t.ndim > 1, in_out = matrix && turned(o->row[0]->lie);
    o->ndim = matrix ? 2 : 1;
    o->shape[0] = in_out ? cols : rows;
    o->shape[1] = matrix ? (in_out ? rows : cols) : 0;
    bool added = first == &c->positions || first == &c->segments || is_added(c->m, first->t.data);
    o->dtype = type_for(c, o->ndim, o->shape[o->ndim - 1], from, added);
    if (!c->gguf && !c->typed && from == VS_F32 && (o->ndim < 2 || added)) o->dtype = small_type(c, o);
    return VS_OK;
}

static int part_of(const vs_bind *row) { /* queries, keys, values; gate, linear half */
    switch (row->lie) {
    case VS_LIE_WHOLE:
    case VS_LIE_IN_OUT:
    case VS_LIE_PAIRS: return 0;
    default: break;
    }
    switch (row->role) {
    case VS_ROLE_WK:
    case VS_ROLE_BK:
    case VS_ROLE_W_UP: return 1;
    case VS_ROLE_WV:
    case VS_ROLE_BV: return 2;
    default: return 0;
    }
}

/* Put a weight into the tensor of its name: a new one, or the one that other parts have begun. */
static vs_status add_part(vs_err *err, vs__conversion *c, int stack, const vs_bind *row, size_t layer, const vs_weight *w) {
    char name[sizeof c->out->name];
    VS_TRY(make_name(err, c, row, layer, name, sizeof name));
    vs__piece_out *o = NULL;
    for (size_t i = c->n; i-- > 0 && !o;)
        if (!strcmp(c->out[i].name, name)) o = &c->out[i];
    int k = part_of(row);
    if (o && o->part[k]) return VS_OK; /* both stacks have the embedding */
    if (!o) {
        VS_TRY(new_piece(err, c, &o));
        memcpy(o->name, name, sizeof name);
        o->stack = stack;
    }
    o->row[k] = row;
    o->part[k] = w;
    o->times[k] = vs__convert_times(c, stack, row->role, layer);
    return VS_OK;
}

static bool has_row(const vs_bind *rows, const vs_bind *end, vs_role role) {
    for (; rows != end && rows->name; rows++)
        if (rows->role == role) return true;
    return false;
}

static const vs_bind *row_of(const vs_bind *rows, vs_role role) {
    for (; rows->name; rows++)
        if (rows->role == role) return rows;
    return NULL;
}

/* Whether a weight is the unembedding that need not be written. */
static bool is_tied(const vs__conversion *c, vs_role role, const vs_weight *w) {
    return role == VS_ROLE_UNEMBED && c->m->info.tied && w->t.data == c->m->stack[0].w[VS_ROLE_EMBED].t.data && !c->untie;
}

/* What the source has and the format has no row for: a part may be left out, with a note; a weight of the body may not. */
static vs_status check_left_out(vs_err *err, vs__conversion *c, int stack) {
    static const char *const part_words[VS_PART_COUNT] = {
        [VS_PART_HEAD] = "masked-word head", [VS_PART_POOLER] = "pooler", [VS_PART_NSP] = "next-sentence classifier"};
    const vs_stack *as = &c->arch->stack[stack], *spec = &c->m->arch->stack[stack];
    const vs_bind *to = c->gguf ? as->gguf : as->hub, *from = c->gguf ? spec->hub : spec->gguf;
    bool told[VS_PART_COUNT] = {false};
    for (int r = 0; r < VS_ROLE_COUNT; r++) {
        const vs_weight *w = weight_of(c->m, stack, (vs_role)r, 0);
        if (!w || has_row(to, NULL, (vs_role)r) || is_tied(c, (vs_role)r, w)) continue;
        if (r == VS_ROLE_ROPE_TURNS && c->m->hp[VS_HP_ROPE_KIND] == VS_ROPE_LLAMA3) continue; /* said in numbers */
        if (!c->gguf && (r == VS_ROLE_ROPE_SHORT || r == VS_ROLE_ROPE_LONG)) continue;
        const vs_bind *row = row_of(from, (vs_role)r);
        bool unembeds = r >= VS_ROLE_UNEMBED && r <= VS_ROLE_UNEMBED_OWN_B;
        vs_part part = unembeds && c->m->arch->masked_head ? VS_PART_HEAD : row ? row->part : VS_PART_BODY;
        if (!part_words[part])
            return vs_fail(err, VS_E_UNSUPPORTED, "%s: %s has no place for %s (%s) of a %s model", c->to,
                           c->gguf ? "GGUF" : "the hub's layout", vs_role_name((vs_role)r), vs_role_words((vs_role)r),
                           c->m->arch->name);
        if (!told[part]) vs__convert_note(c, "the %s is left out: the format has no place for it", part_words[part]);
        told[part] = true;
    }
    return VS_OK;
}

/* What stands in the place of a weight that the model does not have and readers want: a bias of zeros beside its matrix
 * (whose role is the one before). */
static vs_status fill(vs_err *err, vs__conversion *c, int stack, const vs_bind *row, size_t layer, const vs_weight **out) {
    const vs_weight *matrix = weight_of(c->m, stack, (vs_role)(row->role - 1), layer);
    if (!matrix || row->role == VS_ROLE_UNEMBED) return VS_OK;
    size_t n = rows_of(matrix);
    vs_weight *w = vs_arena_alloc(&c->m->arena, 1, sizeof *w);
    float *zeros = w ? vs_arena_alloc(&c->m->arena, n, sizeof *zeros) : NULL;
    if (!zeros) return vs_fail(err, VS_E_NOMEM, "%s: no memory for %s", c->to, row->name);
    *w = (vs_weight){.vec = zeros};
    *out = w;
    return vs_tensor_over(err, zeros, VS_F32, 1, &n, &w->t, NULL);
}

static vs_status list_stack(vs_err *err, vs__conversion *c, int stack) {
    const vs_stack *as = &c->arch->stack[stack];
    const vs_bind *rows = c->gguf ? as->gguf : as->hub;
    for (const vs_bind *row = rows; row->name; row++) {
        if (has_row(rows, row, row->role)) continue; /* another way to store what an earlier row stores */
        for (size_t l = 0, n = per_layer[row->role] ? c->m->stack[stack].L : 1; l < n; l++) {
            const vs_weight *w = weight_of(c->m, stack, row->role, l);
            if (row->role == VS_ROLE_ROPE_TURNS && c->turns.vec) w = &c->turns;
            if (row->role == VS_ROLE_ROPE_SHORT && c->shorter.vec) w = &c->shorter;
            if (row->role == VS_ROLE_ROPE_LONG && c->longer.vec) w = &c->longer;
            if (row->role == VS_ROLE_POS && c->positions.t.data) w = &c->positions;
            if (row->role == VS_ROLE_TYPE && c->segments.t.data) w = &c->segments;
            if (!w && row->part == VS_PART_FILLED) VS_TRY(fill(err, c, stack, row, l, &w));
            if (!w || is_tied(c, row->role, w)) continue;
            VS_TRY(add_part(err, c, stack, row, l, w));
        }
    }
    return check_left_out(err, c, stack);
}

/* Within one format the tensors keep their names and places; only types change. */
static vs_status list_same(vs_err *err, vs__conversion *c) {
    for (size_t i = 0; i < vs_file_tensor_count(c->file); i++) {
        const char *name;
        const vs_tensor *t = vs_file_tensor(c->file, i, &name);
        vs__piece_out *o;
        VS_TRY(new_piece(err, c, &o));
        if (strlen(name) >= sizeof o->name) return vs_fail(err, VS_E_RANGE, "%s: the name of tensor %.60s… is too long", c->from, name);
        memcpy(o->name, name, strlen(name) + 1);
        o->whole = t;
        o->ndim = t->ndim;
        memcpy(o->shape, t->shape, sizeof o->shape);
        bool small = c->gguf && (t->ndim < 2 || is_added(c->m, t->data));
        o->dtype = !vs_dtype_is_real(t->dtype) || !c->typed || small ? t->dtype
                                                            : type_for(c, t->ndim, vs_tensor_cols(t), t->dtype, false);
    }
    return VS_OK;
}

/* Written as a family whose positions begin at the first row: the rows before it, and their count in the longest text, go. */
static void drop_first_positions(vs__conversion *c) {
    size_t from = c->m->stack[0].pos_offset, to = (size_t)c->arch->stack[0].pos_offset;
    const vs_weight *pos = &c->m->stack[0].w[VS_ROLE_POS];
    if (c->arch == c->m->arch || from <= to || !pos->t.data || pos->t.shape[0] <= from - to) return;
    c->positions = *pos;
    c->positions.t.data = (const char *)pos->t.data + (from - to) * pos->t.stride[0];
    c->positions.t.shape[0] -= from - to;
    c->m->hp[VS_HP_CONTEXT] -= (double)(from - to);
}

/* Written as a family with segments: one, that adds nothing. */
static vs_status add_segment(vs_err *err, vs__conversion *c) {
    const vs_bind *rows = c->gguf ? c->arch->stack[0].gguf : c->arch->stack[0].hub;
    size_t shape[2] = {1, c->m->info.stack[0].d};
    if (c->arch == c->m->arch || c->m->stack[0].w[VS_ROLE_TYPE].t.data || !has_row(rows, NULL, VS_ROLE_TYPE)) return VS_OK;
    float *zeros = vs_arena_alloc(&c->m->arena, shape[1], sizeof *zeros);
    if (!zeros) return vs_fail(err, VS_E_NOMEM, "%s: a segment embedding", c->to);
    c->m->hp[VS_HP_TYPES] = 1;
    return vs_tensor_over(err, zeros, VS_F32, 2, shape, &c->segments.t, NULL);
}

/* A head for another task is no part of what is open. */
static void note_task_head(vs__conversion *c) {
    for (size_t i = 0; !c->same && i < vs_file_tensor_count(c->file); i++) {
        const char *name;
        vs_file_tensor(c->file, i, &name);
        if (!vs__task_head(name, !c->gguf)) continue;
        vs__convert_note(c, "the head of %.60s is left out: it is kept within one format only", name);
        return;
    }
}

/* Whether a tied unembedding has to be written: readers want it. */
static bool wants_unembedding(const vs__conversion *c) {
    const vs_bind *row = row_of(c->arch->stack[c->arch->n_stacks - 1].gguf, VS_ROLE_UNEMBED);
    return row && row->part == VS_PART_FILLED;
}

vs_status vs__convert_list(vs_err *err, vs__conversion *c) {
    c->untie = c->gguf && !c->same && c->m->info.tied && wants_unembedding(c);
    if (c->same) VS_TRY(list_same(err, c));
    else VS_TRY(vs__convert_rope(err, c));
    drop_first_positions(c);
    VS_TRY(add_segment(err, c));
    for (int i = 0; !c->same && i < c->m->info.n_stacks; i++) VS_TRY(list_stack(err, c, i));
    note_task_head(c);
    c->widest = VS_BF16;
    bool any = false;
    for (size_t i = 0; i < c->n; i++) {
        vs__piece_out *o = &c->out[i];
        if (!o->whole) VS_TRY(finish_piece(err, c, o));
        if (o->ndim < 2 || !vs_dtype_is_real(o->dtype)) continue;
        if (o->dtype == VS_F32 || !any) c->widest = o->dtype;
        any = true;
    }
    return VS_OK;
}

/* ---- data ---- */

/* Which part a row of the stored tensor (or element of a stored bias) belongs to, and its row there. */
static int locate(const vs__conversion *c, const vs__piece_out *o, size_t j, size_t *row) {
    size_t dh = c->m->info.stack[o->stack].dh;
    *row = j;
    switch (o->row[0]->lie) {
    case VS_LIE_WHOLE:
    case VS_LIE_IN_OUT: return 0;
    case VS_LIE_QKV_HEADS: *row = j / (3 * dh) * dh + j % dh; return (int)(j / dh % 3);
    case VS_LIE_PAIRS: *row = j / dh * dh + j % 2 * (dh / 2) + j % dh / 2; return 0;
    default: break;
    }
    int k = 0;
    for (; k + 1 < VS__PARTS && o->part[k + 1] && *row >= rows_of(o->part[k]); k++) *row -= rows_of(o->part[k]);
    return k;
}

/* Where a row of a view begins. */
static const unsigned char *row_bytes(const vs_tensor *t, size_t r) {
    const unsigned char *p = t->data;
    for (int a = t->ndim - 1; a-- > 0; r /= t->shape[a]) p += r % t->shape[a] * t->stride[a];
    return p;
}

/* A run of rows of one tensor, made by all threads. */
typedef struct chunk {
    const vs__conversion *c;
    const vs__piece_out *o;
    size_t first, cols, bytes; /* bytes of a row as written */
    const float *turned;       /* the rows themselves where the axes are exchanged, else NULL */
    float *wide;               /* [threads, cols] */
    unsigned char *made;
    atomic_bool failed;        /* a number that the type cannot hold */
} chunk;

static bool make_row(const chunk *k, size_t r, float *wide, unsigned char *out) {
    const vs__piece_out *o = k->o;
    if (k->turned) return vs_narrow(o->dtype, k->turned + r * k->cols, out, k->cols);
    const vs_tensor *t = o->whole;
    const unsigned char *bytes;
    float times = 1;
    if (t) {
        size_t stored = k->cols / vs_dtype_of(t->dtype)->block * vs_dtype_of(t->dtype)->block_bytes;
        bytes = (const unsigned char *)t->data + (k->first + r) * stored;
    } else {
        size_t row;
        int part = locate(k->c, o, k->first + r, &row);
        t = &o->part[part]->t;
        times = o->times[part];
        if (vs_tensor_row_f32(NULL, t, row, wide) != VS_OK) return false;
        bytes = t->stride[t->ndim - 1] == vs_dtype_of(t->dtype)->block_bytes ? row_bytes(t, row) : NULL;
    }
    if (bytes && t->dtype == o->dtype && times == 1) {
        memcpy(out, bytes, k->bytes);
        return true;
    }
    if (o->whole) vs_widen(t->dtype, bytes, wide, k->cols);
    for (size_t i = 0; times != 1 && i < k->cols; i++) wide[i] *= times;
    return vs_narrow(o->dtype, wide, out, k->cols);
}

static void make_rows(void *arg, size_t begin, size_t end, int worker) {
    chunk *k = arg;
    for (size_t r = begin; r < end; r++)
        if (!make_row(k, r, k->wide + (size_t)worker * k->cols, k->made + r * k->bytes)) k->failed = true;
}

/* All of a matrix with its axes exchanged, as f32. */
static vs_status turn(vs_err *err, const vs__conversion *c, const vs__piece_out *o, float **out) {
    size_t in = o->shape[0], outs = o->shape[1], all;
    float *row = vs_alloc(in, sizeof *row);
    *out = vs_mul(in, outs, &all) ? vs_alloc(all, sizeof **out) : NULL;
    vs_status s = row && *out ? VS_OK : vs_fail(err, VS_E_NOMEM, "%s: no memory for tensor %s", c->to, o->name);
    for (size_t j = 0; s == VS_OK && j < outs; j++) {
        size_t at;
        int k = locate(c, o, j, &at);
        s = vs_tensor_row_f32(err, &o->part[k]->t, at, row);
        for (size_t i = 0; s == VS_OK && i < in; i++) (*out)[i * outs + j] = row[i];
    }
    vs_free(row);
    return s;
}

static vs_status put_chunk(vs_err *err, chunk *k, vs_writer *w, size_t rows) {
    const vs__piece_out *o = k->o;
    if (vs_interrupted()) return vs_fail(err, VS_E_STOPPED, "convert: stopped; nothing is written");
    vs_parallel_for(rows, 16, make_rows, k);
    if (k->failed)
        return vs_fail(err, VS_E_RANGE, "%s: tensor %s: a weight, or the scale of some, is not finite or beyond what %s can hold",
                       k->c->to, o->name, vs_dtype_of(o->dtype)->name);
    return vs_writer_put(err, w, k->made, rows * k->bytes);
}

static vs_status put_matrix(vs_err *err, const vs__conversion *c, const vs__piece_out *o, vs_writer *w, uint64_t *done,
                            uint64_t total) {
    size_t cols = o->ndim ? o->shape[o->ndim - 1] : 1, rows = 1;
    for (int a = 0; a + 1 < o->ndim; a++) rows *= o->shape[a];
    if (!rows || !cols) return VS_OK;
    size_t some = cols < CHUNK ? CHUNK / cols : 1;
    if (some > rows) some = rows;
    const vs_dtype_info *d = vs_dtype_of(o->dtype);
    chunk k = {.c = c, .o = o, .cols = cols, .bytes = cols / d->block * d->block_bytes};
    float *all = NULL;
    k.wide = vs_alloc((size_t)vs_threads() * cols, sizeof *k.wide);
    k.made = vs_alloc(some, k.bytes);
    vs_status s = k.wide && k.made ? VS_OK : vs_fail(err, VS_E_NOMEM, "%s: no memory for tensor %s", c->to, o->name);
    if (s == VS_OK && !o->whole && turned(o->row[0]->lie)) s = turn(err, c, o, &all);
    for (size_t r = 0; s == VS_OK && r < rows; r += some) {
        size_t n = rows - r < some ? rows - r : some;
        k.first = r;
        k.turned = all ? all + r * cols : NULL;
        s = put_chunk(err, &k, w, n);
        *done += n * k.bytes;
        vs_tick(c->progress, "convert", *done, total);
    }
    vs_free(all);
    vs_free(k.wide);
    vs_free(k.made);
    return s;
}

/* A weight of one axis, from how it is applied. */
static vs_status put_vector(vs_err *err, const vs__conversion *c, const vs__piece_out *o, vs_writer *w) {
    size_t n = o->shape[0], bytes = n * vs_dtype_of(o->dtype)->block_bytes;
    float *x = vs_alloc(n, sizeof *x);
    unsigned char *made = vs_alloc(bytes, 1);
    vs_status s = x && made ? VS_OK : vs_fail(err, VS_E_NOMEM, "%s: no memory for tensor %s", c->to, o->name);
    for (size_t j = 0; s == VS_OK && j < n; j++) {
        size_t at;
        int k = locate(c, o, j, &at);
        x[j] = o->part[k]->vec[at] * o->times[k];
        if (o->row[k]->transform == VS_PLUS_ONE) x[j] -= 1;
    }
    if (s == VS_OK && !vs_narrow(o->dtype, x, made, n))
        s = vs_fail(err, VS_E_RANGE, "%s: tensor %s: a number is beyond what %s can hold", c->to, o->name,
                    vs_dtype_of(o->dtype)->name);
    if (s == VS_OK) s = vs_writer_put(err, w, made, bytes);
    vs_free(x);
    vs_free(made);
    return s;
}

vs_status vs__convert_put(vs_err *err, vs__conversion *c, vs_writer *w) {
    uint64_t total = 0, done = 0;
    for (size_t i = 0; i < c->n; i++) {
        const vs__piece_out *o = &c->out[i];
        vs_tensor view;
        size_t bytes;
        VS_TRY(vs_writer_declare(err, w, o->name, o->dtype, o->ndim, o->shape));
        VS_TRY(vs_tensor_over(err, NULL, o->dtype, o->ndim, o->shape, &view, &bytes));
        total += bytes;
    }
    for (size_t i = 0; i < c->n; i++) {
        const vs__piece_out *o = &c->out[i];
        VS_TRY(!o->whole && o->ndim == 1 ? put_vector(err, c, o, w) : put_matrix(err, c, o, w, &done, total));
    }
    vs_tick(c->progress, "convert", 1, 1);
    return VS_OK;
}
