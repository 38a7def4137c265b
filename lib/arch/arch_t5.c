/* arch_t5.c - T5, T5 v1.1 and Flan-T5 (Raffel et al. 2020; Shazeer 2020): an encoder and a decoder with RMS norms before each
 * branch and, instead of positions, a bias of the scores by bucketed distance that block 0 holds for all.  Scores are not
 * scaled.  In v1.1 MLPs are gated and the unembedding has its own weights. */
#include "arch_rows.h"

static const vs_hp_row hps[] = {
    {VS_HP_D, {"d_model"}, 512, {"%s.embedding_length"}, VS_HP_NEEDED},
    {VS_HP_L, {"num_layers"}, 6, {"%s.block_count"}, VS_HP_NEEDED},
    {VS_HP_L2, {"num_decoder_layers"}, VS_HP_DERIVED, {"%s.decoder_block_count"}, VS_HP_DERIVED},
    {VS_HP_H, {"num_heads"}, 8, {"%s.attention.head_count"}, VS_HP_NEEDED},
    {VS_HP_H2, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_KV, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_DH, {"d_kv"}, 64, {"%s.attention.key_length", "%s.attention.value_length"}, VS_HP_DERIVED},
    {VS_HP_F, {"d_ff"}, 2048, {"%s.feed_forward_length"}, VS_HP_NEEDED},
    {VS_HP_F2, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_V, {"vocab_size"}, VS_HP_DERIVED, {"%s.vocab_size"}, VS_HP_DERIVED},
    {VS_HP_EPS, {"layer_norm_epsilon"}, 1e-6, {"%s.attention.layer_norm_rms_epsilon", "%s.attention.layer_norm_epsilon"}, 1e-6},
    {VS_HP_BUCKETS, {"relative_attention_num_buckets"}, 32, {"%s.attention.relative_buckets_count"}, 32},
    {VS_HP_BUCKET_FAR, {"relative_attention_max_distance"}, 128, {NULL}, 128},
    {VS_HP_QUERY_SCALE, {NULL}, 1, {NULL}, 1},
    {VS_HP_HEAD_SCALED, {"scale_decoder_outputs"}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_TIED, {"tie_word_embeddings"}, 1, {NULL}, VS_HP_DERIVED},
    {VS_HP_START, {"decoder_start_token_id"}, 0, {"%s.decoder_start_token_id"}, 0},
    END_OF_HPS,
};

/* A block's attention and MLP; the MLP is sub-layer `mlp`.  Either the gated pair of maps or the single one is there. */
#define HUB_BLOCKS(stack, mlp) \
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

static const vs_bind hub_encoder[] = {HUB_BLOCKS("encoder", "1"), END_OF_ROWS};
static const vs_bind hub_decoder[] = {
    HUB_BLOCKS("decoder", "2"),
    WEIGHT(X_NORM, "decoder.block.%d.layer.1.layer_norm.weight"),
    WEIGHT(XWQ, "decoder.block.%d.layer.1.EncDecAttention.q.weight"),
    WEIGHT(XWK, "decoder.block.%d.layer.1.EncDecAttention.k.weight"),
    WEIGHT(XWV, "decoder.block.%d.layer.1.EncDecAttention.v.weight"),
    WEIGHT(XWO, "decoder.block.%d.layer.1.EncDecAttention.o.weight"),
    MAY_HAVE(UNEMBED, "lm_head.weight"),
    END_OF_ROWS,
};

#define GGUF_BLOCKS(stack) \
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

static const vs_bind gguf_encoder[] = {GGUF_BLOCKS("enc"), END_OF_ROWS};
static const vs_bind gguf_decoder[] = {
    GGUF_BLOCKS("dec"),
    WEIGHT(X_NORM, "dec.blk.%d.cross_attn_norm.weight"),
    WEIGHT(XWQ, "dec.blk.%d.cross_attn_q.weight"),
    WEIGHT(XWK, "dec.blk.%d.cross_attn_k.weight"),
    WEIGHT(XWV, "dec.blk.%d.cross_attn_v.weight"),
    WEIGHT(XWO, "dec.blk.%d.cross_attn_o.weight"),
    MAY_HAVE(UNEMBED, "output.weight"),
    END_OF_ROWS,
};

/* A single map has another name than one beside a gate. */
#define ONE_OR_TWO(at) WITH_ROLE(at ".wi_1.weight", at ".wi_1.weight", W_GATE), ALWAYS(at ".wi_1.weight", at ".wi.weight")

static const vs_say hub_says[] = {
    ALWAYS("model_type", "\"t5\""),
    ALWAYS("architectures", "[\"T5ForConditionalGeneration\"]"),
    ALWAYS("is_encoder_decoder", "true"),
    WITH_ROLE("feed_forward_proj", "\"gated-gelu\"", W_GATE),
    ALWAYS("feed_forward_proj", "\"relu\""),
    ONE_OR_TWO("encoder.block.%d.layer.1.DenseReluDense"),
    ONE_OR_TWO("decoder.block.%d.layer.2.DenseReluDense"),
    END_OF_SAYS,
};
static const vs_say gguf_says[] = {ALWAYS("%s.context_length", "512"), END_OF_SAYS};

const vs_arch vs_arch_t5 = {
    .name = "t5",
    .hub_types = {"t5"},
    .hub_prefix = {"", "transformer."},
    .hub_ignore = {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight",
                   "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"},
    .hub_act = {"dense_act_fn", "feed_forward_proj"},
    .gguf_name = "t5",
    .hub_says = hub_says,
    .gguf_says = gguf_says,
    .hps = hps,
    .n_stacks = 2,
    .stack = {{
                  .name = "encoder",
                  .sub = {{VS_SUB_SELF, .pre = true}, {VS_SUB_MLP, .pre = true}},
                  .norm = VS_NORM_RMS,
                  .act = VS_ACT_RELU,
                  .gated_gelu = true,
                  .final_norm = true,
                  .buckets = true,
                  .hub = hub_encoder,
                  .gguf = gguf_encoder,
              },
              {
                  .name = "decoder",
                  .sub = {{VS_SUB_SELF, .pre = true}, {VS_SUB_CROSS, .pre = true}, {VS_SUB_MLP, .pre = true}},
                  .norm = VS_NORM_RMS,
                  .act = VS_ACT_RELU,
                  .gated_gelu = true,
                  .causal = true,
                  .final_norm = true,
                  .buckets = true,
                  .hub = hub_decoder,
                  .gguf = gguf_decoder,
              }},
};
