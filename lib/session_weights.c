/* session_weights.c - addresses of weights: what a neuron reads and writes, the maps of a head. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session_impl.h"
#include "tensor/kernels.h"

static vs_status no_memory(vs_err *err) { return vs_fail(err, VS_E_NOMEM, "no memory for a vector"); }

/* A whole number; -1: none. */
static long number(const char *s) {
    char *end;
    long n = strtol(s, &end, 10);
    return *end || end == s ? -1 : n;
}

/* Where a call means: a layer as sites name it ("3", "encoder.3", of attention "3.attn", "decoder.3.xattn"), and in it a neuron
 * or a head. */
typedef struct place {
    int stack;
    bool cross;
    size_t layer, nth;
} place;

/* The layer's number in text[*n], without what names its stack and its attention; what it names in *out. */
static const char *bare_layer(const vs_model_info *in, bool head, const char *text, size_t *n, place *out) {
    static const struct {
        const char *name;
        bool cross;
    } kinds[] = {{".attn", false}, {".xattn", true}};
    out->stack = vs__stack_named(in, &text, in->n_stacks - 1);
    *n = strlen(text);
    for (size_t i = 0; head && i < sizeof kinds / sizeof *kinds; i++) {
        size_t own = strlen(kinds[i].name);
        if (*n < own || strcmp(text + *n - own, kinds[i].name) || (kinds[i].cross && !in->stack[out->stack].cross)) continue;
        out->cross = kinds[i].cross;
        *n -= own;
        break;
    }
    return text;
}

/* The place that a call begins with. */
static vs_status place_of(vs_err *err, const vs_model_info *in, const vs_addr *a, place *out) {
    bool head = !strcmp(a->text, "head");
    char layer[24];
    size_t n;
    *out = (place){0};
    const char *bare = bare_layer(in, head, a->args[0], &n, out);
    const vs_stack_info *k = &in->stack[out->stack];
    size_t most = head ? k->H : k->f;
    snprintf(layer, sizeof layer, "%.*s", (int)(n < sizeof layer ? n : 0), bare);
    long first = number(layer), second = number(a->args[1]);
    if (first < 0 || (size_t)first >= k->L || second < 0 || (size_t)second >= most)
        return vs_fail(err, VS_E_RANGE, "%s(%s,%s): %s%s%s has layers 0..%zu with %ss 0..%zu", a->text, a->args[0], a->args[1], in->name,
                       in->n_stacks > 1 ? "'s " : "", in->n_stacks > 1 ? k->name : "", k->L - 1, a->text, most - 1);
    out->layer = (size_t)first;
    out->nth = (size_t)second;
    return VS_OK;
}

/* A vector of the stream of the first of two stacks, which no unembedding reads, has its neighbours among the embeddings. */
static vs_status in_stream(vs_err *err, vs_session *s, const vs_model_info *in, int stack, vs_value *out) {
    if (stack + 1 == in->n_stacks || out->dim != in->stack[0].d) return VS_OK;
    return vs__space_of_table(err, &s->model[s->current_model - 1], 0, &out->space);
}

/* ---- neuron(l,n), neuron(l,n,in) ---- */

vs_status vs__resolve_neuron(vs_err *err, vs_session *s, const vs_addr *a, vs_value *out) {
    vs_model *m;
    place at;
    VS_TRY(vs_session_model(err, s, &m));
    const vs_model_info *in = vs_model_info_of(m);
    const char *side = a->n_args == 3 ? a->args[2] : "out";
    bool reads = !strcmp(side, "in"), gate = !strcmp(side, "gate");
    if (a->n_args < 2 || a->n_args > 3 || !(reads || gate || !strcmp(side, "out")))
        return vs_fail(err, VS_E_SYNTAX, "neuron wants a layer and a number: neuron(12,345), what it writes; neuron(12,345,in) or "
                                         "neuron(12,345,gate), what it reads");
    VS_TRY(place_of(err, in, a, &at));
    const vs_stack_info *k = &in->stack[at.stack];
    out->dim = k->d;
    out->vec = vs_alloc(k->d, sizeof *out->vec);
    if (!out->vec) return no_memory(err);
    VS_TRY(reads || gate ? vs_model_row_in(err, m, gate ? VS_ROLE_W_GATE : VS_ROLE_W_UP, at.stack, (int)at.layer, at.nth, out->vec)
                         : vs_model_column_in(err, m, VS_ROLE_W_DOWN, at.stack, (int)at.layer, at.nth, out->vec));
    return in_stream(err, s, in, at.stack, out);
}

/* ---- head(l,h,map,x) ---- */

/* The part of a layer's weight that is one head's: rows from..from+n of [.., d], or columns of W_O [d, ..]. */
typedef struct part {
    const vs_model *m;
    vs_role role;
    int stack, layer;
    size_t from, n, d; /* n: the width of a head */
    float *row;        /* [cols] of the weight */
} part;

/* y [n] = W x, x [d] */
static vs_status into_head(vs_err *err, const part *p, const float *x, float *y) {
    for (size_t i = 0; i < p->n; i++) {
        VS_TRY(vs_model_row_in(err, p->m, p->role, p->stack, p->layer, p->from + i, p->row));
        y[i] = vs_dot(p->row, x, p->d);
    }
    return VS_OK;
}

/* y [d] = W^T z, z [n] */
static vs_status back_by_rows(vs_err *err, const part *p, const float *z, float *y) {
    memset(y, 0, p->d * sizeof *y);
    for (size_t i = 0; i < p->n; i++) {
        VS_TRY(vs_model_row_in(err, p->m, p->role, p->stack, p->layer, p->from + i, p->row));
        vs_axpy(z[i], p->row, y, p->d);
    }
    return VS_OK;
}

