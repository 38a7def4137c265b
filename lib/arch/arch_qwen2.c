/* arch_qwen2.c - Qwen2 (Yang et al. 2024): LLaMA with biases on queries, keys and values, and in some sizes a window in the
 * upper layers. */
#include "llama_rows.h"

static const vs_hp_row hps[] = {
    LLAMA_SIZES(1e4),
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
    ALWAYS("model_type", "\"qwen2\""),
    ALWAYS("architectures", "[\"Qwen2ForCausalLM\"]"),
    END_OF_SAYS,
};
static const vs_bind hub[] = {LLAMA_HUB_QK, LLAMA_HUB_REST, END_OF_ROWS};
static const vs_bind gguf[] = {LLAMA_GGUF_QK, LLAMA_GGUF_REST, END_OF_ROWS};

const vs_arch vs_arch_qwen2 = {
    .name = "qwen2",
    .hub_types = {"qwen2"},
    .hub_prefix = {"model.", "", "transformer."},
    .hub_ignore = {"*rotary_emb.inv_freq"},
    .hub_act = {"hidden_act"},
    .hub_layer_types = "layer_types",
    .gguf_name = "qwen2",
    .gguf_no_window = true,
    .gguf_only = gguf_only,
    .hub_says = hub_says,
    .hps = hps,
    .n_stacks = 1,
    .stack = {{LLAMA_STACK, .local = true, .hub = hub, .gguf = gguf}},
};
