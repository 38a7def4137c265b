/* arch_gpt_neo.c - GPT-Neo (Black et al. 2021), as the TinyStories models have it too (Eldan & Li 2023): GPT-2 whose maps are
 * stored [out, in], queries, keys and values apart and without biases, whose scores are not scaled, and where only some
 * layers see everything: config.json says which. */
#include "arch_rows.h"

static const vs_hp_row hps[] = {
    {VS_HP_D, {"hidden_size"}, 2048, {NULL}, VS_HP_NEEDED},
    {VS_HP_L, {"num_layers"}, 24, {NULL}, VS_HP_NEEDED},
    {VS_HP_H, {"num_heads"}, 16, {NULL}, VS_HP_NEEDED},
    {VS_HP_KV, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_DH, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_F, {"intermediate_size"}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_V, {"vocab_size"}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_CONTEXT, {"max_position_embeddings"}, 2048, {NULL}, VS_HP_NEEDED},
    {VS_HP_EPS, {"layer_norm_epsilon"}, 1e-5, {NULL}, 1e-5},
    {VS_HP_WINDOW, {"window_size"}, 256, {NULL}, 256},
    {VS_HP_WINDOW_PATTERN, {"attention_types"}, VS_HP_NEEDED, {NULL}, VS_HP_NEEDED},
    {VS_HP_SCORES_SCALED, {NULL}, 0, {NULL}, 0},
    {VS_HP_QUERY_SCALE, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_TIED, {"tie_word_embeddings"}, 1, {NULL}, 1},
    END_OF_HPS,
};

static const vs_bind hub[] = {
    WEIGHT(EMBED, "wte.weight"),
    WEIGHT(POS, "wpe.weight"),
    NORM(ATTN_NORM, "h.%d.ln_1"),
    WEIGHT(WQ, "h.%d.attn.attention.q_proj.weight"),
    WEIGHT(WK, "h.%d.attn.attention.k_proj.weight"),
    WEIGHT(WV, "h.%d.attn.attention.v_proj.weight"),
    LINEAR(WO, BO, "h.%d.attn.attention.out_proj"),
    NORM(MLP_NORM, "h.%d.ln_2"),
    LINEAR(W_UP, B_UP, "h.%d.mlp.c_fc"),
    LINEAR(W_DOWN, B_DOWN, "h.%d.mlp.c_proj"),
    NORM(FINAL_NORM, "ln_f"),
    MAY_HAVE(UNEMBED, "lm_head.weight"),
    END_OF_ROWS,
};

const vs_arch vs_arch_gpt_neo = {
    .name = "gpt_neo",
    .hub_types = {"gpt_neo"},
    .hub_prefix = {"transformer.", ""},
    .hub_ignore = {"*.attn.attention.bias", "*.attn.attention.masked_bias"},
    .hub_act = {"activation_function"},
    .hub_layer_types = "attention_types",
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
        .local = true,
        .hub = hub,
    }},
};
