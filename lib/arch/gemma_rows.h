/* gemma_rows.h - the tensors that Gemma 2 and 3 have in common.
 *
 * The hub stores a norm's gain as g and applies 1 + g; GGUF files hold 1 + g already. */
#ifndef VS_ARCH_GEMMA_ROWS_H
#define VS_ARCH_GEMMA_ROWS_H

#include "arch_rows.h"

#define GEMMA_HUB \
    WEIGHT(EMBED, "embed_tokens.weight"), \
    PLUS_ONE(ATTN_NORM, "layers.%d.input_layernorm.weight"), \
    MAP_MAY_BIAS(WQ, BQ, "layers.%d.self_attn.q_proj"), \
    MAP_MAY_BIAS(WK, BK, "layers.%d.self_attn.k_proj"), \
    MAP_MAY_BIAS(WV, BV, "layers.%d.self_attn.v_proj"), \
    MAP_MAY_BIAS(WO, BO, "layers.%d.self_attn.o_proj"), \
    PLUS_ONE(ATTN_BRANCH, "layers.%d.post_attention_layernorm.weight"), \
    PLUS_ONE(MLP_NORM, "layers.%d.pre_feedforward_layernorm.weight"), \
    WEIGHT(W_GATE, "layers.%d.mlp.gate_proj.weight"), \
    WEIGHT(W_UP, "layers.%d.mlp.up_proj.weight"), \
    WEIGHT(W_DOWN, "layers.%d.mlp.down_proj.weight"), \
    PLUS_ONE(MLP_BRANCH, "layers.%d.post_feedforward_layernorm.weight"), \
    PLUS_ONE(FINAL_NORM, "norm.weight"), \
    MAY_HAVE(UNEMBED, "lm_head.weight")

#define GEMMA_GGUF \
    WEIGHT(EMBED, "token_embd.weight"), \
    WEIGHT(ATTN_NORM, "blk.%d.attn_norm.weight"), \
    WEIGHT(WQ, "blk.%d.attn_q.weight"), \
    WEIGHT(WK, "blk.%d.attn_k.weight"), \
    WEIGHT(WV, "blk.%d.attn_v.weight"), \
    WEIGHT(WO, "blk.%d.attn_output.weight"), \
    WEIGHT(ATTN_BRANCH, "blk.%d.post_attention_norm.weight"), \
    WEIGHT(MLP_NORM, "blk.%d.ffn_norm.weight"), \
    WEIGHT(W_GATE, "blk.%d.ffn_gate.weight"), \
    WEIGHT(W_UP, "blk.%d.ffn_up.weight"), \
    WEIGHT(W_DOWN, "blk.%d.ffn_down.weight"), \
    WEIGHT(MLP_BRANCH, "blk.%d.post_ffw_norm.weight"), \
    WEIGHT(FINAL_NORM, "output_norm.weight"), \
    MAY_HAVE(UNEMBED, "output.weight")

#endif