/* y [d] = W_O z, z [n] */
static vs_status out_of_head(vs_err *err, const part *p, const float *z, float *y) {
    for (size_t i = 0; i < p->d; i++) {
        VS_TRY(vs_model_row_in(err, p->m, p->role, p->stack, p->layer, i, p->row));
        y[i] = vs_dot(p->row + p->from, z, p->n);
    }
    return VS_OK;
}

static const struct head_map {
    const char *name;
    vs_role role;                                                                    /* of what is done in the head */
    vs_status (*first)(vs_err *err, const part *p, const float *x, float *y);        /* NULL: x is of the head's width */
    vs_role next;
    vs_status (*second)(vs_err *err, const part *p, const float *x, float *y);       /* NULL: y is of the head's width */
} head_maps[] = {{"q", VS_ROLE_WQ, into_head, VS_ROLE_WQ, NULL},         {"k", VS_ROLE_WK, into_head, VS_ROLE_WK, NULL},
                 {"v", VS_ROLE_WV, into_head, VS_ROLE_WV, NULL},         {"o", VS_ROLE_WO, NULL, VS_ROLE_WO, out_of_head},
                 {"ov", VS_ROLE_WV, into_head, VS_ROLE_WO, out_of_head}, {"qk", VS_ROLE_WQ, into_head, VS_ROLE_WK, back_by_rows}};
enum { HEAD_MAPS = sizeof head_maps / sizeof *head_maps };

/* The same role in cross-attention. */
static vs_role cross_role(vs_role role) {
    static const vs_role of[][2] = {{VS_ROLE_WQ, VS_ROLE_XWQ}, {VS_ROLE_WK, VS_ROLE_XWK}, {VS_ROLE_WV, VS_ROLE_XWV}, {VS_ROLE_WO, VS_ROLE_XWO}};
    size_t i = 0;
    while (of[i][0] != role) i++;
    return of[i][1];
}

/* One half of a map: queries and W_O have a part for each head, keys and values one for each group of heads. */
static part part_of(const vs_model *m, const place *at, vs_role role, float *row) {
    const vs_stack_info *k = &vs_model_info_of(m)->stack[at->stack];
    bool own = role == VS_ROLE_WQ || role == VS_ROLE_WO;
    size_t h = own ? at->nth : at->nth / (k->H / k->KV);
    return (part){.m = m, .role = at->cross ? cross_role(role) : role, .stack = at->stack, .layer = (int)at->layer, .from = h * k->dh,
                  .n = k->dh, .d = k->d, .row = row};
}

static vs_status through(vs_err *err, const vs_model *m, const struct head_map *map, const place *at, const float *x, vs_value *out) {
    const vs_stack_info *k = &vs_model_info_of(m)->stack[at->stack];
    size_t most = k->H * k->dh > k->d ? k->H * k->dh : k->d;
    float *row = vs_alloc(most, sizeof *row), *z = vs_alloc(k->dh, sizeof *z);
    out->dim = map->second ? k->d : k->dh;
    out->vec = vs_alloc(out->dim, sizeof *out->vec);
    vs_status st = row && z && out->vec ? VS_OK : no_memory(err);
    part first = part_of(m, at, map->role, row), second = part_of(m, at, map->next, row);
    if (st == VS_OK && map->first) st = map->first(err, &first, x, map->second ? z : out->vec);
    if (st == VS_OK && map->second) st = map->second(err, &second, map->first ? z : x, out->vec);
    vs_free(row);
    vs_free(z);
    return st;
}

static vs_status head_of_value(vs_err *err, vs_session *s, const vs_addr *a, const struct head_map *map, vs_value *out) {
    vs_model *m;
    vs_value x = {0};
    place at;
    VS_TRY(vs_session_model(err, s, &m));
    const vs_model_info *in = vs_model_info_of(m);
    VS_TRY(place_of(err, in, a, &at));
    const vs_stack_info *k = &in->stack[at.stack];
    VS_TRY(vs__eval_argument(err, s, a, 3, &x));
    size_t wanted = map->first ? k->d : k->dh;
    vs_status st = x.dim == wanted ? through(err, m, map, &at, x.vec, out)
                                   : vs_fail(err, VS_E_SHAPE, "%s takes a vector of %zu numbers, %.60s has %zu", map->name, wanted, a->written[3], x.dim);
    bool sought = map->next == VS_ROLE_WK; /* what a query of cross-attention looks for is the encoder's */
    if (st == VS_OK && map->second) st = in_stream(err, s, in, at.cross && sought ? 0 : at.stack, out);
    out->notes = x.notes;
    x.notes = (vs_buf){0};
    vs_value_free(&x);
    return st;
}

vs_status vs__resolve_head(vs_err *err, vs_session *s, const vs_addr *a, vs_value *out) {
    const struct head_map *map = NULL;
    for (size_t i = 0; a->n_args > 2 && i < HEAD_MAPS; i++)
        if (!strcmp(a->args[2], head_maps[i].name)) map = &head_maps[i];
    if (!map || a->n_args != 4)
        return vs_fail(err, VS_E_SYNTAX, "head wants a layer, a head, a map (q k v o ov qk) and the vector to map: "
                                         "head(5,1,ov,\"the king\"@5.attn.norm[-1])");
    vs_status st = head_of_value(err, s, a, map, out);
    return st == VS_OK ? st : vs_fail_in(err, "head(%.20s,%.20s,%s)", a->args[0], a->args[1], map->name);
}
