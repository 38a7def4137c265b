/* arch_roberta.c - RoBERTa and XLM-R (Liu et al. 2019; Conneau et al. 2020): BERT without segments and next sentences; its
 * positions begin behind the padding token's row. */
#include "bert_rows.h"

static const vs_hp_row hps[] = {BERT_SIZES, PADDING(1), END_OF_HPS};
static const vs_only hub_only[] = {BERT_ONLY, END_OF_ONLY};
static const vs_bind hub[] = {BERT_EMBEDDINGS, BERT_BLOCKS, ROBERTA_HEAD, END_OF_ROWS};

const vs_arch vs_arch_roberta = {
    .name = "roberta",
    .hub_types = {"roberta", "xlm-roberta", "camembert"},
    .hub_prefix = {"roberta.", ""},
    .hub_ignore = {"*embeddings.position_ids"},
    .hub_act = {"hidden_act"},
    .hub_only = hub_only,
    .gguf_as = &vs_arch_bert,
    .hps = hps,
    .masked_head = true,
    .head_gelu = true,
    .n_stacks = 1,
    .stack = {{BERT_STACK, .pos_after_pad = true, .hub = hub}},
};
