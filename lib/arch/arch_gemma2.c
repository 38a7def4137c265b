/* arch_gemma2.c - Gemma 2 (Gemma Team 2024): RMS norms before and after each branch, soft caps on scores and logits, and
 * every other layer with a window. */
#include "gemma_rows.h"

static const vs_hp_row hps[] = {
    {VS_HP_D, {"hidden_size"}, 2304, {"%s.embedding_length"}, VS_HP_NEEDED},
    {VS_HP_L, {"num_hidden_layers"}, 26, {"%s.block_count"}, VS_HP_NEEDED},
    {VS_HP_H, {"num_attention_heads"}, 8, {"%s.attention.head_count"}, VS_HP_NEEDED},
    {VS_HP_KV, {"num_key_value_heads"}, 4, {"%s.attention.head_count_kv"}, VS_HP_DERIVED},
    {VS_HP_DH, {"head_dim"}, 256, {"%s.attention.key_length", "%s.attention.value_length"}, VS_HP_DERIVED},
    {VS_HP_F, {"intermediate_size"}, 9216, {"%s.feed_forward_length"}, VS_HP_NEEDED},
    {VS_HP_V, {"vocab_size"}, VS_HP_DERIVED, {"%s.vocab_size"}, VS_HP_DERIVED},
    {VS_HP_CONTEXT, {"max_position_embeddings"}, 8192, {"%s.context_length"}, VS_HP_NEEDED},
    {VS_HP_EPS, {"rms_norm_eps"}, 1e-6, {"%s.attention.layer_norm_rms_epsilon"}, VS_HP_NEEDED},
    {VS_HP_ROPE_THETA, {"rope_parameters.rope_theta", "rope_theta"}, 1e4, {"%s.rope.freq_base"}, 1e4},
    ROPE(GGUF_ROPE_EVEN),
    ROPE_SHARED(1),
    {VS_HP_WINDOW, {"sliding_window"}, 4096, {"%s.attention.sliding_window"}, 4096},
    {VS_HP_WINDOW_PATTERN, {NULL}, 2, {"%s.attention.sliding_window_pattern"}, 2},
    {VS_HP_EMBED_SCALED, {NULL}, 1, {NULL}, 1},
    {VS_HP_QUERY_SCALE, {"query_pre_attn_scalar"}, 256, {NULL}, VS_HP_DERIVED},
    {VS_HP_SCORE_CAP, {"attn_logit_softcapping"}, 50, {"%s.attn_logit_softcapping"}, 50},
    {VS_HP_LOGIT_CAP, {"final_logit_softcapping"}, 30, {"%s.final_logit_softcapping"}, 30},
    PADDING(0),
    {VS_HP_TIED, {"tie_word_embeddings"}, 1, {NULL}, VS_HP_DERIVED},
    END_OF_HPS,
};

/* The 27B model scales by d / H = 144 where the others scale by the head width; its GGUF files do not say so. */
static const vs_hp_case cases[] = {
    {VS_HP_QUERY_SCALE, VS_HP_L, 46, 144},
    {VS_HP_COUNT, VS_HP_COUNT, 0, 0},
};

static const vs_only hub_only[] = {
    {"use_bidirectional_attention", {NULL}},
    END_OF_ONLY,
};

static const vs_say hub_says[] = {
    ALWAYS("model_type", "\"gemma2\""),
    ALWAYS("architectures", "[\"Gemma2ForCausalLM\"]"),
    END_OF_SAYS,
};

static const vs_bind hub[] = {GEMMA_HUB, END_OF_ROWS};

static const vs_bind gguf[] = {GEMMA_GGUF, END_OF_ROWS};

const vs_arch vs_arch_gemma2 = {
    .name = "gemma2",
    .hub_types = {"gemma2"},
    .hub_prefix = {"model.", ""},
    .hub_ignore = {"*rotary_emb.inv_freq"},
    .hub_act = {"hidden_activation", "hidden_act"},
    .hub_layer_types = "layer_types",
    .hub_only = hub_only,
    .gguf_name = "gemma2",
    .hub_says = hub_says,
    .hps = hps,
    .cases = cases,
    .n_stacks = 1,
    .stack = {{
        .name = "decoder",
        .sub = {{VS_SUB_SELF, .pre = true, .branch = true}, {VS_SUB_MLP, .pre = true, .branch = true}},
        .norm = VS_NORM_RMS,
        .act = VS_ACT_GELU_TANH,
        .causal = true,
        .final_norm = true,
        .pos = VS_POS_ROPE,
        .local = true,
        .hub = hub,
        .gguf = gguf,
    }},
};
