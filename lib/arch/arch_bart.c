/* arch_bart.c - BART (Lewis et al. 2020): an encoder and a decoder with LayerNorm after each sum, learned positions that
 * begin at row 2, and a norm of the embeddings. */
#include "bart_rows.h"

static const vs_hp_row hps[] = {BART_SIZES, PADDING(1), {VS_HP_START, {"decoder_start_token_id"}, 2, {NULL}, 2}, END_OF_HPS};
static const vs_only hub_only[] = {
    {"normalize_before", {NULL}},
    {"add_final_layer_norm", {NULL}},
    {"static_position_embeddings", {NULL}},
    END_OF_ONLY,
};

#define EMBEDDINGS(stack) WEIGHT(POS, stack ".embed_positions.weight"), NORM(EMBED_NORM, stack ".layernorm_embedding")
static const vs_bind encoder[] = {EMBEDDINGS("encoder"), BART_BLOCKS("encoder"), END_OF_ROWS};
static const vs_bind decoder[] = {EMBEDDINGS("decoder"), BART_BLOCKS("decoder"), BART_CROSS, END_OF_ROWS};

const vs_arch vs_arch_bart = {
    .name = "bart",
    .hub_types = {"bart"},
    .hub_prefix = {"model.", ""},
    .hub_ignore = {"*encoder.embed_tokens.weight", "*decoder.embed_tokens.weight", "*shared.weight", "*.version"},
    .hub_act = {"activation_function"},
    .hub_only = hub_only,
    .hps = hps,
    .n_stacks = 2,
    .stack = {{BART_ENCODER, .act = VS_ACT_GELU, .embed_norm = true, .pos = VS_POS_LEARNED, .pos_offset = 2,
               .hub = encoder},
              {BART_DECODER, .act = VS_ACT_GELU, .embed_norm = true, .pos = VS_POS_LEARNED, .pos_offset = 2,
               .hub = decoder}},
};
