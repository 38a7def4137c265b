/* grad_weights.c - gradients of weights: an array for each tensor. */
#include <stdio.h>
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
    bool wanted;
    bool empty;   /* an array of its own in which nothing is added up yet, and whose numbers mean nothing */
    vs_tensor t;  /* f32, contiguous; data in the one block of all, NULL where it is not wanted */
} entry;

struct vs_weight_grads {
    entry *at;
    size_t n;
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

/* Every weight, in order; at NULL: only count. */
static size_t collect(const vs_model *m, entry *at) {
    size_t n = 0;
    for (int s = 0; s < m->info.n_stacks; s++)
        for (int r = 0; r < VS_ROLE_COUNT; r++) {
            const vs_stack_state *st = &m->stack[s];
            size_t times = per_layer[r] ? st->L : 1;
            for (size_t l = 0; l < times; l++) {
                const vs_weight *w = per_layer[r] ? &st->layer[l].w[r] : &st->w[r];
                if (!w->t.data) continue;
                if (at) at[n] = (entry){.w = w, .role = (vs_role)r, .stack = s, .layer = per_layer[r] ? (int)l : -1, .first = n};
                n++;
            }
        }
    return n;
}

/* All entries, none wanted yet. */
static vs_status begin(vs_err *err, const vs_model *m, vs_weight_grads **out) {
    vs_weight_grads *g = vs_zalloc(1, sizeof *g);
    *out = NULL;
    if (!g) return vs_fail(err, VS_E_NOMEM, "gradients of weights");
    g->n = collect(m, NULL);
    g->at = vs_alloc(g->n, sizeof *g->at);
    if (!g->at) {
        vs_free(g);
        return vs_fail(err, VS_E_NOMEM, "gradients of weights");
    }
    collect(m, g->at);
    for (size_t i = 0; i < g->n; i++)
        for (size_t k = 0; k < i && g->at[i].first == i; k++)
            if (g->at[k].first == k && same_tensor(&g->at[k].w->t, &g->at[i].w->t)) g->at[i].first = k;
    *out = g;
    return VS_OK;
}

/* Arrays for what is wanted: for all roles of a tensor where one is. */
static vs_status end(vs_err *err, const vs_model *m, vs_weight_grads *g, vs_weight_grads **out) {
    bool ok = true;
    size_t used = 0;
    for (size_t i = 0; i < g->n; i++) g->at[g->at[i].first].wanted |= g->at[i].wanted;
    for (size_t i = 0; i < g->n && ok; i++) {
        entry *e = &g->at[i];
        size_t count, shape[2] = {e->w->t.ndim > 1 ? vs_tensor_rows(&e->w->t) : vs_tensor_cols(&e->w->t), vs_tensor_cols(&e->w->t)};
        if (e->first != i || !e->wanted) continue;
        ok = vs_tensor_over(NULL, NULL, VS_F32, e->w->t.ndim > 1 ? 2 : 1, shape, &e->t, NULL) == VS_OK && /* also of a view by heads */
             vs_add(g->floats, (vs_tensor_count(&e->w->t) + 15) / 16 * 16, &count);
        if (ok) g->floats = count;
    }
    if (ok) g->mem = vs_zalloc(g->floats ? g->floats : 1, sizeof *g->mem);
    if (!g->mem) {
        size_t mb = g->floats * sizeof(float) >> 20;
        vs_weight_grads_free(g);
        return vs_fail(err, VS_E_NOMEM, "%zu MB for the gradients of %s's weights", mb, m->info.name);
    }
    for (size_t i = 0; i < g->n; i++) {
        entry *e = &g->at[i];
        if (e->first != i) e->t = g->at[e->first].t;
        if (e->first != i || !e->wanted) continue;
        e->t.data = g->mem + used;
        e->empty = true;
        used += (vs_tensor_count(&e->t) + 15) / 16 * 16;
    }
    *out = g;
    return VS_OK;
}

vs_status vs_weight_grads_new(vs_err *err, const vs_model *m, const vs_role *roles, size_t n, vs_weight_grads **out) {
    vs_weight_grads *g;
    VS_TRY(begin(err, m, out));
    g = *out;
    *out = NULL;
    for (size_t i = 0; i < g->n; i++) {
        g->at[i].wanted = !roles;
        for (size_t k = 0; k < n && roles; k++) g->at[i].wanted |= roles[k] == g->at[i].role;
    }
    return end(err, m, g, out);
}

/* ---- by name ---- */

const char *vs_weight_name(const vs_model *m, vs_role role, int stack, int layer, char *buf, size_t size) {
    bool two = m->arch->n_stacks > 1;
    char number[16] = "";
    if (layer >= 0) snprintf(number, sizeof number, "%d.", layer);
    snprintf(buf, size, "%s%s%s%s", two ? m->info.stack[stack].name : "", two ? "." : "", number, vs_role_name(role));
    return buf;
}

static void lower(char *s) {
    for (; *s; s++)
        if (*s >= 'A' && *s <= 'Z') *s = (char)(*s - 'A' + 'a');
}

/* Whether a pattern in lower case names an entry, with or without what stands in front of its role. */
static bool is_named(const vs_model *m, const entry *e, const char *pattern) {
    char name[96];
    vs_weight_name(m, e->role, e->stack, e->layer, name, sizeof name);
    lower(name);
    for (const char *at = name; at; at = strchr(at, '.') ? strchr(at, '.') + 1 : NULL)
        if (vs_glob(pattern, at)) return true;
    return false;
}

static vs_status want(vs_err *err, const vs_model *m, vs_weight_grads *g, const char *pattern, size_t n) {
    char low[96];
    bool found = false;
    snprintf(low, sizeof low, "%.*s", (int)n, pattern);
    lower(low);
    for (size_t i = 0; n < sizeof low && i < g->n; i++)
        if (is_named(m, &g->at[i], low)) g->at[i].wanted = found = true;
    if (found) return VS_OK;
    return vs_fail(err, VS_E_UNKNOWN, "no weight of %s is called \"%.*s\": they are EMBED, 0.WQ and so on (info --weights has the roles)",
                   m->info.name, (int)n, pattern);
}

vs_status vs_weight_grads_named(vs_err *err, const vs_model *m, const char *list, vs_weight_grads **out) {
    vs_weight_grads *g;
    VS_TRY(begin(err, m, out));
    g = *out;
    *out = NULL;
    vs_status st = VS_OK;
    for (const char *s = list; st == VS_OK;) {
        s += strspn(s, " ");
        size_t n = strcspn(s, ","), word = n;
        while (word && s[word - 1] == ' ') word--;
        st = want(err, m, g, s, word);
        if (!s[n]) break;
        s += n + 1;
    }
    if (st == VS_OK) return end(err, m, g, out);
    vs_weight_grads_free(g);
    return st;
}

void vs_weight_grads_free(vs_weight_grads *g) {
    if (!g) return;
    vs_free(g->at);
    vs_free(g->mem);
    vs_free(g);
}

/* Zeros are not written before somebody looks: the first product goes there without reading what was. */
void vs_weight_grads_zero(vs_weight_grads *g) {
    for (size_t i = 0; i < g->n; i++) g->at[i].empty = true;
}

/* The array of an entry, to be changed; `empty`: as it is, else it has been filled with zeros first. */
static float *array_of(const vs_weight_grads *g, const entry *e, bool *empty) {
    entry *own = &g->at[e->first];
    float *x = g->mem + ((const float *)own->t.data - g->mem);
    if (own->empty && !empty) memset(x, 0, vs_tensor_count(&own->t) * sizeof *x);
    if (empty) *empty = own->empty;
    own->empty = false;
    return x;
}

const vs_tensor *vs_weight_grad(const vs_weight_grads *g, vs_role role, int stack, int layer) {
    if ((unsigned)role >= VS_ROLE_COUNT) return NULL;
    for (size_t i = 0; i < g->n; i++)
        if (g->at[i].role == role && g->at[i].stack == stack && (!per_layer[role] || g->at[i].layer == layer))
            return g->at[i].t.data && array_of(g, &g->at[i], NULL) ? &g->at[i].t : NULL;
    return NULL;
}

/* The entry of the i-th array; NULL beyond the last. */
static const entry *own_array(const vs_weight_grads *g, size_t i) {
    for (size_t k = 0, own = 0; k < g->n; k++)
        if (g->at[k].first == k && g->at[k].t.data && own++ == i) return &g->at[k];
    return NULL;
}

float *vs_weight_grads_at(const vs_weight_grads *g, size_t i, vs_role *role, int *stack, int *layer, vs_tensor *shape) {
    const entry *e = own_array(g, i);
    if (!e) return NULL;
    *role = e->role, *stack = e->stack, *layer = e->layer, *shape = e->t;
    return array_of(g, e, NULL);
}

bool vs_weight_grads_also(const vs_weight_grads *g, size_t i, size_t k, vs_role *role, int *stack, int *layer) {
    const entry *e = own_array(g, i);
    for (const entry *o = e; o && o < g->at + g->n; o++) {
        if (o == e || g->at + o->first != e || k--) continue;
        *role = o->role, *stack = o->stack, *layer = o->layer;
        return true;
    }
    return false;
}

static const entry *entry_of(const vs_weight_grads *g, const vs_weight *w) {
    for (size_t i = 0; g && w && i < g->n; i++)
        if (g->at[i].w == w) return g->at[i].t.data ? &g->at[i] : NULL;
    return NULL;
}

bool vs__weight_wanted(const vs_weight_grads *g, const vs_weight *w) { return entry_of(g, w); }

float *vs__weight_sum(const vs_weight_grads *g, const vs_weight *w, bool *empty) {
    const entry *e = entry_of(g, w);
    return e ? array_of(g, e, empty) : NULL;
}
