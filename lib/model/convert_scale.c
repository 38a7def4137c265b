/* convert_scale.c - how scores and logits are scaled where the format has no words for it.
 *
 * Readers of GGUF take the inverse root of the head's width, or what is usual in a size of a family, whatever config.json
 * says (Gemma's query_pre_attn_scalar, GPT-2's scale_attn_weights and scale_attn_by_inverse_layer_idx).  What is left of the
 * scale goes into the queries: into the gain of their norm where they have one, else into their map and its bias.  Rotation
 * leaves a factor as it is.  What a tied unembedding reads is not scaled there, either (T5): one of its own is. */
#include <string.h>

#include "convert_impl.h"

/* A number as a reader of the file to be written has it. */
static double taken(const vs__conversion *c, vs_hp hp) {
    const vs_hp_row *row = c->arch->hps;
    while (row->hp != VS_HP_COUNT && row->hp != hp) row++;
    if (row->hp == VS_HP_COUNT) return vs__hp_rows[hp].absent;
    if (row->gguf[0]) return c->m->hp[hp];
    for (const vs_hp_case *k = c->arch->cases; k && k->hp != VS_HP_COUNT; k++)
        if (k->hp == hp && c->m->hp[k->when] == k->is) return k->value;
    return row->gguf_fallback;
}

float vs__convert_times(const vs__conversion *c, int stack, vs_role role, size_t layer) {
    if (role == VS_ROLE_UNEMBED && c->untie) return c->m->stack[stack].head_scale;
    if (!c->gguf || c->same || (role != VS_ROLE_WQ && role != VS_ROLE_BQ && role != VS_ROLE_Q_NORM)) return 1;
    const vs_layer *l = &c->m->stack[stack].layer[layer];
    if ((l->w[VS_ROLE_Q_NORM].t.data != NULL) != (role == VS_ROLE_Q_NORM)) return 1;
    double hp[VS_HP_COUNT];
    memcpy(hp, c->m->hp, sizeof hp);
    hp[VS_HP_SCORES_SCALED] = taken(c, VS_HP_SCORES_SCALED);
    hp[VS_HP_SCORES_BY_LAYER] = taken(c, VS_HP_SCORES_BY_LAYER);
    hp[VS_HP_QUERY_SCALE] = taken(c, VS_HP_QUERY_SCALE);
    if (hp[VS_HP_QUERY_SCALE] <= 0) hp[VS_HP_QUERY_SCALE] = hp[VS_HP_DH]; /* derived */
    return l->score_scale / vs__score_scale(hp, c->m->info.stack[stack].dh, layer);
}
