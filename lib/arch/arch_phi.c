/* arch_phi.c - Phi-1, 1.5 and 2 (Li et al. 2023): attention and MLP side by side over one LayerNorm, a part of each head
 * rotates, and every map has a bias, the unembedding too. */
#include "arch_rows.h"

static const vs_hp_row hps[] = {
    {VS_HP_D, {"hidden_size"}, 2048, {"%s.embedding_length"}, VS_HP_NEEDED},
    {VS_HP_L, {"num_hidden_layers"}, 24, {"%s.block_count"}, VS_HP_NEEDED},
    {VS_HP_H, {"num_attention_heads"}, 32, {"%s.attention.head_count"}, VS_HP_NEEDED},
    {VS_HP_KV, {"num_key_value_heads"}, VS_HP_DERIVED, {"%s.attention.head_count_kv"}, VS_HP_DERIVED},
    {VS_HP_DH, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_F, {"intermediate_size"}, 8192, {"%s.feed_forward_length"}, VS_HP_NEEDED},
    {VS_HP_V, {"vocab_size"}, VS_HP_DERIVED, {"%s.vocab_size"}, VS_HP_DERIVED},
    {VS_HP_CONTEXT, {"max_position_embeddings"}, 2048, {"%s.context_length"}, VS_HP_NEEDED},
    {VS_HP_EPS, {"layer_norm_eps"}, 1e-5, {"%s.attention.layer_norm_epsilon"}, 1e-5},
    {VS_HP_ROPE_THETA, {"rope_parameters.rope_theta", "rope_theta"}, 1e4, {"%s.rope.freq_base"}, 1e4},
    ROPE(GGUF_ROPE_EVEN),
    PADDING(VS_HP_NO_TOKEN),
    ROPE_SHARED(0.5),
    {VS_HP_ROPE_DIMS, {NULL}, 0, {"%s.rope.dimension_count"}, 0},
    {VS_HP_QUERY_SCALE, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_TIED, {"tie_word_embeddings"}, 0, {NULL}, VS_HP_DERIVED},
    END_OF_HPS,
};

static const vs_only hub_only[] = {
    {"qk_layernorm", {NULL}},
    END_OF_ONLY,
};

static const vs_say hub_says[] = {
    ALWAYS("model_type", "\"phi\""),
    ALWAYS("architectures", "[\"PhiForCausalLM\"]"),
    END_OF_SAYS,
};

static const vs_bind hub[] = {
    WEIGHT(EMBED, "embed_tokens.weight"),
    NORM(ATTN_NORM, "layers.%d.input_layernorm"),
    LINEAR(WQ, BQ, "layers.%d.self_attn.q_proj"),
    LINEAR(WK, BK, "layers.%d.self_attn.k_proj"),
    LINEAR(WV, BV, "layers.%d.self_attn.v_proj"),
    LINEAR(WO, BO, "layers.%d.self_attn.dense"),
    NORM(MLP_NORM, "layers.%d.input_layernorm"),
    LINEAR(W_UP, B_UP, "layers.%d.mlp.fc1"),
    LINEAR(W_DOWN, B_DOWN, "layers.%d.mlp.fc2"),
    NORM(FINAL_NORM, "final_layernorm"),
    MAY_HAVE(UNEMBED, "lm_head.weight"),
    MAY_HAVE(UNEMBED_B, "lm_head.bias"),
    END_OF_ROWS,
};

static const vs_bind gguf[] = {
    WEIGHT(EMBED, "token_embd.weight"),
    NORM(ATTN_NORM, "blk.%d.attn_norm"),
    LINEAR(WQ, BQ, "blk.%d.attn_q"),
    LAID(WQ, "blk.%d.attn_qkv.weight", QKV),
    LAID(BQ, "blk.%d.attn_qkv.bias", QKV),
    LINEAR(WK, BK, "blk.%d.attn_k"),
    LAID(WK, "blk.%d.attn_qkv.weight", QKV),
    LAID(BK, "blk.%d.attn_qkv.bias", QKV),
    LINEAR(WV, BV, "blk.%d.attn_v"),
    LAID(WV, "blk.%d.attn_qkv.weight", QKV),
    LAID(BV, "blk.%d.attn_qkv.bias", QKV),
    LINEAR(WO, BO, "blk.%d.attn_output"),
    NORM(MLP_NORM, "blk.%d.attn_norm"),
    LINEAR(W_UP, B_UP, "blk.%d.ffn_up"),
    LINEAR(W_DOWN, B_DOWN, "blk.%d.ffn_down"),
    NORM(FINAL_NORM, "output_norm"),
    FILLED(UNEMBED, "output.weight"),
    FILLED(UNEMBED_B, "output.bias"),
    END_OF_ROWS,
};

const vs_arch vs_arch_phi = {
    .name = "phi",
    .hub_types = {"phi"},
    .hub_prefix = {"model.", ""},
    .hub_ignore = {"*rotary_emb.inv_freq"},
    .hub_act = {"hidden_act"},
    .hub_only = hub_only,
    .gguf_name = "phi2",
    .hub_says = hub_says,
    .hps = hps,
    .n_stacks = 1,
    .stack = {{
        .name = "decoder",
        .sub = {{VS_SUB_SELF, .pre = true}, {VS_SUB_MLP, .pre = true, .from_block = true}},
        .norm = VS_NORM_LAYER,
        .act = VS_ACT_GELU_TANH,
        .causal = true,
        .final_norm = true,
        .pos = VS_POS_ROPE,
        .rope_share = true,
        .hub = hub,
        .gguf = gguf,
    }},
};
