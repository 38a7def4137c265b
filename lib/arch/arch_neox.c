/* arch_neox.c - GPT-NeoX and Pythia (Black et al. 2022; Biderman et al. 2023): attention and MLP read the same stream, side
 * by side, and a part of each head rotates.  The hub stores queries, keys and values head by head in one tensor. */
#include "arch_rows.h"

static const vs_hp_row hps[] = {
    {VS_HP_D, {"hidden_size"}, 6144, {"%s.embedding_length"}, VS_HP_NEEDED},
    {VS_HP_L, {"num_hidden_layers"}, 44, {"%s.block_count"}, VS_HP_NEEDED},
    {VS_HP_H, {"num_attention_heads"}, 64, {"%s.attention.head_count"}, VS_HP_NEEDED},
    {VS_HP_KV, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_DH, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_F, {"intermediate_size"}, 24576, {"%s.feed_forward_length"}, VS_HP_NEEDED},
    {VS_HP_V, {"vocab_size"}, VS_HP_DERIVED, {"%s.vocab_size"}, VS_HP_DERIVED},
    {VS_HP_CONTEXT, {"max_position_embeddings"}, 2048, {"%s.context_length"}, VS_HP_NEEDED},
    {VS_HP_EPS, {"layer_norm_eps"}, 1e-5, {"%s.attention.layer_norm_epsilon"}, 1e-5},
    {VS_HP_ROPE_THETA, {"rope_parameters.rope_theta", "rope_theta", "rotary_emb_base"}, 1e4, {"%s.rope.freq_base"}, 1e4},
    {VS_HP_ROPE_SHARE, {"rope_parameters.partial_rotary_factor", "partial_rotary_factor", "rotary_pct"}, 0.25, {NULL}, 1},
    {VS_HP_ROPE_DIMS, {NULL}, 0, {"%s.rope.dimension_count"}, 0},
    ROPE(GGUF_ROPE_EVEN),
    {VS_HP_PARALLEL, {"use_parallel_residual"}, 1, {"%s.use_parallel_residual"}, 1},
    {VS_HP_QUERY_SCALE, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_TIED, {"tie_word_embeddings"}, 0, {NULL}, VS_HP_DERIVED},
    END_OF_HPS,
};

static const vs_say hub_says[] = {
    ALWAYS("model_type", "\"gpt_neox\""),
    ALWAYS("architectures", "[\"GPTNeoXForCausalLM\"]"),
    WITH_ROLE("attention_bias", "true", BQ),
    ALWAYS("attention_bias", "false"),
    END_OF_SAYS,
};

static const vs_bind hub[] = {
    WEIGHT(EMBED, "embed_in.weight"),
    NORM(ATTN_NORM, "layers.%d.input_layernorm"),
    LAID(WQ, "layers.%d.attention.query_key_value.weight", QKV_HEADS),
    MAY_LIE(BQ, "layers.%d.attention.query_key_value.bias", QKV_HEADS),
    LAID(WK, "layers.%d.attention.query_key_value.weight", QKV_HEADS),
    MAY_LIE(BK, "layers.%d.attention.query_key_value.bias", QKV_HEADS),
    LAID(WV, "layers.%d.attention.query_key_value.weight", QKV_HEADS),
    MAY_LIE(BV, "layers.%d.attention.query_key_value.bias", QKV_HEADS),
    MAP_MAY_BIAS(WO, BO, "layers.%d.attention.dense"),
    NORM(MLP_NORM, "layers.%d.post_attention_layernorm"),
    LINEAR(W_UP, B_UP, "layers.%d.mlp.dense_h_to_4h"),
    LINEAR(W_DOWN, B_DOWN, "layers.%d.mlp.dense_4h_to_h"),
    NORM(FINAL_NORM, "final_layer_norm"),
    ROW(UNEMBED, "embed_out.weight", OPTIONAL, AS_IS, "lm_head.weight", WHOLE),
    END_OF_ROWS,
};

static const vs_bind gguf[] = {
    WEIGHT(EMBED, "token_embd.weight"),
    NORM(ATTN_NORM, "blk.%d.attn_norm"),
    LAID(WQ, "blk.%d.attn_qkv.weight", QKV),
    FILLED_LIE(BQ, "blk.%d.attn_qkv.bias", QKV),
    LAID(WK, "blk.%d.attn_qkv.weight", QKV),
    FILLED_LIE(BK, "blk.%d.attn_qkv.bias", QKV),
    LAID(WV, "blk.%d.attn_qkv.weight", QKV),
    FILLED_LIE(BV, "blk.%d.attn_qkv.bias", QKV),
    MAP_FILL_BIAS(WO, BO, "blk.%d.attn_output"),
    NORM(MLP_NORM, "blk.%d.ffn_norm"),
    LINEAR(W_UP, B_UP, "blk.%d.ffn_up"),
    LINEAR(W_DOWN, B_DOWN, "blk.%d.ffn_down"),
    NORM(FINAL_NORM, "output_norm"),
    MAY_HAVE(UNEMBED, "output.weight"),
    END_OF_ROWS,
};

const vs_arch vs_arch_neox = {
    .name = "gpt_neox",
    .hub_types = {"gpt_neox"},
    .hub_prefix = {"gpt_neox.", ""},
    .hub_ignore = {"*rotary_emb.inv_freq", "*.attention.bias", "*.attention.masked_bias"},
    .hub_act = {"hidden_act"},
    .gguf_name = "gptneox",
    .hub_says = hub_says,
    .hps = hps,
    .n_stacks = 1,
    .stack = {{
        .name = "decoder",
        .sub = {{VS_SUB_SELF, .pre = true}, {VS_SUB_MLP, .pre = true, .from_block = true}},
        .norm = VS_NORM_LAYER,
        .act = VS_ACT_GELU,
        .causal = true,
        .final_norm = true,
        .pos = VS_POS_ROPE,
        .rope_share = true,
        .hub = hub,
        .gguf = gguf,
    }},
};
