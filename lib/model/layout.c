/* layout.c - which nodes of a plan are needed, and where each slot lies in memory. */
#include "plan.h"

/* Drop the nodes whose result nobody needs, walking backwards from kept slots and roots; note each slot's last reader. */
static vs_status prune(vs_err *err, vs_plan *p) {
    bool *needed = vs_zalloc(p->n_slots + 1, sizeof *needed);
    if (!needed) return vs_fail(err, VS_E_NOMEM, "plan of %zu slots", p->n_slots);
    for (size_t i = 0; i < p->n_slots; i++) needed[i] = p->slot[i].kept;
    for (size_t i = p->n_nodes; i-- > 0;) {
        const vs_node *n = &p->node[i];
        if (!needed[n->out] && !vs__op_root(n->op)) continue;
        needed[n->out] = true;
        for (int k = 0; k < 3; k++)
            if (n->in[k] != VS_NONE) needed[n->in[k]] = true;
    }
    size_t left = 0;
    for (size_t i = 0; i < p->n_nodes; i++)
        if (needed[p->node[i].out]) p->node[left++] = p->node[i];
    p->n_nodes = left;
    for (size_t i = 0; i < p->n_nodes; i++) {
        p->slot[p->node[i].out].last_use = (int)i;
        for (int k = 0; k < 3; k++)
            if (p->node[i].in[k] != VS_NONE) p->slot[p->node[i].in[k]].last_use = (int)i;
    }
    vs_free(needed);
    return VS_OK;
}

int vs__buffer_take(vs_buffer *buf, int *n, size_t size) {
    int best = -1;
    for (int i = 0; i < *n; i++) {
        if (buf[i].busy) continue;
        bool fits = buf[i].size >= size, best_fits = best >= 0 && buf[best].size >= size;
        if (best < 0 || (fits && !best_fits) || (fits ? buf[i].size < buf[best].size : !best_fits && buf[i].size > buf[best].size))
            best = i;
    }
    if (best < 0) {
        best = (*n)++;
        buf[best].size = 0;
    }
    if (buf[best].size < size) buf[best].size = size;
    buf[best].busy = true;
    return best;
}

/* Keep what the way back reads of the nodes that are left. */
static void keep_for_the_way_back(vs_plan *p) {
    for (size_t i = 0; i < p->n_nodes; i++) {
        const vs_node *n = &p->node[i];
        int reads = vs__op_reads(n->op);
        for (int k = 0; k < 3; k++)
            if (reads >> k & 1 && n->in[k] != VS_NONE) p->slot[n->in[k]].kept = true;
        if (reads & 8) p->slot[n->out].kept = true;
    }
}

vs_status vs__plan_layout(vs_err *err, vs_plan *p) {
    VS_TRY(prune(err, p));
    if (p->reverse) keep_for_the_way_back(p);
    vs_buffer *buf = vs_alloc(p->n_slots + 1, sizeof *buf);
    if (!buf) return vs_fail(err, VS_E_NOMEM, "plan of %zu slots", p->n_slots);
    int n = 0;
    for (size_t i = 0; i < p->n_nodes; i++) {
        const vs_node *d = &p->node[i];
        vs_slot *out = &p->slot[d->out], *first = d->in[0] == VS_NONE ? NULL : &p->slot[d->in[0]];
        size_t size = (out->size + 15) / 16 * 16;
        bool dies = first && !first->kept && first->last_use == (int)i;
        if (out->kept) {
            out->offset = p->kept;
            p->kept += size;
        } else if (vs__op_in_place(d->op) && dies && first->size == out->size && d->in[1] != d->in[0] && d->in[2] != d->in[0])
            out->buffer = first->buffer, dies = false;
        else
            out->buffer = vs__buffer_take(buf, &n, size);
        for (int k = 0; k < 3; k++) {
            if (d->in[k] == VS_NONE) continue;
            vs_slot *in = &p->slot[d->in[k]];
            if (!in->kept && in->last_use == (int)i && (k || dies)) buf[in->buffer].busy = false;
        }
        if (!out->kept && out->last_use == (int)i) buf[out->buffer].busy = false;
    }
    for (int i = 0; i < n; i++) {
        buf[i].offset = p->work;
        p->work += buf[i].size;
    }
    for (size_t i = 0; i < p->n_nodes; i++) {
        vs_slot *out = &p->slot[p->node[i].out];
        if (!out->kept) out->offset = buf[out->buffer].offset;
    }
    vs_free(buf);
    return VS_OK;
}
