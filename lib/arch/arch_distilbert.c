/* arch_distilbert.c - DistilBERT (Sanh et al. 2019): BERT with half the layers, without segments, pooler and next sentences. */
#include "arch_rows.h"

static const vs_hp_row hps[] = {
    {VS_HP_D, {"dim"}, 768, {NULL}, VS_HP_NEEDED},
    {VS_HP_L, {"n_layers"}, 6, {NULL}, VS_HP_NEEDED},
    {VS_HP_H, {"n_heads"}, 12, {NULL}, VS_HP_NEEDED},
    {VS_HP_KV, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_DH, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_F, {"hidden_dim"}, 3072, {NULL}, VS_HP_NEEDED},
    {VS_HP_V, {"vocab_size"}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_CONTEXT, {"max_position_embeddings"}, 512, {NULL}, VS_HP_NEEDED},
    {VS_HP_EPS, {NULL}, 1e-12, {NULL}, 1e-12},
    {VS_HP_QUERY_SCALE, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    PADDING(0),
    {VS_HP_TIED, {"tie_word_embeddings"}, 1, {NULL}, VS_HP_DERIVED},
    END_OF_HPS,
};

static const vs_bind hub[] = {
    WEIGHT(EMBED, "embeddings.word_embeddings.weight"),
    WEIGHT(POS, "embeddings.position_embeddings.weight"),
    NORM(EMBED_NORM, "embeddings.LayerNorm"),
    LINEAR(WQ, BQ, "transformer.layer.%d.attention.q_lin"),
    LINEAR(WK, BK, "transformer.layer.%d.attention.k_lin"),
    LINEAR(WV, BV, "transformer.layer.%d.attention.v_lin"),
    LINEAR(WO, BO, "transformer.layer.%d.attention.out_lin"),
    NORM(ATTN_POST, "transformer.layer.%d.sa_layer_norm"),
    LINEAR(W_UP, B_UP, "transformer.layer.%d.ffn.lin1"),
    LINEAR(W_DOWN, B_DOWN, "transformer.layer.%d.ffn.lin2"),
    NORM(MLP_POST, "transformer.layer.%d.output_layer_norm"),
    PART_LINEAR(HEAD, HEAD_W, HEAD_B, "vocab_transform"),
    PART_NORM(HEAD, HEAD_NORM, "vocab_layer_norm"),
    MAY_HAVE(UNEMBED, "vocab_projector.weight"),
    PART(HEAD, UNEMBED_B, "vocab_projector.bias"),
    END_OF_ROWS,
};

const vs_arch vs_arch_distilbert = {
    .name = "distilbert",
    .hub_types = {"distilbert"},
    .hub_prefix = {"distilbert.", ""},
    .hub_ignore = {"*embeddings.position_ids"},
    .hub_act = {"activation"},
    .gguf_as = &vs_arch_bert,
    .hps = hps,
    .masked_head = true,
    .n_stacks = 1,
    .stack = {{
        .name = "encoder",
        .sub = {{VS_SUB_SELF, .post = true}, {VS_SUB_MLP, .post = true}},
        .norm = VS_NORM_LAYER,
        .act = VS_ACT_GELU,
        .embed_norm = true,
        .pos = VS_POS_LEARNED,
        .hub = hub,
    }},
};
