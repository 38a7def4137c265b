/* llama_rows.h - what the families built like LLaMA have in common: LLaMA, Mistral, Qwen. */
#ifndef VS_ARCH_LLAMA_ROWS_H
#define VS_ARCH_LLAMA_ROWS_H

#include "arch_rows.h"

/* Sizes, by config.json and GGUF.  theta: the base of the rotary angles where config.json does not say. */
#define LLAMA_SIZES(theta) \
    {VS_HP_D, {"hidden_size"}, VS_HP_NEEDED, {"%s.embedding_length"}, VS_HP_NEEDED}, \
    {VS_HP_L, {"num_hidden_layers"}, VS_HP_NEEDED, {"%s.block_count"}, VS_HP_NEEDED}, \
    {VS_HP_H, {"num_attention_heads"}, VS_HP_NEEDED, {"%s.attention.head_count"}, VS_HP_NEEDED}, \
    {VS_HP_KV, {"num_key_value_heads"}, VS_HP_DERIVED, {"%s.attention.head_count_kv"}, VS_HP_DERIVED}, \
    {VS_HP_DH, {"head_dim"}, VS_HP_DERIVED, {"%s.attention.key_length", "%s.attention.value_length"}, VS_HP_DERIVED}, \
    {VS_HP_F, {"intermediate_size"}, VS_HP_NEEDED, {"%s.feed_forward_length"}, VS_HP_NEEDED}, \
    {VS_HP_V, {"vocab_size"}, VS_HP_DERIVED, {"%s.vocab_size"}, VS_HP_DERIVED}, \
    {VS_HP_CONTEXT, {"max_position_embeddings"}, 2048, {"%s.context_length"}, VS_HP_NEEDED}, \
    {VS_HP_EPS, {"rms_norm_eps"}, 1e-6, {"%s.attention.layer_norm_rms_epsilon"}, VS_HP_NEEDED}, \
    {VS_HP_ROPE_THETA, {"rope_parameters.rope_theta", "rope_theta"}, theta, {"%s.rope.freq_base"}, 1e4}, \
    ROPE_SHARED(1), \
    {VS_HP_ROPE_DIMS, {NULL}, 0, {"%s.rope.dimension_count"}, 0}, \
    {VS_HP_QUERY_SCALE, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED}, \
    {VS_HP_TIED, {"tie_word_embeddings"}, 0, {NULL}, VS_HP_DERIVED}

/* Windows in GGUF files: their width, and where not all layers have one a list of which do. */
#define GGUF_WINDOW {"%s.attention.sliding_window"}, 0
#define GGUF_WINDOWED {VS_HP_WINDOW_PATTERN, {NULL}, 0, {"%s.attention.sliding_window_pattern"}, 0}

/* llama.cpp computes YaRN for these families with its usual numbers, whatever else the file says of it. */
#define LLAMA_GGUF_ONLY \
    {"%s.rope.scaling.yarn_beta_fast", {NULL}}, \
    {"%s.rope.scaling.yarn_beta_slow", {NULL}}, \
    {"%s.rope.scaling.yarn_ext_factor", {NULL}}, \
    {"%s.rope.scaling.yarn_attn_factor", {NULL}}, \
    {"%s.rope.scaling.yarn_log_multiplier", {NULL}}

/* The tensors beside queries and keys. */
#define LLAMA_HUB_REST \
    WEIGHT(EMBED, "embed_tokens.weight"), \
    WEIGHT(ATTN_NORM, "layers.%d.input_layernorm.weight"), \
    MAP_MAY_BIAS(WV, BV, "layers.%d.self_attn.v_proj"), \
    MAP_MAY_BIAS(WO, BO, "layers.%d.self_attn.o_proj"), \
    WEIGHT(MLP_NORM, "layers.%d.post_attention_layernorm.weight"), \
    MAP_MAY_BIAS(W_GATE, B_GATE, "layers.%d.mlp.gate_proj"), \
    MAP_MAY_BIAS(W_UP, B_UP, "layers.%d.mlp.up_proj"), \
    MAP_MAY_BIAS(W_DOWN, B_DOWN, "layers.%d.mlp.down_proj"), \
    WEIGHT(FINAL_NORM, "norm.weight"), \
    MAY_HAVE(UNEMBED, "lm_head.weight")

#define LLAMA_HUB_QK \
    MAP_MAY_BIAS(WQ, BQ, "layers.%d.self_attn.q_proj"), \
    MAP_MAY_BIAS(WK, BK, "layers.%d.self_attn.k_proj")

#define LLAMA_GGUF_REST \
    WEIGHT(EMBED, "token_embd.weight"), \
    WEIGHT(ATTN_NORM, "blk.%d.attn_norm.weight"), \
    MAP_MAY_BIAS(WV, BV, "blk.%d.attn_v"), \
    MAP_MAY_BIAS(WO, BO, "blk.%d.attn_output"), \
    WEIGHT(MLP_NORM, "blk.%d.ffn_norm.weight"), \
    MAP_MAY_BIAS(W_GATE, B_GATE, "blk.%d.ffn_gate"), \
    MAP_MAY_BIAS(W_UP, B_UP, "blk.%d.ffn_up"), \
    MAP_MAY_BIAS(W_DOWN, B_DOWN, "blk.%d.ffn_down"), \
    WEIGHT(FINAL_NORM, "output_norm.weight"), \
    MAY_HAVE(UNEMBED, "output.weight")

#define LLAMA_GGUF_QK \
    MAP_MAY_BIAS(WQ, BQ, "blk.%d.attn_q"), \
    MAP_MAY_BIAS(WK, BK, "blk.%d.attn_k")

/* The stack itself; braces and further fields are the caller's. */
#define LLAMA_STACK \
    .name = "decoder", \
    .sub = {{VS_SUB_SELF, .pre = true}, {VS_SUB_MLP, .pre = true}}, \
    .norm = VS_NORM_RMS, \
    .act = VS_ACT_SILU, \
    .causal = true, \
    .final_norm = true, \
    .pos = VS_POS_ROPE

#endif
