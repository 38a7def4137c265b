/* grad_weights.c - gradients of weights: an array for each tensor. */
#include <string.h>

#include "grad_impl.h"

static const bool per_layer[VS_ROLE_COUNT] = {
#define ROLE(name, layered, shape, words) [VS_ROLE_##name] = layered,
#include "roles.def"
#undef ROLE
};

typedef struct entry {
    const vs_weight *w;
    vs_role role;
    int stack, layer;
    size_t first; /* the entry whose array it shares; its own index where it has one */
    vs_tensor t;  /* f32, contiguous; data in the one block of all */
} entry;

struct vs_weight_grads {
    entry *at;
    size_t n, own; /* own: how many have an array of their own */
    float *mem;
    size_t floats;
};

/* Two roles filled by one tensor, seen the same way. */
static bool same_tensor(const vs_tensor *a, const vs_tensor *b) {
    if (a->data != b->data || a->ndim != b->ndim) return false;
    for (int i = 0; i < a->ndim; i++)
        if (a->shape[i] != b->shape[i] || a->stride[i] != b->stride[i]) return false;
    return true;
}

static bool listed(vs_role role, const vs_role *roles, size_t n) {
    bool found = !roles;
    for (size_t i = 0; i < n && roles; i++) found |= roles[i] == role;
    return found;
}

/* Every weight of the roles, in order; at NULL: only count. */
static size_t collect(const vs_model *m, const vs_role *roles, size_t n_roles, entry *at) {
    size_t n = 0;
    for (int s = 0; s < m->info.n_stacks; s++)
        for (int r = 0; r < VS_ROLE_COUNT; r++) {
            const vs_stack_state *st = &m->stack[s];
            size_t times = per_layer[r] ? st->L : 1;
            for (size_t l = 0; l < times && listed((vs_role)r, roles, n_roles); l++) {
                const vs_weight *w = per_layer[r] ? &st->layer[l].w[r] : &st->w[r];
                if (!w->t.data) continue;
                if (at) at[n] = (entry){.w = w, .role = (vs_role)r, .stack = s, .layer = per_layer[r] ? (int)l : -1, .first = n};
                n++;
            }
        }
    return n;
}

vs_status vs_weight_grads_new(vs_err *err, const vs_model *m, const vs_role *roles, size_t n, vs_weight_grads **out) {
    vs_weight_grads *g = vs_zalloc(1, sizeof *g);
    *out = NULL;
    if (!g) return vs_fail(err, VS_E_NOMEM, "gradients of weights");
    g->n = collect(m, roles, n, NULL);
    g->at = vs_alloc(g->n, sizeof *g->at);
    bool ok = g->at != NULL;
    if (ok) collect(m, roles, n, g->at);
    for (size_t i = 0; i < g->n && ok; i++) {
        entry *e = &g->at[i];
        size_t count;
        for (size_t k = 0; k < i && e->first == i; k++)
            if (g->at[k].first == k && same_tensor(&g->at[k].w->t, &e->w->t)) e->first = k;
        if (e->first != i) continue;
        ok = vs_tensor_over(NULL, NULL, VS_F32, e->w->t.ndim, e->w->t.shape, &e->t, NULL) == VS_OK &&
             vs_add(g->floats, (vs_tensor_count(&e->w->t) + 15) / 16 * 16, &count);
        if (ok) g->floats = count, g->own++;
    }
    if (ok) g->mem = vs_zalloc(g->floats, sizeof *g->mem);
    if (!g->mem) {
        size_t mb = g->floats * sizeof(float) >> 20;
        vs_weight_grads_free(g);
        return vs_fail(err, VS_E_NOMEM, "%zu MB for the gradients of %s's weights", mb, m->info.name);
    }
    size_t used = 0;
    for (size_t i = 0; i < g->n; i++) {
        entry *e = &g->at[i];
        if (e->first == i) {
            e->t.data = g->mem + used;
            used += (vs_tensor_count(&e->t) + 15) / 16 * 16;
        } else
            e->t = g->at[e->first].t;
    }
    *out = g;
    return VS_OK;
}

void vs_weight_grads_free(vs_weight_grads *g) {
    if (!g) return;
    vs_free(g->at);
    vs_free(g->mem);
    vs_free(g);
}

void vs_weight_grads_zero(vs_weight_grads *g) { memset(g->mem, 0, g->floats * sizeof *g->mem); }

const vs_tensor *vs_weight_grad(const vs_weight_grads *g, vs_role role, int stack, int layer) {
    if ((unsigned)role >= VS_ROLE_COUNT) return NULL;
    for (size_t i = 0; i < g->n; i++)
        if (g->at[i].role == role && g->at[i].stack == stack && (!per_layer[role] || g->at[i].layer == layer)) return &g->at[i].t;
    return NULL;
}

/* The array of an entry, to be changed. */
static float *array_of(const vs_weight_grads *g, const entry *e) { return g->mem + ((const float *)e->t.data - g->mem); }

float *vs_weight_grads_at(const vs_weight_grads *g, size_t i, vs_role *role, int *stack, int *layer, vs_tensor *shape) {
    for (size_t k = 0, own = 0; k < g->n; k++) {
        const entry *e = &g->at[k];
        if (e->first != k || own++ != i) continue;
        *role = e->role, *stack = e->stack, *layer = e->layer, *shape = e->t;
        return array_of(g, e);
    }
    return NULL;
}

float *vs__weight_sum(const vs_weight_grads *g, const vs_weight *w) {
    for (size_t i = 0; g && w && i < g->n; i++)
        if (g->at[i].w == w) return array_of(g, &g->at[i]);
    return NULL;
}
