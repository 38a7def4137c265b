/* model_impl.h - what is inside a vs_model; for lib/model only. */
#ifndef VS_MODEL_MODEL_IMPL_H
#define VS_MODEL_MODEL_IMPL_H

#include "../base/alloc.h"
#include "../io/format.h"
#include "arch.h"
#include "run.h"

struct vs_hub; /* io/hub.h */

/* A weight in its place.  One-axis weights (norm gains, biases) are also kept as f32, as they are applied (1 + g done):
 * they are small, and every pass needs them so.  Matrices stay where they lie, also as a part of a fused tensor. */
typedef struct vs_weight {
    vs_tensor t;  /* data NULL: the model has none */
    float *vec;   /* all its elements for one-axis weights and DISTANCE, else NULL; in the model's arena */
} vs_weight;

/* How the heads of some layers turn (rope.c).  Texts of at most `limit` tokens (0: all) turn by `turn`; longer ones by `longer`,
 * or, where there is none, by a base that grows with their length. */
typedef struct vs_rotation {
    size_t dims;         /* elements of a head that rotate … */
    double of;           /* … by the angles of so many: one less where the share of a head that rotates is odd */
    float gain;          /* what they are multiplied by when they do */
    const float *turn;   /* [dims / 2] radians that each pair turns from one position to the next */
    size_t limit;
    const float *longer; /* [dims / 2] or NULL */
    double theta, factor; /* that base and its growth */
    const float *by, *by_longer; /* [dims / 2] the lists by which the angles were divided, or NULL */
} vs_rotation;

typedef struct vs_layer {
    size_t window;      /* 0: sees everything it may */
    float score_scale;
    const vs_rotation *rotation; /* NULL: none */
    vs_weight w[VS_ROLE_COUNT]; /* the per-layer roles */
} vs_layer;

typedef struct vs_stack_state {
    const vs_stack *spec;
    size_t L;
    vs_layer *layer; /* [L] */
    vs_weight w[VS_ROLE_COUNT]; /* the roles of the whole stack */
    vs_act act;
    float act_steep;  /* it is taken of x times this, and its result over it (quick GELU; else 1) */
    float eps, embed_scale;
    float score_cap;  /* 0: none */
    float head_scale; /* the unembedding reads x times this */
    bool gated;       /* its MLPs have a gate */
    bool parallel;    /* sub-layers that may read the block's input do */
    bool pos_after_pad; /* arch.h's */
    size_t pos_offset; /* the row of the learned positions that a text's first token has */
    size_t rope_dims; /* elements of a head that rotate, in layers without a window */
    vs_rotation full, local; /* of layers without and with a window; or nothing */
    uint16_t *bucket; /* [2 far + 1] of each distance key - query; NULL: none */
    size_t far;
} vs_stack_state;

struct vs_model {
    const vs_arch *arch;
    vs_model_info info;
    vs_file *file;       /* a GGUF, or NULL */
    struct vs_hub *hub;  /* a hub directory, or NULL */
    vs_tokenizer *tokenizer;
    double hp[VS_HP_COUNT];
    double local_hp[VS_HP_COUNT]; /* the same, but the rotation of layers with a window, where that is another (arch.hps_local) */
    bool has[VS_PART_COUNT]; /* which parts the file has: masked-word head, pooler, next-sentence classifier */
    vs_stack_state stack[2];
    vs_arena arena;
    struct vs_plan_cache *plans; /* plan.c */
};

/* vs__head_act() - the non-linearity of the masked-word head, and what it is taken of x times of (act_steep). */
static inline vs_act vs__head_act(const vs_model *m, float *steep) {
    const vs_stack_state *s = &m->stack[m->info.n_stacks - 1];
    *steep = m->arch->head_gelu ? 1 : s->act_steep;
    return m->arch->head_gelu ? VS_ACT_GELU : s->act;
}

/* vs__padding() - the padding token, -1: none. */
static inline int64_t vs__padding(const vs_model *m) {
    double id = m->hp[VS_HP_FIXED], V = m->hp[VS_HP_V];
    if (id < 0) id += V; /* as PyTorch counts */
    return id >= 0 && id < V ? (int64_t)id : -1;
}

/* vs__turned_for() - the shortest text whose heads turn by the angles of one of T tokens; 0 up to the limit.
 * vs__text_turned_for() - the same over all layers of a model.
 * vs__turn() - how far pair i turns in a text of T tokens. */
size_t vs__turned_for(const vs_rotation *r, size_t T);
size_t vs__text_turned_for(const vs_model *m, size_t T);
float vs__turn(const vs_rotation *r, size_t T, size_t i);

/* vs__score_scale() - what scores are multiplied by in a layer (counted from 0) whose heads are dh wide. */
float vs__score_scale(const double hp[VS_HP_COUNT], size_t dh, size_t layer);

/* vs__read_pooling() - info.pool, from what stands beside a hub directory's weights or in a GGUF file (pool.c).
 * VS_OK | VS_E_FORMAT (JSON that is none) | VS_E_IO. */
vs_status vs__read_pooling(vs_err *err, vs_model *m) VS_MUST_CHECK;

/* vs__task_head() - whether a tensor is of a head for another task, without which a model is open. */
bool vs__task_head(const char *name, bool gguf);

/* vs__plans_free() - the plans kept for this model (plan.c). */
void vs__plans_free(struct vs_plan_cache *c);

#endif
