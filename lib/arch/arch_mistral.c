/* arch_mistral.c - Mistral (Jiang et al. 2023): LLaMA with a window over the last positions in every layer.  Its GGUF files
 * call themselves llama. */
#include "llama_rows.h"

static const vs_hp_row hps[] = {
    LLAMA_SIZES(1e4),
    ROPE(NULL),
    PADDING(VS_HP_NO_TOKEN),
    {VS_HP_WINDOW, {"sliding_window"}, 4096, {NULL}, 0},
    END_OF_HPS,
};
static const vs_say hub_says[] = {
    ALWAYS("model_type", "\"mistral\""),
    ALWAYS("architectures", "[\"MistralForCausalLM\"]"),
    END_OF_SAYS,
};
static const vs_bind hub[] = {LLAMA_HUB_QK, LLAMA_HUB_REST, END_OF_ROWS};

const vs_arch vs_arch_mistral = {
    .name = "mistral",
    .hub_types = {"mistral"},
    .hub_prefix = {"model.", "", "transformer."},
    .hub_ignore = {"*rotary_emb.inv_freq"},
    .hub_act = {"hidden_act"},
    .hub_layer_types = "layer_types",
    .gguf_as = &vs_arch_llama,
    .hub_says = hub_says,
    .hps = hps,
    .n_stacks = 1,
    .stack = {{LLAMA_STACK, .local = true, .hub = hub}},
};
