/* bert_rows.h - what the encoders built like BERT have in common: BERT, RoBERTa, ELECTRA. */
#ifndef VS_ARCH_BERT_ROWS_H
#define VS_ARCH_BERT_ROWS_H

#include "arch_rows.h"

#define BERT_SIZES \
    {VS_HP_D, {"hidden_size"}, VS_HP_NEEDED, {"%s.embedding_length"}, VS_HP_NEEDED}, \
    {VS_HP_L, {"num_hidden_layers"}, VS_HP_NEEDED, {"%s.block_count"}, VS_HP_NEEDED}, \
    {VS_HP_H, {"num_attention_heads"}, VS_HP_NEEDED, {"%s.attention.head_count"}, VS_HP_NEEDED}, \
    {VS_HP_KV, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED}, \
    {VS_HP_DH, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED}, \
    {VS_HP_F, {"intermediate_size"}, VS_HP_NEEDED, {"%s.feed_forward_length"}, VS_HP_NEEDED}, \
    {VS_HP_V, {"vocab_size"}, VS_HP_DERIVED, {"%s.vocab_size"}, VS_HP_DERIVED}, \
    {VS_HP_CONTEXT, {"max_position_embeddings"}, 512, {"%s.context_length"}, VS_HP_NEEDED}, \
    {VS_HP_TYPES, {"type_vocab_size"}, 2, {"tokenizer.ggml.token_type_count"}, 2}, \
    {VS_HP_EPS, {"layer_norm_eps"}, 1e-12, {"%s.attention.layer_norm_epsilon"}, 1e-12}, \
    {VS_HP_QUERY_SCALE, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED}, \
    {VS_HP_TIED, {"tie_word_embeddings"}, 1, {NULL}, VS_HP_DERIVED}

#define BERT_ONLY \
    {"position_embedding_type", {"absolute"}}, \
    {"is_decoder", {NULL}}, \
    {"add_cross_attention", {NULL}}

#define BERT_EMBEDDINGS \
    WEIGHT(EMBED, "embeddings.word_embeddings.weight"), \
    WEIGHT(POS, "embeddings.position_embeddings.weight"), \
    WEIGHT(TYPE, "embeddings.token_type_embeddings.weight"), \
    NORM(EMBED_NORM, "embeddings.LayerNorm")

#define BERT_BLOCKS \
    LINEAR(WQ, BQ, "encoder.layer.%d.attention.self.query"), \
    LINEAR(WK, BK, "encoder.layer.%d.attention.self.key"), \
    LINEAR(WV, BV, "encoder.layer.%d.attention.self.value"), \
    LINEAR(WO, BO, "encoder.layer.%d.attention.output.dense"), \
    NORM(ATTN_POST, "encoder.layer.%d.attention.output.LayerNorm"), \
    BERT_MLP

#define BERT_MLP \
    LINEAR(W_UP, B_UP, "encoder.layer.%d.intermediate.dense"), \
    LINEAR(W_DOWN, B_DOWN, "encoder.layer.%d.output.dense"), \
    NORM(MLP_POST, "encoder.layer.%d.output.LayerNorm")

/* RoBERTa's masked-word head, and the pooler that some files have. */
#define ROBERTA_HEAD \
    PART_LINEAR(HEAD, HEAD_W, HEAD_B, "lm_head.dense"), \
    PART_NORM(HEAD, HEAD_NORM, "lm_head.layer_norm"), \
    MAY_HAVE(UNEMBED, "lm_head.decoder.weight"), \
    ROW(UNEMBED_B, "lm_head.bias", HEAD, AS_IS, "lm_head.decoder.bias", WHOLE), \
    MAY_HAVE(UNEMBED_OWN_B, "lm_head.decoder.bias"), \
    PART_LINEAR(POOLER, POOL_W, POOL_B, "pooler.dense")

#define BERT_STACK \
    .name = "encoder", \
    .sub = {{VS_SUB_SELF, .post = true}, {VS_SUB_MLP, .post = true}}, \
    .norm = VS_NORM_LAYER, \
    .act = VS_ACT_GELU, \
    .embed_norm = true, \
    .pos = VS_POS_LEARNED

#endif
