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
typedef enum vs_pos_kind { VS_POS_NONE, VS_POS_LEARNED, VS_POS_ROPE, VS_POS_SINUSOID } vs_pos_kind;

/* How the angles of rotary positions are divided for longer texts (rope.c); the order of the words in arch_rows.h. */
typedef enum vs_rope_kind {
    VS_ROPE_PLAIN,
    VS_ROPE_LINEAR,      /* all alike */
    VS_ROPE_DYNAMIC,     /* of texts beyond the context: by a base that grows with the text's length */
    VS_ROPE_YARN,        /* the slow ones */
    VS_ROPE_LONG,        /* by a list, and by another in longer texts */
    VS_ROPE_LLAMA3,      /* the slow ones */
    VS_ROPE_PROPORTIONAL /* all alike, and only the fastest turn */
} vs_rope_kind;

typedef struct vs_sub {
    vs_sub_kind kind;
    bool pre, branch, post; /* which norms it has */
    bool from_block;        /* reads the block's input rather than the stream (parallel blocks) */
} vs_sub;

/* The numbers of a model (hps.def) and where each file format says them.  The first key found wins; null is absent. */
typedef enum vs_hp {
#define HP(name, kind, absent, words) VS_HP_##name,
#include "hps.def"
#undef HP
    VS_HP_COUNT
} vs_hp;
#define VS_HP_NEEDED (-2)  /* fallback: the file must say it */
#define VS_HP_DERIVED (-1) /* fallback: KV = H, DH = d / H, F = 4 d, V = rows of the embedding, QUERY_SCALE = DH, TIED = no tensor,
                            * HEAD_SCALED = TIED, E = d, L2 H2 F2 (second stack) = L H F, ROPE_CONTEXT = CONTEXT */
#define VS_HP_NO_TOKEN 2147483647 /* of TOKENs: none */
typedef struct vs_hp_row {
    vs_hp hp;
    const char *hub[3]; /* config.json keys, dotted paths for nested ones; "key=word|word": which of the words stands there */
    double hub_fallback;
    const char *gguf[2]; /* "%s.attention.head_count": %s is the architecture's GGUF name */
    double gguf_fallback;
} vs_hp_row;

/* What a derived number is in one size of a family: `hp` is `value` where `when` equals `is`. */
typedef struct vs_hp_case {
    vs_hp hp, when;
    double is, value;
} vs_hp_case;

/* A setting of a file format with the values that this family is built for; any other is refused by name.  Absent, null
 * and false are always accepted. */
typedef struct vs_only {
    const char *key; /* of config.json (dotted), or of GGUF (%s) */
    const char *values[4];
} vs_only;

/* How a stored tensor becomes the weight of a role. */
typedef enum vs_transform { VS_AS_IS, VS_PLUS_ONE /* a norm stored as g, applied as 1 + g */ } vs_transform;
/* Which tensors must be there: all of a part or none of it.  OPTIONAL each by itself; UNTIED likewise, and looked for only in
 * models that are not tied.  FILLED ones may be missing, and are written all the same where another reader wants them: zeros
 * for a bias, the embedding for an unembedding. */
typedef enum vs_part {
    VS_PART_BODY, VS_PART_OPTIONAL, VS_PART_UNTIED, VS_PART_FILLED, VS_PART_HEAD, VS_PART_POOLER, VS_PART_NSP, VS_PART_COUNT
} vs_part;
/* Where in its tensor a weight lies.  It is read there through a view: nothing is copied.  Biases alike. */
typedef enum vs_lie {
    VS_LIE_WHOLE,
    VS_LIE_IN_OUT,     /* stored [in, out] (GPT-2's Conv1D) */
    VS_LIE_QKV,        /* rows of all queries, then keys, then values; the role says which */
    VS_LIE_QKV_IN_OUT, /* the same, stored [in, out] */
    VS_LIE_QKV_HEADS,  /* head by head: its queries, keys, values (GPT-NeoX) */
    VS_LIE_GATE_UP,    /* rows of the gate, then of the linear half (Phi-3) */
    VS_LIE_PAIRS       /* each head's halves interleaved, for a rotation of neighbours (GGUF files of LLaMA) */
} vs_lie;
typedef struct vs_bind {
    vs_role role;
    const char *name; /* %d: layer; without the prefix */
    vs_part part;
    vs_transform transform;
    const char *older; /* a spelling of earlier files, or NULL */
    vs_lie lie;
} vs_bind;

