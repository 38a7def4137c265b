/* arch_gpt2.c - GPT-2 (Radford et al. 2019): the decoder of GPT with LayerNorm before each branch, learned positions, and
 * an unembedding that is the embedding.  The hub stores its maps [in, out] and the three of a head in one tensor. */
#include "arch_rows.h"

static const vs_hp_row hps[] = {
    {VS_HP_D, {"n_embd"}, 768, {"%s.embedding_length"}, VS_HP_NEEDED},
    {VS_HP_L, {"n_layer"}, 12, {"%s.block_count"}, VS_HP_NEEDED},
    {VS_HP_H, {"n_head"}, 12, {"%s.attention.head_count"}, VS_HP_NEEDED},
    {VS_HP_KV, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_DH, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_F, {"n_inner"}, VS_HP_DERIVED, {"%s.feed_forward_length"}, VS_HP_DERIVED},
    {VS_HP_V, {"vocab_size"}, VS_HP_DERIVED, {"%s.vocab_size"}, VS_HP_DERIVED},
    {VS_HP_CONTEXT, {"n_positions", "n_ctx"}, 1024, {"%s.context_length"}, VS_HP_NEEDED},
    {VS_HP_EPS, {"layer_norm_epsilon"}, 1e-5, {"%s.attention.layer_norm_epsilon"}, 1e-5},
    {VS_HP_SCORES_SCALED, {"scale_attn_weights"}, 1, {NULL}, 1},
    {VS_HP_SCORES_BY_LAYER, {"scale_attn_by_inverse_layer_idx"}, 0, {NULL}, 0},
    {VS_HP_QUERY_SCALE, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_TIED, {"tie_word_embeddings"}, 1, {NULL}, VS_HP_DERIVED},
    END_OF_HPS,
};

static const vs_only hub_only[] = {
    {"add_cross_attention", {NULL}},
    END_OF_ONLY,
};

static const vs_say hub_says[] = {
    ALWAYS("model_type", "\"gpt2\""),
    ALWAYS("architectures", "[\"GPT2LMHeadModel\"]"),
    END_OF_SAYS,
};

static const vs_bind hub[] = {
    WEIGHT(EMBED, "wte.weight"),
    WEIGHT(POS, "wpe.weight"),
    NORM(ATTN_NORM, "h.%d.ln_1"),
    LAID(WQ, "h.%d.attn.c_attn.weight", QKV_IN_OUT),
    LAID(BQ, "h.%d.attn.c_attn.bias", QKV),
    LAID(WK, "h.%d.attn.c_attn.weight", QKV_IN_OUT),
    LAID(BK, "h.%d.attn.c_attn.bias", QKV),
    LAID(WV, "h.%d.attn.c_attn.weight", QKV_IN_OUT),
    LAID(BV, "h.%d.attn.c_attn.bias", QKV),
    LAID(WO, "h.%d.attn.c_proj.weight", IN_OUT),
    WEIGHT(BO, "h.%d.attn.c_proj.bias"),
    NORM(MLP_NORM, "h.%d.ln_2"),
    LAID(W_UP, "h.%d.mlp.c_fc.weight", IN_OUT),
    WEIGHT(B_UP, "h.%d.mlp.c_fc.bias"),
    LAID(W_DOWN, "h.%d.mlp.c_proj.weight", IN_OUT),
    WEIGHT(B_DOWN, "h.%d.mlp.c_proj.bias"),
    NORM(FINAL_NORM, "ln_f"),
    MAY_HAVE(UNEMBED, "lm_head.weight"),
    END_OF_ROWS,
};

static const vs_bind gguf[] = {
    WEIGHT(EMBED, "token_embd.weight"),
    WEIGHT(POS, "position_embd.weight"),
    NORM(ATTN_NORM, "blk.%d.attn_norm"),
    LAID(WQ, "blk.%d.attn_qkv.weight", QKV),
    LAID(BQ, "blk.%d.attn_qkv.bias", QKV),
    LAID(WK, "blk.%d.attn_qkv.weight", QKV),
    LAID(BK, "blk.%d.attn_qkv.bias", QKV),
    LAID(WV, "blk.%d.attn_qkv.weight", QKV),
    LAID(BV, "blk.%d.attn_qkv.bias", QKV),
    LINEAR(WO, BO, "blk.%d.attn_output"),
    NORM(MLP_NORM, "blk.%d.ffn_norm"),
    LINEAR(W_UP, B_UP, "blk.%d.ffn_up"),
    LINEAR(W_DOWN, B_DOWN, "blk.%d.ffn_down"),
    NORM(FINAL_NORM, "output_norm"),
    MAY_HAVE(UNEMBED, "output.weight"),
    END_OF_ROWS,
};

const vs_arch vs_arch_gpt2 = {
    .name = "gpt2",
    .hub_types = {"gpt2"},
    .hub_prefix = {"transformer.", ""},
    .hub_ignore = {"*.attn.bias", "*.attn.masked_bias"},
    .hub_act = {"activation_function"},
    .hub_only = hub_only,
    .gguf_name = "gpt2",
    .hub_says = hub_says,
    .hps = hps,
    .n_stacks = 1,
    .stack = {{
        .name = "decoder",
        .sub = {{VS_SUB_SELF, .pre = true}, {VS_SUB_MLP, .pre = true}},
        .norm = VS_NORM_LAYER,
        .act = VS_ACT_GELU_TANH,
        .causal = true,
        .final_norm = true,
        .pos = VS_POS_LEARNED,
        .hub = hub,
        .gguf = gguf,
    }},
};
