/* plan_text.c - a plan as a person reads it. */
#include "plan.h"

#include <stdio.h>
#include <string.h>

static const char *rows_words[] = {"", " last", " first", " edges"};

static const char *role_name(vs_role r) {
    static const char *const names[] = {
#define ROLE(name, per_layer, shape, words) #name,
#include "roles.def"
#undef ROLE
        ""};
    return names[r];
}

static void line(vs_buf *out, const vs_model *m, const vs_plan *p, size_t i) {
    const vs_node *n = &p->node[i];
    const vs_slot *s = &p->slot[n->out];
    char in[48] = "", shape[64] = "", name[96] = "";
    for (int k = 0; k < 3; k++)
        if (n->in[k] != VS_NONE) snprintf(in + strlen(in), sizeof in - strlen(in), " s%d", n->in[k]);
    if (s->kind == VS_ROWS_EDGES)
        snprintf(shape, sizeof shape, "[%zu, %zu]", s->heads, p->of[s->set].edges[s->cross][p->of[s->set].n_seqs]);
    else if (s->heads > 1)
        snprintf(shape, sizeof shape, "[%zu, %zu, %zu]", s->rows, s->heads, s->width);
    else if (s->size)
        snprintf(shape, sizeof shape, "[%zu, %zu]", s->rows, s->width);
    if (n->site.kind != VS_SITE_COUNT) vs_site_name(m, n->site, true, name, sizeof name);
    vs_buf_printf(out, "%4zu  %-7s  s%-4d <-%-16s %-18s %-16s %-8s%s%s\n", i, vs__op_name(n->op), n->out, in, shape,
                  name, role_name(n->role), s->kept ? " kept" : "", rows_words[s->kind]);
}

vs_status vs_plan_text(vs_err *err, vs_model *m, const vs_request *rq, vs_buf *out) {
    vs_plan *p;
    VS_TRY(vs__plan_get(err, m, rq, &p));
    for (size_t i = 0; i < p->n_nodes; i++) line(out, m, p, i);
    vs_buf_printf(out, "%zu operations, %zu kB shared, %zu kB kept\n", p->n_nodes, p->work * sizeof(float) >> 10,
                  p->kept * sizeof(float) >> 10);
    return out->failed ? vs_fail(err, VS_E_NOMEM, "text of the plan") : VS_OK;
}
