/* arch_marian.c - Marian (Junczys-Dowmunt et al. 2018), the Transformer of 2017 as translation models use it: LayerNorm after
 * each sum, sinusoids (sines, then cosines), one matrix for both embeddings and the unembedding, a bias of the logits. */
#include "bart_rows.h"

static const vs_hp_row hps[] = {BART_SIZES, PADDING(58100), {VS_HP_START, {"decoder_start_token_id"}, 58100, {NULL}, 0}, END_OF_HPS};
static const vs_only hub_only[] = {
    {"normalize_before", {NULL}},
    {"normalize_embedding", {NULL}},
    {"add_final_layer_norm", {NULL}},
    END_OF_ONLY,
};

static const vs_bind encoder[] = {BART_BLOCKS("encoder"), MAY_HAVE(POS, "encoder.embed_positions.weight"), END_OF_ROWS};
static const vs_bind decoder[] = {BART_BLOCKS("decoder"), MAY_HAVE(POS, "decoder.embed_positions.weight"), BART_CROSS,
                                  END_OF_ROWS};

const vs_arch vs_arch_marian = {
    .name = "marian",
    .hub_types = {"marian"},
    .hub_prefix = {"model.", ""},
    .hub_ignore = {"*encoder.embed_tokens.weight", "*decoder.embed_tokens.weight", "*shared.weight"},
    .hub_act = {"activation_function"},
    .hub_only = hub_only,
    .hps = hps,
    .n_stacks = 2,
    .stack = {{BART_ENCODER, .act = VS_ACT_RELU, .pos = VS_POS_SINUSOID, .hub = encoder},
              {BART_DECODER, .act = VS_ACT_RELU, .pos = VS_POS_SINUSOID, .hub = decoder}},
};
