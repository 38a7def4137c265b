/* arch_mpnet.c - MPNet (Song et al. 2020): RoBERTa without segments, whose scores also get a bias by bucketed distance, the
 * same in every layer. */
#include "bert_rows.h"

static const vs_hp_row hps[] = {
    BERT_SIZES,
    {VS_HP_FIXED, {NULL}, 1, {NULL}, 1},
    {VS_HP_BUCKETS, {NULL}, 32, {NULL}, 32},
    {VS_HP_BUCKET_FAR, {NULL}, 128, {NULL}, 128},
    END_OF_HPS,
};
static const vs_only hub_only[] = {BERT_ONLY, END_OF_ONLY};
static const vs_bind hub[] = {
    WEIGHT(EMBED, "embeddings.word_embeddings.weight"),
    WEIGHT(POS, "embeddings.position_embeddings.weight"),
    NORM(EMBED_NORM, "embeddings.LayerNorm"),
    WEIGHT(DISTANCE, "encoder.relative_attention_bias.weight"),
    LINEAR(WQ, BQ, "encoder.layer.%d.attention.attn.q"),
    LINEAR(WK, BK, "encoder.layer.%d.attention.attn.k"),
    LINEAR(WV, BV, "encoder.layer.%d.attention.attn.v"),
    LINEAR(WO, BO, "encoder.layer.%d.attention.attn.o"),
    NORM(ATTN_POST, "encoder.layer.%d.attention.LayerNorm"),
    BERT_MLP,
    ROBERTA_HEAD,
    END_OF_ROWS,
};

const vs_arch vs_arch_mpnet = {
    .name = "mpnet",
    .hub_types = {"mpnet"},
    .hub_prefix = {"mpnet.", ""},
    .hub_ignore = {"*embeddings.position_ids"},
    .hub_act = {"hidden_act"},
    .hub_only = hub_only,
    .hps = hps,
    .masked_head = true,
    .head_gelu = true,
    .n_stacks = 1,
    .stack = {{BERT_STACK, .pos_after_pad = true, .buckets = true, .hub = hub}},
};
