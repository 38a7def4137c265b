/* t5_rows.h - what T5 and its encoder alone have in common. */
#ifndef VS_ARCH_T5_ROWS_H
#define VS_ARCH_T5_ROWS_H

#include "arch_rows.h"

#define T5_SIZES \
    {VS_HP_D, {"d_model"}, 512, {"%s.embedding_length"}, VS_HP_NEEDED}, \
    {VS_HP_L, {"num_layers"}, 6, {"%s.block_count"}, VS_HP_NEEDED}, \
    {VS_HP_H, {"num_heads"}, 8, {"%s.attention.head_count"}, VS_HP_NEEDED}, \
    {VS_HP_KV, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED}, \
    {VS_HP_DH, {"d_kv"}, 64, {"%s.attention.key_length", "%s.attention.value_length"}, VS_HP_DERIVED}, \
    {VS_HP_F, {"d_ff"}, 2048, {"%s.feed_forward_length"}, VS_HP_NEEDED}, \
    {VS_HP_V, {"vocab_size"}, VS_HP_DERIVED, {"%s.vocab_size"}, VS_HP_DERIVED}, \
    {VS_HP_EPS, {"layer_norm_epsilon"}, 1e-6, {"%s.attention.layer_norm_rms_epsilon", "%s.attention.layer_norm_epsilon"}, 1e-6}, \
    {VS_HP_BUCKETS, {"relative_attention_num_buckets"}, 32, {"%s.attention.relative_buckets_count"}, 32}, \
    {VS_HP_BUCKET_FAR, {"relative_attention_max_distance"}, 128, {NULL}, 128}, \
    {VS_HP_QUERY_SCALE, {NULL}, 1, {NULL}, 1}

/* A block's attention and MLP; the MLP is sub-layer `mlp`.  Either the gated pair of maps or the single one is there. */
#define T5_HUB_BLOCKS(stack, mlp) \
    OR_OLDER(EMBED, "shared.weight", stack ".embed_tokens.weight"), \
    WEIGHT(DISTANCE, stack ".block.0.layer.0.SelfAttention.relative_attention_bias.weight"), \
    WEIGHT(ATTN_NORM, stack ".block.%d.layer.0.layer_norm.weight"), \
    WEIGHT(WQ, stack ".block.%d.layer.0.SelfAttention.q.weight"), \
    WEIGHT(WK, stack ".block.%d.layer.0.SelfAttention.k.weight"), \
    WEIGHT(WV, stack ".block.%d.layer.0.SelfAttention.v.weight"), \
    WEIGHT(WO, stack ".block.%d.layer.0.SelfAttention.o.weight"), \
    WEIGHT(MLP_NORM, stack ".block.%d.layer." mlp ".layer_norm.weight"), \
    MAY_HAVE(W_GATE, stack ".block.%d.layer." mlp ".DenseReluDense.wi_0.weight"), \
    OR_OLDER(W_UP, stack ".block.%d.layer." mlp ".DenseReluDense.wi_1.weight", \
             stack ".block.%d.layer." mlp ".DenseReluDense.wi.weight"), \
    WEIGHT(W_DOWN, stack ".block.%d.layer." mlp ".DenseReluDense.wo.weight"), \
    WEIGHT(FINAL_NORM, stack ".final_layer_norm.weight")

#define T5_GGUF_BLOCKS(stack) \
    WEIGHT(EMBED, "token_embd.weight"), \
    WEIGHT(DISTANCE, stack ".blk.0.attn_rel_b.weight"), \
    WEIGHT(ATTN_NORM, stack ".blk.%d.attn_norm.weight"), \
    WEIGHT(WQ, stack ".blk.%d.attn_q.weight"), \
    WEIGHT(WK, stack ".blk.%d.attn_k.weight"), \
    WEIGHT(WV, stack ".blk.%d.attn_v.weight"), \
    WEIGHT(WO, stack ".blk.%d.attn_o.weight"), \
    WEIGHT(MLP_NORM, stack ".blk.%d.ffn_norm.weight"), \
    MAY_HAVE(W_GATE, stack ".blk.%d.ffn_gate.weight"), \
    WEIGHT(W_UP, stack ".blk.%d.ffn_up.weight"), \
    WEIGHT(W_DOWN, stack ".blk.%d.ffn_down.weight"), \
    WEIGHT(FINAL_NORM, stack ".output_norm.weight")

/* A single map has another name than one beside a gate. */
#define T5_ONE_OR_TWO(at) WITH_ROLE(at ".wi_1.weight", at ".wi_1.weight", W_GATE), ALWAYS(at ".wi_1.weight", at ".wi.weight")

/* What written files say beside the model's class. */
#define T5_HUB_SAYS \
    WITH_ROLE("feed_forward_proj", "\"gated-gelu\"", W_GATE), ALWAYS("feed_forward_proj", "\"relu\""), \
        T5_ONE_OR_TWO("encoder.block.%d.layer.1.DenseReluDense")
#define T5_GGUF_SAYS ALWAYS("%s.context_length", "512")

/* Both stacks; further fields and the braces are the caller's. */
#define T5_STACK .norm = VS_NORM_RMS, .act = VS_ACT_RELU, .gated_gelu = true, .final_norm = true, .buckets = true
#define T5_ENCODER .name = "encoder", .sub = {{VS_SUB_SELF, .pre = true}, {VS_SUB_MLP, .pre = true}}, T5_STACK

#endif
