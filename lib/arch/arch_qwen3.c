/* arch_qwen3.c - Qwen3 (Yang et al. 2025): LLaMA with a norm of each query and key, and heads whose width the file says. */
#include "llama_rows.h"

static const vs_hp_row hps[] = {
    LLAMA_SIZES(1e6),
    ROPE(GGUF_ROPE_YARN),
    PADDING(VS_HP_NO_TOKEN),
    {VS_HP_WINDOW, {"sliding_window"}, 4096, GGUF_WINDOW},
    GGUF_WINDOWED,
    {VS_HP_WINDOW_USED, {"use_sliding_window"}, 0, {NULL}, 1},
    {VS_HP_WINDOW_FROM, {"max_window_layers"}, 28, {NULL}, 0},
    END_OF_HPS,
};
static const vs_only gguf_only[] = {LLAMA_GGUF_ONLY, END_OF_ONLY};
static const vs_say hub_says[] = {
    ALWAYS("model_type", "\"qwen3\""),
    ALWAYS("architectures", "[\"Qwen3ForCausalLM\"]"),
    WITH_ROLE("attention_bias", "true", BQ),
    ALWAYS("attention_bias", "false"),
    END_OF_SAYS,
};
static const vs_bind hub[] = {
    LLAMA_HUB_QK,
    WEIGHT(Q_NORM, "layers.%d.self_attn.q_norm.weight"),
    WEIGHT(K_NORM, "layers.%d.self_attn.k_norm.weight"),
    LLAMA_HUB_REST,
    END_OF_ROWS,
};
static const vs_bind gguf[] = {
    LLAMA_GGUF_QK,
    WEIGHT(Q_NORM, "blk.%d.attn_q_norm.weight"),
    WEIGHT(K_NORM, "blk.%d.attn_k_norm.weight"),
    LLAMA_GGUF_REST,
    END_OF_ROWS,
};

const vs_arch vs_arch_qwen3 = {
    .name = "qwen3",
    .hub_types = {"qwen3"},
    .hub_prefix = {"model.", "", "transformer."},
    .hub_ignore = {"*rotary_emb.inv_freq"},
    .hub_act = {"hidden_act"},
    .hub_layer_types = "layer_types",
    .gguf_name = "qwen3",
    .gguf_no_window = true,
    .gguf_only = gguf_only,
    .hub_says = hub_says,
    .hps = hps,
    .n_stacks = 1,
    .stack = {{LLAMA_STACK, .qk_norm = true, .local = true, .hub = hub, .gguf = gguf}},
};
