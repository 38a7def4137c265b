/* arch_electra.c - ELECTRA (Clark et al. 2020): BERT whose embeddings may be narrower than its blocks, with a map between;
 * the generator fills masks, the discriminator's own head is left out. */
#include "bert_rows.h"

static const vs_hp_row hps[] = {BERT_SIZES, PADDING(0), {VS_HP_E, {"embedding_size"}, 0, {NULL}, 0}, END_OF_HPS};
static const vs_only hub_only[] = {BERT_ONLY, END_OF_ONLY};
static const vs_bind hub[] = {
    BERT_EMBEDDINGS,
    MAY_HAVE(EMBED_MAP, "embeddings_project.weight"),
    MAY_HAVE(EMBED_MAP_B, "embeddings_project.bias"),
    BERT_BLOCKS,
    PART_LINEAR(HEAD, HEAD_W, HEAD_B, "generator_predictions.dense"),
    PART_NORM(HEAD, HEAD_NORM, "generator_predictions.LayerNorm"),
    MAY_HAVE(UNEMBED, "generator_lm_head.weight"),
    PART(HEAD, UNEMBED_B, "generator_lm_head.bias"),
    END_OF_ROWS,
};

const vs_arch vs_arch_electra = {
    .name = "electra",
    .hub_types = {"electra"},
    .hub_prefix = {"electra.", ""},
    .hub_ignore = {"*embeddings.position_ids", "discriminator_predictions.*"},
    .hub_act = {"hidden_act"},
    .hub_only = hub_only,
    .gguf_as = &vs_arch_bert,
    .hps = hps,
    .masked_head = true,
    .head_gelu = true,
    .n_stacks = 1,
    .stack = {{BERT_STACK, .hub = hub}},
};
