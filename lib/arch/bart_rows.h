/* bart_rows.h - what the encoder-decoders built like BART have in common: BART and Marian. */
#ifndef VS_ARCH_BART_ROWS_H
#define VS_ARCH_BART_ROWS_H

#include "arch_rows.h"

#define BART_SIZES \
    {VS_HP_D, {"d_model"}, 1024, {NULL}, VS_HP_NEEDED}, \
    {VS_HP_L, {"encoder_layers"}, 12, {NULL}, VS_HP_NEEDED}, \
    {VS_HP_L2, {"decoder_layers"}, 12, {NULL}, VS_HP_NEEDED}, \
    {VS_HP_H, {"encoder_attention_heads"}, 16, {NULL}, VS_HP_NEEDED}, \
    {VS_HP_H2, {"decoder_attention_heads"}, 16, {NULL}, VS_HP_NEEDED}, \
    {VS_HP_KV, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED}, \
    {VS_HP_DH, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED}, \
    {VS_HP_F, {"encoder_ffn_dim"}, 4096, {NULL}, VS_HP_NEEDED}, \
    {VS_HP_F2, {"decoder_ffn_dim"}, 4096, {NULL}, VS_HP_NEEDED}, \
    {VS_HP_V, {"vocab_size"}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED}, \
    {VS_HP_CONTEXT, {"max_position_embeddings"}, 1024, {NULL}, VS_HP_NEEDED}, \
    {VS_HP_EPS, {NULL}, 1e-5, {NULL}, 1e-5}, \
    {VS_HP_EMBED_SCALED, {"scale_embedding"}, 0, {NULL}, 0}, \
    {VS_HP_QUERY_SCALE, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED}, \
    {VS_HP_TIED, {"tie_word_embeddings"}, 1, {NULL}, VS_HP_DERIVED}

#define BART_BLOCKS(stack) \
    PART(UNTIED, EMBED, stack ".embed_tokens.weight"), \
    OR_OLDER(EMBED, "shared.weight", stack ".embed_tokens.weight"), \
    LINEAR(WQ, BQ, stack ".layers.%d.self_attn.q_proj"), \
    LINEAR(WK, BK, stack ".layers.%d.self_attn.k_proj"), \
    LINEAR(WV, BV, stack ".layers.%d.self_attn.v_proj"), \
    LINEAR(WO, BO, stack ".layers.%d.self_attn.out_proj"), \
    NORM(ATTN_POST, stack ".layers.%d.self_attn_layer_norm"), \
    LINEAR(W_UP, B_UP, stack ".layers.%d.fc1"), \
    LINEAR(W_DOWN, B_DOWN, stack ".layers.%d.fc2"), \
    NORM(MLP_POST, stack ".layers.%d.final_layer_norm")

#define BART_CROSS \
    LINEAR(XWQ, XBQ, "decoder.layers.%d.encoder_attn.q_proj"), \
    LINEAR(XWK, XBK, "decoder.layers.%d.encoder_attn.k_proj"), \
    LINEAR(XWV, XBV, "decoder.layers.%d.encoder_attn.v_proj"), \
    LINEAR(XWO, XBO, "decoder.layers.%d.encoder_attn.out_proj"), \
    NORM(X_POST, "decoder.layers.%d.encoder_attn_layer_norm"), \
    MAY_HAVE(UNEMBED, "lm_head.weight"), \
    MAY_HAVE(UNEMBED_B, "final_logits_bias")

/* Further fields and the braces are the caller's. */
#define BART_ENCODER \
    .name = "encoder", .sub = {{VS_SUB_SELF, .post = true}, {VS_SUB_MLP, .post = true}}, .norm = VS_NORM_LAYER
#define BART_DECODER \
    .name = "decoder", .sub = {{VS_SUB_SELF, .post = true}, {VS_SUB_CROSS, .post = true}, {VS_SUB_MLP, .post = true}}, \
    .norm = VS_NORM_LAYER, .causal = true

#endif
