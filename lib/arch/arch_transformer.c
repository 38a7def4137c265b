/* arch_transformer.c - the Transformer as the paper has it (Vaswani et al. 2017, "Attention Is All You Need"): six blocks of
 * encoder and six of decoder, LayerNorm after each sum, sinusoids whose sines and cosines alternate, embeddings times
 * sqrt(d), ReLU, one matrix for both embeddings and the unembedding, and no biases in attention.  The layout of its files is
 * ours: config.json with model_type "transformer", tensors named as below. */
#include "arch_rows.h"

static const vs_hp_row hps[] = {
    {VS_HP_D, {"d_model"}, 512, {NULL}, VS_HP_NEEDED},
    {VS_HP_L, {"encoder_layers"}, 6, {NULL}, VS_HP_NEEDED},
    {VS_HP_L2, {"decoder_layers"}, 6, {NULL}, VS_HP_NEEDED},
    {VS_HP_H, {"heads"}, 8, {NULL}, VS_HP_NEEDED},
    {VS_HP_H2, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_KV, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_DH, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_F, {"d_ff"}, 2048, {NULL}, VS_HP_NEEDED},
    {VS_HP_F2, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_V, {"vocab_size"}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_CONTEXT, {"max_position"}, 512, {NULL}, VS_HP_NEEDED},
    {VS_HP_EPS, {"layer_norm_eps"}, 1e-5, {NULL}, 1e-5},
    {VS_HP_EMBED_SCALED, {NULL}, 1, {NULL}, 1},
    {VS_HP_QUERY_SCALE, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_TIED, {NULL}, 1, {NULL}, 1},
    {VS_HP_START, {"decoder_start_token_id"}, 2, {NULL}, 0},
    END_OF_HPS,
};

#define BLOCKS(stack) \
    WEIGHT(EMBED, "embedding.weight"), \
    WEIGHT(WQ, stack ".layers.%d.self_attention.q.weight"), \
    WEIGHT(WK, stack ".layers.%d.self_attention.k.weight"), \
    WEIGHT(WV, stack ".layers.%d.self_attention.v.weight"), \
    WEIGHT(WO, stack ".layers.%d.self_attention.o.weight"), \
    NORM(ATTN_POST, stack ".layers.%d.self_attention_norm"), \
    LINEAR(W_UP, B_UP, stack ".layers.%d.feed_forward.in"), \
    LINEAR(W_DOWN, B_DOWN, stack ".layers.%d.feed_forward.out"), \
    NORM(MLP_POST, stack ".layers.%d.feed_forward_norm")

static const vs_bind encoder[] = {BLOCKS("encoder"), END_OF_ROWS};
static const vs_bind decoder[] = {
    BLOCKS("decoder"),
    WEIGHT(XWQ, "decoder.layers.%d.cross_attention.q.weight"),
    WEIGHT(XWK, "decoder.layers.%d.cross_attention.k.weight"),
    WEIGHT(XWV, "decoder.layers.%d.cross_attention.v.weight"),
    WEIGHT(XWO, "decoder.layers.%d.cross_attention.o.weight"),
    NORM(X_POST, "decoder.layers.%d.cross_attention_norm"),
    END_OF_ROWS,
};

const vs_arch vs_arch_transformer = {
    .name = "transformer",
    .hub_types = {"transformer"},
    .hub_prefix = {""},
    .hub_act = {"activation"},
    .hps = hps,
    .n_stacks = 2,
    .stack = {{
                  .name = "encoder",
                  .sub = {{VS_SUB_SELF, .post = true}, {VS_SUB_MLP, .post = true}},
                  .norm = VS_NORM_LAYER,
                  .act = VS_ACT_RELU,
                  .pos = VS_POS_SINUSOID,
                  .sinus_pairs = true,
                  .hub = encoder,
              },
              {
                  .name = "decoder",
                  .sub = {{VS_SUB_SELF, .post = true}, {VS_SUB_CROSS, .post = true}, {VS_SUB_MLP, .post = true}},
                  .norm = VS_NORM_LAYER,
                  .act = VS_ACT_RELU,
                  .causal = true,
                  .pos = VS_POS_SINUSOID,
                  .sinus_pairs = true,
                  .hub = decoder,
              }},
};
