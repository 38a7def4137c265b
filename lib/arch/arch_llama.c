/* arch_llama.c - LLaMA 1 to 3 (Touvron et al. 2023; Dubey et al. 2024): a decoder with RMS norms before each branch, rotary
 * positions, gated SiLU MLPs, and from LLaMA 2 on grouped heads.  GGUF files store the halves of its queries and keys
 * interleaved, and LLaMA 3's slower rotation as a list. */
#include "llama_rows.h"

static const vs_hp_row hps[] = {LLAMA_SIZES(1e4), ROPE(GGUF_ROPE_ALL), PADDING(VS_HP_NO_TOKEN), {VS_HP_WINDOW, {NULL}, 0, GGUF_WINDOW}, GGUF_WINDOWED, END_OF_HPS};
static const vs_only gguf_only[] = {LLAMA_GGUF_ONLY, {"%s.expert_count", {NULL}}, END_OF_ONLY};
static const vs_say hub_says[] = {
    ALWAYS("model_type", "\"llama\""),
    ALWAYS("architectures", "[\"LlamaForCausalLM\"]"),
    WITH_ROLE("attention_bias", "true", BQ),
    ALWAYS("attention_bias", "false"),
    WITH_ROLE("mlp_bias", "true", B_GATE),
    END_OF_SAYS,
};
static const vs_bind hub[] = {LLAMA_HUB_QK, LLAMA_HUB_REST, END_OF_ROWS};
static const vs_bind gguf[] = {
    LAID(WQ, "blk.%d.attn_q.weight", PAIRS),
    MAY_LIE(BQ, "blk.%d.attn_q.bias", PAIRS),
    LAID(WK, "blk.%d.attn_k.weight", PAIRS),
    MAY_LIE(BK, "blk.%d.attn_k.bias", PAIRS),
    MAY_HAVE(ROPE_TURNS, "rope_freqs.weight"),
    MAY_HAVE(ROPE_SHORT, "rope_factors_short.weight"),
    MAY_HAVE(ROPE_LONG, "rope_factors_long.weight"),
    LLAMA_GGUF_REST,
    END_OF_ROWS,
};

const vs_arch vs_arch_llama = {
    .name = "llama",
    .hub_types = {"llama"},
    .hub_prefix = {"model.", "", "transformer."},
    .hub_ignore = {"*rotary_emb.inv_freq"},
    .hub_act = {"hidden_act"},
    .gguf_name = "llama",
    .gguf_no_window = true,
    .hub_windowed = &vs_arch_mistral,
    .gguf_only = gguf_only,
    .hub_says = hub_says,
    .hps = hps,
    .n_stacks = 1,
    .stack = {{LLAMA_STACK, .local = true, .hub = hub, .gguf = gguf}},
};
