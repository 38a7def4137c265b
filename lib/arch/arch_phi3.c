/* arch_phi3.c - Phi-3 (Abdin et al. 2024): LLaMA whose files keep queries, keys and values in one tensor, and the two halves
 * of the gated MLP in another.  Its models for long texts have LongRoPE, in older files also called "su" and "yarn"; GGUF files
 * have its lists and seldom its name. */
#include "llama_rows.h"

static const vs_hp_row hps[] = {
    LLAMA_SIZES(1e4),
    PADDING(32000),
    ROPE_NUMBERS("rope_parameters.", "default|-|-|-|longrope,su,yarn", GGUF_ROPE_LISTS, "original_max_position_embeddings", 4096),
    {VS_HP_WINDOW, {"sliding_window"}, 0, GGUF_WINDOW},
    GGUF_WINDOWED,
    END_OF_HPS,
};

#define FUSED(qkv, gate_up) \
    LAID(WQ, qkv, QKV), LAID(WK, qkv, QKV), LAID(WV, qkv, QKV), LAID(W_GATE, gate_up, GATE_UP), LAID(W_UP, gate_up, GATE_UP)

static const vs_say hub_says[] = {
    ALWAYS("model_type", "\"phi3\""),
    ALWAYS("architectures", "[\"Phi3ForCausalLM\"]"),
    END_OF_SAYS,
};

static const vs_bind hub[] = {
    WEIGHT(EMBED, "embed_tokens.weight"),
    WEIGHT(ATTN_NORM, "layers.%d.input_layernorm.weight"),
    FUSED("layers.%d.self_attn.qkv_proj.weight", "layers.%d.mlp.gate_up_proj.weight"),
    WEIGHT(WO, "layers.%d.self_attn.o_proj.weight"),
    WEIGHT(MLP_NORM, "layers.%d.post_attention_layernorm.weight"),
    WEIGHT(W_DOWN, "layers.%d.mlp.down_proj.weight"),
    WEIGHT(FINAL_NORM, "norm.weight"),
    MAY_HAVE(UNEMBED, "lm_head.weight"),
    END_OF_ROWS,
};

static const vs_bind gguf[] = {
    WEIGHT(EMBED, "token_embd.weight"),
    WEIGHT(ATTN_NORM, "blk.%d.attn_norm.weight"),
    FUSED("blk.%d.attn_qkv.weight", "blk.%d.ffn_up.weight"),
    WEIGHT(WO, "blk.%d.attn_output.weight"),
    WEIGHT(MLP_NORM, "blk.%d.ffn_norm.weight"),
    WEIGHT(W_DOWN, "blk.%d.ffn_down.weight"),
    WEIGHT(FINAL_NORM, "output_norm.weight"),
    MAY_HAVE(UNEMBED, "output.weight"),
    MAY_HAVE(ROPE_SHORT, "rope_factors_short.weight"),
    MAY_HAVE(ROPE_LONG, "rope_factors_long.weight"),
    END_OF_ROWS,
};

const vs_arch vs_arch_phi3 = {
    .name = "phi3",
    .hub_types = {"phi3"},
    .hub_prefix = {"model.", ""},
    .hub_ignore = {"*rotary_emb.inv_freq"},
    .hub_act = {"hidden_act"},
    .hub_layer_types = "layer_types",
    .gguf_name = "phi3",
    .gguf_no_window = true,
    .hub_says = hub_says,
    .hps = hps,
    .n_stacks = 1,
    .stack = {{LLAMA_STACK, .local = true, .rope_share = true, .hub = hub, .gguf = gguf}},
};
