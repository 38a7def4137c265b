/* arch_gemma3.c - Gemma 3 (Gemma Team 2025, "Gemma 3 Technical Report"): a decoder with RMS norms before and after each
 * branch, grouped attention with normed queries and keys, and five windowed layers to one that sees everything.  Its
 * configurations carry an attn_logit_softcapping that the model, unlike Gemma 2, does not apply. */
#include "gemma_rows.h"

#define FULL  "rope_parameters.full_attention."
#define LOCAL "rope_parameters.sliding_attention."

static const vs_hp_row hps[] = {
    {VS_HP_D, {"hidden_size"}, 2304, {"%s.embedding_length"}, VS_HP_NEEDED},
    {VS_HP_L, {"num_hidden_layers"}, 26, {"%s.block_count"}, VS_HP_NEEDED},
    {VS_HP_H, {"num_attention_heads"}, 8, {"%s.attention.head_count"}, VS_HP_NEEDED},
    {VS_HP_KV, {"num_key_value_heads"}, 4, {"%s.attention.head_count_kv"}, VS_HP_DERIVED},
    {VS_HP_DH, {"head_dim"}, 256, {"%s.attention.key_length", "%s.attention.value_length"}, VS_HP_DERIVED},
    {VS_HP_F, {"intermediate_size"}, 9216, {"%s.feed_forward_length"}, VS_HP_NEEDED},
    {VS_HP_V, {"vocab_size"}, 262208, {"%s.vocab_size"}, VS_HP_DERIVED},
    {VS_HP_CONTEXT, {"max_position_embeddings"}, 131072, {"%s.context_length"}, VS_HP_NEEDED},
    {VS_HP_EPS, {"rms_norm_eps"}, 1e-6, {"%s.attention.layer_norm_rms_epsilon"}, VS_HP_NEEDED},
    ROPE_NUMBERS(FULL, ROPE_KINDS, GGUF_ROPE_EVEN, FULL "original_max_position_embeddings", VS_HP_DERIVED),
    {VS_HP_ROPE_THETA, {FULL "rope_theta", "rope_theta"}, 1e6, {"%s.rope.freq_base"}, 1e6},
    {VS_HP_ROPE_SHARE, {FULL "partial_rotary_factor", "partial_rotary_factor"}, 1, {NULL}, 1},
    {VS_HP_WINDOW, {"sliding_window"}, 4096, {"%s.attention.sliding_window"}, VS_HP_NEEDED},
    {VS_HP_WINDOW_PATTERN,
     {"sliding_window_pattern", "_sliding_window_pattern"},
     6,
     {"%s.attention.sliding_window_pattern"},
     6},
    {VS_HP_QUERY_SCALE, {"query_pre_attn_scalar"}, 256, {NULL}, VS_HP_DERIVED},
    {VS_HP_EMBED_SCALED, {NULL}, 1, {NULL}, 1},
    {VS_HP_LOGIT_CAP, {"final_logit_softcapping"}, 0, {"%s.final_logit_softcapping"}, 0},
    PADDING(0),
    {VS_HP_TIED, {"tie_word_embeddings"}, 1, {NULL}, VS_HP_DERIVED},
    END_OF_HPS,
};

/* The layers with a window; GGUF files say only their base. */
static const vs_hp_row hps_local[] = {
    {VS_HP_ROPE_KIND, {LOCAL "rope_type=" ROPE_KINDS, LOCAL "type=" ROPE_KINDS}, VS_ROPE_PLAIN, {NULL}, VS_ROPE_PLAIN},
    {VS_HP_ROPE_THETA, {LOCAL "rope_theta", "rope_local_base_freq"}, 1e4, {"%s.rope.freq_base_swa", "%s.rope.local.freq_base"}, 1e4},
    {VS_HP_ROPE_FACTOR, {LOCAL "factor"}, 0, {NULL}, 1},
    {VS_HP_ROPE_CONTEXT, {LOCAL "original_max_position_embeddings"}, VS_HP_DERIVED, {NULL}, VS_HP_DERIVED},
    {VS_HP_ROPE_SHARE, {LOCAL "partial_rotary_factor", "partial_rotary_factor"}, 1, {NULL}, 1},
    ROPE_HUB_NUMBERS(LOCAL),
    END_OF_HPS,
};

/* The 27B model scales by d / H = 168 where the others scale by the head width; its GGUF files do not say so. */
static const vs_hp_case cases[] = {
    {VS_HP_QUERY_SCALE, VS_HP_L, 62, 168},
    {VS_HP_COUNT, VS_HP_COUNT, 0, 0},
};

static const vs_only hub_only[] = {
    {"use_bidirectional_attention", {NULL}},
    END_OF_ONLY,
};

static const vs_say hub_says[] = {
    ALWAYS("model_type", "\"gemma3_text\""),
    ALWAYS("architectures", "[\"Gemma3ForCausalLM\"]"),
    END_OF_SAYS,
};

static const vs_bind hub[] = {
    GEMMA_HUB,
    PLUS_ONE(Q_NORM, "layers.%d.self_attn.q_norm.weight"),
    PLUS_ONE(K_NORM, "layers.%d.self_attn.k_norm.weight"),
    END_OF_ROWS,
};

static const vs_bind gguf[] = {
    GEMMA_GGUF,
    WEIGHT(Q_NORM, "blk.%d.attn_q_norm.weight"),
    WEIGHT(K_NORM, "blk.%d.attn_k_norm.weight"),
    END_OF_ROWS,
};

const vs_arch vs_arch_gemma3 = {
    .name = "gemma3",
    .hub_types = {"gemma3_text", "gemma3"},
    .hub_nested = "text_config",
    .hub_prefix = {"model.", "", "language_model.model.", "language_model.", "model.language_model."},
    .hub_ignore = {"*rotary_emb.inv_freq", "*vision_tower.*", "*multi_modal_projector.*"},
    .hub_act = {"hidden_activation", "hidden_act"},
    .hub_layer_types = "layer_types",
    .hub_only = hub_only,
    .gguf_name = "gemma3",
    .hub_says = hub_says,
    .hps = hps,
    .hps_local = hps_local,
    .cases = cases,
    .n_stacks = 1,
    .stack = {{
        .name = "decoder",
        .sub = {{VS_SUB_SELF, .pre = true, .branch = true}, {VS_SUB_MLP, .pre = true, .branch = true}},
        .norm = VS_NORM_RMS,
        .act = VS_ACT_GELU_TANH,
        .causal = true,
        .qk_norm = true,
        .final_norm = true,
        .pos = VS_POS_ROPE,
        .local = true,
        .hub = hub,
        .gguf = gguf,
    }},
};
