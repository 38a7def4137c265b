/* arch_bert.c - BERT (Devlin et al. 2019): a bidirectional encoder with LayerNorm after each sum, learned positions and
 * segments, and, where a file has them, a masked-word head, a pooler and a next-sentence classifier. */
#include "arch_list.h"

static const vs_hp_row hps[] = {
    {VS_HP_D, {"hidden_size"}, VS_HP_NEEDED, {"%s.embedding_length"}, VS_HP_NEEDED},
    {VS_HP_L, {"num_hidden_layers"}, VS_HP_NEEDED, {"%s.block_count"}, VS_HP_NEEDED},
    {VS_HP_H, {"num_attention_heads"}, VS_HP_NEEDED, {"%s.attention.head_count"}, VS_HP_NEEDED},
    {VS_HP_KV, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_DH, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_F, {"intermediate_size"}, VS_HP_NEEDED, {"%s.feed_forward_length"}, VS_HP_NEEDED},
    {VS_HP_V, {"vocab_size"}, VS_HP_DERIVED, {"%s.vocab_size"}, VS_HP_DERIVED},
    {VS_HP_CONTEXT, {"max_position_embeddings"}, 512, {"%s.context_length"}, VS_HP_NEEDED},
    {VS_HP_TYPES, {"type_vocab_size"}, 2, {"tokenizer.ggml.token_type_count"}, 2},
    {VS_HP_EPS, {"layer_norm_eps"}, 1e-12, {"%s.attention.layer_norm_epsilon"}, 1e-12},
    {VS_HP_QUERY_SCALE, {NULL}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_TIED, {"tie_word_embeddings"}, 1, {NULL}, VS_HP_DERIVED},
    {VS_HP_COUNT, {NULL}, 0, {NULL}, 0},
};

static const vs_only hub_only[] = {
    {"position_embedding_type", {"absolute"}},
    {"is_decoder", {NULL}},
    {"add_cross_attention", {NULL}},
    {NULL, {NULL}},
};

static const vs_only gguf_only[] = {
    {"%s.attention.causal", {NULL}},
    {NULL, {NULL}},
};

/* Files of the first years call a norm's gain and bias gamma and beta. */
#define NORM(role, at) \
    {VS_ROLE_##role, at ".weight", VS_PART_BODY, VS_AS_IS, at ".gamma"}, \
    {VS_ROLE_##role##_B, at ".bias", VS_PART_BODY, VS_AS_IS, at ".beta"}
#define LINEAR(w, b, at) \
    {VS_ROLE_##w, at ".weight", VS_PART_BODY, VS_AS_IS, NULL}, {VS_ROLE_##b, at ".bias", VS_PART_BODY, VS_AS_IS, NULL}

static const vs_bind hub[] = {
    {VS_ROLE_EMBED, "embeddings.word_embeddings.weight", VS_PART_BODY, VS_AS_IS, NULL},
    {VS_ROLE_POS, "embeddings.position_embeddings.weight", VS_PART_BODY, VS_AS_IS, NULL},
    {VS_ROLE_TYPE, "embeddings.token_type_embeddings.weight", VS_PART_BODY, VS_AS_IS, NULL},
    NORM(EMBED_NORM, "embeddings.LayerNorm"),
    LINEAR(WQ, BQ, "encoder.layer.%d.attention.self.query"),
    LINEAR(WK, BK, "encoder.layer.%d.attention.self.key"),
    LINEAR(WV, BV, "encoder.layer.%d.attention.self.value"),
    LINEAR(WO, BO, "encoder.layer.%d.attention.output.dense"),
    NORM(ATTN_POST, "encoder.layer.%d.attention.output.LayerNorm"),
    LINEAR(W_UP, B_UP, "encoder.layer.%d.intermediate.dense"),
    LINEAR(W_DOWN, B_DOWN, "encoder.layer.%d.output.dense"),
    NORM(MLP_POST, "encoder.layer.%d.output.LayerNorm"),
    {VS_ROLE_HEAD_W, "cls.predictions.transform.dense.weight", VS_PART_HEAD, VS_AS_IS, NULL},
    {VS_ROLE_HEAD_B, "cls.predictions.transform.dense.bias", VS_PART_HEAD, VS_AS_IS, NULL},
    {VS_ROLE_HEAD_NORM, "cls.predictions.transform.LayerNorm.weight", VS_PART_HEAD, VS_AS_IS,
     "cls.predictions.transform.LayerNorm.gamma"},
    {VS_ROLE_HEAD_NORM_B, "cls.predictions.transform.LayerNorm.bias", VS_PART_HEAD, VS_AS_IS,
     "cls.predictions.transform.LayerNorm.beta"},
    {VS_ROLE_UNEMBED, "cls.predictions.decoder.weight", VS_PART_OPTIONAL, VS_AS_IS, NULL},
    {VS_ROLE_UNEMBED_B, "cls.predictions.bias", VS_PART_HEAD, VS_AS_IS, "cls.predictions.decoder.bias"},
    {VS_ROLE_POOL_W, "pooler.dense.weight", VS_PART_POOLER, VS_AS_IS, NULL},
    {VS_ROLE_POOL_B, "pooler.dense.bias", VS_PART_POOLER, VS_AS_IS, NULL},
    {VS_ROLE_NSP_W, "cls.seq_relationship.weight", VS_PART_NSP, VS_AS_IS, NULL},
    {VS_ROLE_NSP_B, "cls.seq_relationship.bias", VS_PART_NSP, VS_AS_IS, NULL},
    {VS_ROLE_COUNT, NULL, VS_PART_BODY, VS_AS_IS, NULL},
};

static const vs_bind gguf[] = {
    {VS_ROLE_EMBED, "token_embd.weight", VS_PART_BODY, VS_AS_IS, NULL},
    {VS_ROLE_POS, "position_embd.weight", VS_PART_BODY, VS_AS_IS, NULL},
    {VS_ROLE_TYPE, "token_types.weight", VS_PART_BODY, VS_AS_IS, NULL},
    NORM(EMBED_NORM, "token_embd_norm"),
    LINEAR(WQ, BQ, "blk.%d.attn_q"),
    LINEAR(WK, BK, "blk.%d.attn_k"),
    LINEAR(WV, BV, "blk.%d.attn_v"),
    LINEAR(WO, BO, "blk.%d.attn_output"),
    NORM(ATTN_POST, "blk.%d.attn_output_norm"),
    LINEAR(W_UP, B_UP, "blk.%d.ffn_up"),
    LINEAR(W_DOWN, B_DOWN, "blk.%d.ffn_down"),
    NORM(MLP_POST, "blk.%d.layer_output_norm"),
    {VS_ROLE_COUNT, NULL, VS_PART_BODY, VS_AS_IS, NULL},
};

const vs_arch vs_arch_bert = {
    .name = "bert",
    .hub_types = {"bert"},
    .hub_prefix = {"bert.", ""},
    .hub_ignore = {"*embeddings.position_ids", "cls.predictions.decoder.bias"},
    .hub_act = {"hidden_act"},
    .hub_only = hub_only,
    .gguf_name = "bert",
    .gguf_only = gguf_only,
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
        .gguf = gguf,
    }},
};
