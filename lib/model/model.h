/* model.h - a model: its description, its weights where they lie, its tokenizer.
 *
 * Opening maps files and binds tensors to roles; no weight is copied, folded or centred. */
#ifndef VS_MODEL_MODEL_H
#define VS_MODEL_MODEL_H

#include "../tensor/tensor.h"
#include "../text/tokenizer.h"

typedef struct vs_model vs_model;

typedef enum vs_role {
#define ROLE(name, per_layer, shape, words) VS_ROLE_##name,
#include "roles.def"
#undef ROLE
    VS_ROLE_COUNT
} vs_role;

/* What a model is, in the field's letters.  Filled at open; borrowed until close.  One entry a stack; a model has one
 * (encoder or decoder) or two. */
typedef struct vs_stack_info {
    const char *name;           /* "decoder", "encoder" */
    size_t L, d, H, KV, dh, f;  /* layers, width, heads, key/value heads, head width, MLP width */
    bool causal, gated, post_norm, rms, rope, cross; /* cross: it reads the encoder's output too */
    const char *act;            /* "gelu_tanh" */
    const char *positions;      /* "rope", "learned", … */
} vs_stack_info;

/* How one vector is made of a text's: their mean, the first or the last position's, each number's largest.  UNSAID: the files
 * do not say; OTHER: in a way that we do not have.  vs_pool_names: "mean" …, NULL for these two. */
typedef enum vs_pool { VS_POOL_UNSAID, VS_POOL_MEAN, VS_POOL_CLS, VS_POOL_MAX, VS_POOL_LAST, VS_POOL_OTHER, VS_POOL_COUNT } vs_pool;
extern const char *const vs_pool_names[VS_POOL_COUNT];

typedef struct vs_model_info {
    const char *name;           /* short: the file's or directory's name, or what the file says */
    const char *arch;           /* "gemma3" */
    const char *path, *format;  /* "gguf", "safetensors" */
    size_t V, context;          /* vocabulary rows, longest text in tokens */
    int n_stacks;
    vs_stack_info stack[2];
    bool tied;                  /* the unembedding is the embedding */
    bool has_logits;            /* it has a head that gives words */
    bool masked;                /* that head fills masks rather than continues */
    bool has_nsp;
    float embed_scale;          /* 1, or sqrt(d) */
    float head_scale;           /* what the unembedding reads is times this: 1, or 1 / sqrt(d) */
    float logit_cap;            /* 0: none */
    vs_pool pool;               /* how its files make one vector of a text (sentence-transformers', or GGUF's key) */
    int32_t start;              /* two stacks: the token that the decoder begins with, else -1 */
    int32_t forced_first, forced_last; /* tokens that the files want first and last in generated text; -1: none */
    size_t params, file_bytes;
    uint64_t header_hash;       /* identifies the file without reading its tensors */
} vs_model_info;

/* vs_model_open() - PATH is a GGUF file or a directory in the hub's layout.  Milliseconds, whatever the size.
 * VS_OK | VS_E_UNKNOWN | VS_E_FORMAT | VS_E_SHAPE (a tensor: wanted, found) | VS_E_UNSUPPORTED (an architecture we do
 * not have: names the ones we do) | VS_E_NOMEM.  Close with vs_model_close(). */
vs_status vs_model_open(vs_err *err, const char *path, vs_model **out) VS_MUST_CHECK;
void vs_model_close(vs_model *m);
const vs_model_info *vs_model_info_of(const vs_model *m);

/* vs_model_tokenizer() - loaded on first need, then kept; borrowed.  VS_OK | VS_E_UNSUPPORTED | VS_E_FORMAT. */
vs_status vs_model_tokenizer(vs_err *err, vs_model *m, const vs_tokenizer **out) VS_MUST_CHECK;

/* vs_model_window() - how many tokens a layer's attention sees, the looking one among them; 0: all that the mask lets. */
size_t vs_model_window(const vs_model *m, int stack, size_t layer);

/* vs_model_weight() - the tensor that fills a role (stack 0 or 1, layer ignored for roles of the whole model); NULL
 * where the model has none.  As stored: borrowed, maybe quantised.  Where UNEMBED is tied this is the embedding. */
const vs_tensor *vs_model_weight(const vs_model *m, vs_role role, int stack, int layer);

/* In two stacks, these mean the last (the decoder); those _in another, by its number.
 * vs_model_row() - row `row` of a role's tensor as f32 into out [cols]; a norm's gain comes as it is applied (Gemma: 1+g).
 * vs_model_column() - column `col` likewise into out [rows]: what a neuron writes is column n of W_DOWN. */
vs_status vs_model_row(vs_err *err, const vs_model *m, vs_role role, int layer, size_t row, float *out) VS_MUST_CHECK;
vs_status vs_model_column(vs_err *err, const vs_model *m, vs_role role, int layer, size_t col, float *out) VS_MUST_CHECK;
vs_status vs_model_row_in(vs_err *err, const vs_model *m, vs_role role, int stack, int layer, size_t row, float *out) VS_MUST_CHECK;
vs_status vs_model_column_in(vs_err *err, const vs_model *m, vs_role role, int stack, int layer, size_t col, float *out) VS_MUST_CHECK;

/* vs_model_final_norm() - the decoder's final norm of rows x [n,d] into y (may be x); a copy where the model has none. */
vs_status vs_model_final_norm(vs_err *err, const vs_model *m, const float *x, size_t n, float *y) VS_MUST_CHECK;

/* vs_model_norm() - any norm of the stream by its role (ATTN_BRANCH of a layer, say), as a pass applies it, of rows x
 * [n,d] into y.  VS_OK | VS_E_UNSUPPORTED (the model has none in that role). */
vs_status vs_model_norm(vs_err *err, const vs_model *m, vs_role role, int layer, const float *x, size_t n, float *y) VS_MUST_CHECK;

/* vs_model_unembed() - logits [n,V] of stream vectors x [n,d] (before any final norm: it is applied), exactly as the
 * last steps of a pass compute them: for a masked-word model through its head's transform and bias.
 * VS_OK | VS_E_UNSUPPORTED (a model without a head).  O(n d V). */
vs_status vs_model_unembed(vs_err *err, const vs_model *m, const float *x, size_t n, float *logits) VS_MUST_CHECK;

/* vs_model_params_of() - parameters in a role over all its layers, for info; vs_model_params_in() - those of one stack (what
 * two share is the first's).  vs_role_words() - its words; vs_role_name() - "W_DOWN". */
size_t vs_model_params_of(const vs_model *m, vs_role role);
size_t vs_model_params_in(const vs_model *m, vs_role role, int stack);
const char *vs_role_words(vs_role role);
const char *vs_role_name(vs_role role);

#endif
