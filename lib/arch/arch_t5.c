/* arch_t5.c - T5, T5 v1.1 and Flan-T5 (Raffel et al. 2020; Shazeer 2020): an encoder and a decoder with RMS norms before each
 * branch and, instead of positions, a bias of the scores by bucketed distance that block 0 holds for all.  Scores are not
 * scaled.  In v1.1 MLPs are gated and the unembedding has its own weights. */
#include "t5_rows.h"

static const vs_hp_row hps[] = {
    T5_SIZES,
    {VS_HP_L2, {"num_decoder_layers"}, VS_HP_DERIVED, {"%s.decoder_block_count"}, VS_HP_DERIVED},
    {VS_HP_H2, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_F2, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_HEAD_SCALED, {"scale_decoder_outputs"}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_TIED, {"tie_word_embeddings"}, 1, {NULL}, VS_HP_DERIVED},
    {VS_HP_START, {"decoder_start_token_id"}, 0, {"%s.decoder_start_token_id"}, 0},
    END_OF_HPS,
};

static const vs_bind hub_encoder[] = {T5_HUB_BLOCKS("encoder", "1"), END_OF_ROWS};
static const vs_bind hub_decoder[] = {
    T5_HUB_BLOCKS("decoder", "2"),
    WEIGHT(X_NORM, "decoder.block.%d.layer.1.layer_norm.weight"),
    WEIGHT(XWQ, "decoder.block.%d.layer.1.EncDecAttention.q.weight"),
    WEIGHT(XWK, "decoder.block.%d.layer.1.EncDecAttention.k.weight"),
    WEIGHT(XWV, "decoder.block.%d.layer.1.EncDecAttention.v.weight"),
    WEIGHT(XWO, "decoder.block.%d.layer.1.EncDecAttention.o.weight"),
    MAY_HAVE(UNEMBED, "lm_head.weight"),
    END_OF_ROWS,
};

static const vs_bind gguf_encoder[] = {T5_GGUF_BLOCKS("enc"), END_OF_ROWS};
static const vs_bind gguf_decoder[] = {
    T5_GGUF_BLOCKS("dec"),
    WEIGHT(X_NORM, "dec.blk.%d.cross_attn_norm.weight"),
    WEIGHT(XWQ, "dec.blk.%d.cross_attn_q.weight"),
    WEIGHT(XWK, "dec.blk.%d.cross_attn_k.weight"),
    WEIGHT(XWV, "dec.blk.%d.cross_attn_v.weight"),
    WEIGHT(XWO, "dec.blk.%d.cross_attn_o.weight"),
    FILLED(UNEMBED, "output.weight"), /* llama.cpp does not scale what a tied one reads */
    END_OF_ROWS,
};

static const vs_say hub_says[] = {
    ALWAYS("model_type", "\"t5\""),
    ALWAYS("architectures", "[\"T5ForConditionalGeneration\"]"),
    ALWAYS("is_encoder_decoder", "true"),
    T5_HUB_SAYS,
    T5_ONE_OR_TWO("decoder.block.%d.layer.2.DenseReluDense"),
    END_OF_SAYS,
};
static const vs_say gguf_says[] = {T5_GGUF_SAYS, END_OF_SAYS};

const vs_arch vs_arch_t5 = {
    .name = "t5",
    .hub_types = {"t5"},
    .hub_prefix = {"", "transformer."},
    .hub_ignore = {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight",
                   "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"},
    .hub_act = {"dense_act_fn", "feed_forward_proj"},
    .gguf_name = "t5",
    .gguf_encoder = &vs_arch_t5encoder,
    .gguf_ignore = "dec.blk.0.cross_attn_rel_b.weight", /* of the first checkpoints */
    .hub_says = hub_says,
    .gguf_says = gguf_says,
    .hps = hps,
    .n_stacks = 2,
    .stack = {{T5_ENCODER, .hub = hub_encoder, .gguf = gguf_encoder},
              {T5_STACK, .name = "decoder",
               .sub = {{VS_SUB_SELF, .pre = true}, {VS_SUB_CROSS, .pre = true}, {VS_SUB_MLP, .pre = true}},
               .causal = true, .hub = hub_decoder, .gguf = gguf_decoder}},
};
