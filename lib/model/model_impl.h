/* model_impl.h - what is inside a vs_model; for lib/model only. */
#ifndef VS_MODEL_MODEL_IMPL_H
#define VS_MODEL_MODEL_IMPL_H

#include "../base/alloc.h"
#include "../io/format.h"
#include "arch.h"
#include "run.h"

struct vs_hub; /* io/hub.h */

/* A weight in its place.  One-axis weights (norm gains, biases) are also kept as f32, as they are applied (1 + g done):
 * they are small, and every pass needs them so.  Matrices stay where they lie. */
typedef struct vs_weight {
    vs_tensor t;  /* data NULL: the model has none */
    float *vec;   /* [cols] for one-axis weights, else NULL; in the model's arena */
} vs_weight;

typedef struct vs_layer {
    size_t window;      /* 0: sees everything it may */
    float rope_theta, rope_factor; /* angles are divided by the factor (linear scaling); 1: none */
    vs_weight w[VS_ROLE_COUNT]; /* the per-layer roles */
} vs_layer;

typedef struct vs_stack_state {
    const vs_stack *spec;
    size_t L;
    vs_layer *layer; /* [L] */
    vs_weight w[VS_ROLE_COUNT]; /* the roles of the whole stack */
    vs_act act;
    float eps, score_scale, embed_scale;
    size_t rope_dims;
} vs_stack_state;

struct vs_model {
    const vs_arch *arch;
    vs_model_info info;
    vs_file *file;       /* a GGUF, or NULL */
    struct vs_hub *hub;  /* a hub directory, or NULL */
    vs_tokenizer *tokenizer;
    double hp[VS_HP_COUNT];
    bool has[VS_PART_COUNT]; /* which parts the file has: masked-word head, pooler, next-sentence classifier */
    vs_stack_state stack[2];
    vs_arena arena;
    struct vs_plan_cache *plans; /* plan.c */
};

/* vs__plans_free() - the plans kept for this model (plan.c). */
void vs__plans_free(struct vs_plan_cache *c);

#endif