/* What a file of this family says beside its numbers, when one is written.  The first row of a key whose conditions hold
 * counts: that the model has the part (BODY: always) and the weight `with` (EMBED: always).  A key with %d is the name of a
 * row of weights, and json the name that its tensors then have. */
typedef struct vs_say {
    const char *key;  /* of config.json (dotted), or of GGUF (%s) */
    const char *json; /* the value as JSON; in GGUF a text, a truth value, a whole number or a real one */
    vs_part part;
    vs_role with;
} vs_say;

typedef struct vs_stack {
    const char *name;
    vs_sub sub[3];
    vs_norm_kind norm;
    vs_act act; /* unless the file names another */
    bool gated_gelu; /* … but of gated MLPs GELU (tanh) */
    bool causal, qk_norm, embed_norm, final_norm;
    vs_pos_kind pos;
    int pos_offset;      /* rows of the learned positions before the first, beyond the context (BART: 2) */
    bool pos_after_pad;  /* their first is behind the padding token's (HP_FIXED), which has no other position (RoBERTa); the
                          * context's number counts those before it */
    bool sinus_pairs;    /* sinusoids: sine and cosine alternate (Vaswani et al. 2017); else a half of each */
    bool buckets;        /* scores get a bias by bucketed distance (T5), beside any other positions */
    bool local;          /* some layers see only a window (HP_WINDOW, HP_WINDOW_PATTERN) */
    bool rope_share;     /* only HP_ROPE_SHARE of each head rotates; else config.json's word of it counts for PROPORTIONAL alone */
    const vs_bind *hub, *gguf; /* ended by a NULL name; NULL: the format is not known for this family */
} vs_stack;

typedef struct vs_arch {
    const char *name;
    const char *hub_types[4];  /* config.json "model_type" */
    const char *hub_class;     /* and the first of its "architectures" has to be this, before families that do not say; or NULL */
    const char *hub_nested;    /* object of config.json that holds the text model's settings, where there is one */
    const char *hub_prefix[6]; /* tensors may carry or lack these prefixes: "bert.", ""; ended by NULL */
    const char *hub_ignore[8]; /* tensors that are no weights of ours, beside other tasks' heads; * matches anything; ended by NULL */
    const char *hub_act[2];    /* config.json keys of the non-linearity's name */
    const char *hub_layer_types; /* key of the list that says which layers have a window */
    const vs_only *hub_only;   /* ended by a NULL key; or NULL */
    const char *gguf_name;     /* general.architecture; NULL: the format is not known */
    const vs_only *gguf_only;
    const char *gguf_ignore;   /* a tensor of GGUF files that is never read; or NULL */
    const vs_say *hub_says, *gguf_says; /* ended by a NULL key; or NULL */
    const struct vs_arch *gguf_as; /* the family as which its GGUF files are written, where that is another; or NULL */
    const struct vs_arch *gguf_encoder; /* as which the encoder alone of two stacks is written; or NULL */
    const struct vs_arch *hub_windowed; /* the family that a GGUF file with windows is in the hub's layout, where that is another */
    bool gguf_no_window; /* llama.cpp reads no windows in such files */
    const vs_hp_row *hps;      /* ended by VS_HP_COUNT */
    const vs_hp_row *hps_local; /* the rotation of layers with a window, where that is another; or NULL */
    const vs_hp_case *cases;   /* ended by VS_HP_COUNT; or NULL */
    int n_stacks; /* a file may hold the encoder of two alone (T5EncoderModel): then its model has one */
    vs_stack stack[2];
    bool masked_head; /* its head fills masks rather than continues */
    bool head_gelu;   /* the masked-word head has a GELU whatever the blocks have */
} vs_arch;

/* All of them, ended by NULL. */
extern const vs_arch *const vs_arch_list[];

#endif
