/* arch.h - an architecture as data.
 *
 * Every transformer here is a stack of sub-layers  x <- N_post(x + N_branch(f(N_pre(source)))),
 * any of the norms absent, `source` the stream or the block's input.  One const struct
 * says which; plan.c reads it and nothing else.  To add an architecture: one file
 * arch_NAME.c and one row ARCH(NAME) in arch_list.def. */
#ifndef VS_MODEL_ARCH_H
#define VS_MODEL_ARCH_H

#include "../tensor/kernels.h"
#include "model.h"

typedef enum vs_sub_kind { VS_SUB_NONE, VS_SUB_SELF, VS_SUB_CROSS, VS_SUB_MLP } vs_sub_kind;
typedef enum vs_norm_kind { VS_NORM_LAYER, VS_NORM_RMS } vs_norm_kind;
typedef enum vs_pos_kind { VS_POS_NONE, VS_POS_LEARNED, VS_POS_ROPE, VS_POS_SINUSOID, VS_POS_BUCKETS } vs_pos_kind;

typedef struct vs_sub {
    vs_sub_kind kind;
    bool pre, branch, post; /* which norms it has */
    bool from_block;        /* reads the block's input rather than the stream (parallel blocks) */
} vs_sub;

/* A number of the model: where each file format says it.  The first key found wins. */
typedef enum vs_hp {
    VS_HP_D, VS_HP_L, VS_HP_H, VS_HP_KV, VS_HP_DH, VS_HP_F, VS_HP_V, VS_HP_CONTEXT, VS_HP_EPS, VS_HP_ROPE_THETA,
    VS_HP_ROPE_THETA_LOCAL, VS_HP_WINDOW, VS_HP_WINDOW_PATTERN, VS_HP_QUERY_SCALE, VS_HP_TYPES, VS_HP_LOGIT_CAP,
    VS_HP_COUNT
} vs_hp;
typedef struct vs_hp_row {
    vs_hp hp;
    const char *hub[3];  /* config.json keys, dotted paths for nested ones */
    const char *gguf[2]; /* "%s.attention.head_count": %s is the architecture's GGUF name */
    double fallback;     /* NAN: must be there, unless derived (DH = d / H, KV = H, …) */
} vs_hp_row;

/* How a stored tensor becomes the weight of a role. */
typedef enum vs_transform { VS_AS_IS, VS_PLUS_ONE /* a norm stored as g, applied as 1 + g */ } vs_transform;
typedef struct vs_bind {
    vs_role role;
    const char *name; /* %d: layer */
    bool optional;
    vs_transform transform;
} vs_bind;

typedef struct vs_stack {
    const char *name;
    vs_sub sub[3];
    vs_norm_kind norm;
    vs_act act;
    bool causal, gated, qk_norm, embed_norm, embed_scale, final_norm;
    vs_pos_kind pos;
    int pos_offset; /* RoBERTa: 2 */
    bool local;     /* some layers see only a window (HP_WINDOW, HP_WINDOW_PATTERN), with their own theta */
    const vs_bind *hub, *gguf; /* ended by a NULL name; NULL: the format is not known for this family */
} vs_stack;

typedef struct vs_arch {
    const char *name;
    const char *hub_types[4]; /* config.json "model_type" */
    const char *gguf_name;    /* general.architecture */
    const vs_hp_row *hps;     /* ended by VS_HP_COUNT */
    int n_stacks;
    vs_stack stack[2];
    bool masked_head, pooler; /* BERT's heads (optional in a file) */
    const char *hub_prefix[3]; /* tensors may carry or lack these prefixes: "", "bert.", "model." */
} vs_arch;

/* All of them, ended by NULL. */
extern const vs_arch *const vs_arch_list[];

#endif
