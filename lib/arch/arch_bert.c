/* arch_bert.c - BERT (Devlin et al. 2019): a bidirectional encoder with LayerNorm after each sum, learned positions and
 * segments, and, where a file has them, a masked-word head, a pooler and a next-sentence classifier. */
#include "bert_rows.h"

static const vs_hp_row hps[] = {BERT_SIZES, PADDING(0), END_OF_HPS};
static const vs_only hub_only[] = {BERT_ONLY, END_OF_ONLY};
static const vs_only gguf_only[] = {
    {"%s.attention.causal", {NULL}},
    END_OF_ONLY,
};

static const vs_say hub_says[] = {
    ALWAYS("model_type", "\"bert\""),
    WITH_PART("architectures", "[\"BertForPreTraining\"]", NSP),
    WITH_PART("architectures", "[\"BertForMaskedLM\"]", HEAD),
    ALWAYS("architectures", "[\"BertModel\"]"),
    END_OF_SAYS,
};
static const vs_say gguf_says[] = {ALWAYS("%s.attention.causal", "false"), END_OF_SAYS};

static const vs_bind hub[] = {
    BERT_EMBEDDINGS,
    BERT_BLOCKS,
    PART_LINEAR(HEAD, HEAD_W, HEAD_B, "cls.predictions.transform.dense"),
    PART_NORM(HEAD, HEAD_NORM, "cls.predictions.transform.LayerNorm"),
    MAY_HAVE(UNEMBED, "cls.predictions.decoder.weight"),
    ROW(UNEMBED_B, "cls.predictions.bias", HEAD, AS_IS, "cls.predictions.decoder.bias", WHOLE),
    MAY_HAVE(UNEMBED_OWN_B, "cls.predictions.decoder.bias"),
    PART_LINEAR(POOLER, POOL_W, POOL_B, "pooler.dense"),
    PART_LINEAR(NSP, NSP_W, NSP_B, "cls.seq_relationship"),
    END_OF_ROWS,
};

static const vs_bind gguf[] = {
    WEIGHT(EMBED, "token_embd.weight"),
    WEIGHT(POS, "position_embd.weight"),
    WEIGHT(TYPE, "token_types.weight"),
    NORM(EMBED_NORM, "token_embd_norm"),
    LINEAR(WQ, BQ, "blk.%d.attn_q"),
    LINEAR(WK, BK, "blk.%d.attn_k"),
    LINEAR(WV, BV, "blk.%d.attn_v"),
    LINEAR(WO, BO, "blk.%d.attn_output"),
    NORM(ATTN_POST, "blk.%d.attn_output_norm"),
    LINEAR(W_UP, B_UP, "blk.%d.ffn_up"),
    LINEAR(W_DOWN, B_DOWN, "blk.%d.ffn_down"),
    NORM(MLP_POST, "blk.%d.layer_output_norm"),
    END_OF_ROWS,
};

const vs_arch vs_arch_bert = {
    .name = "bert",
    .hub_types = {"bert"},
    .hub_prefix = {"bert.", ""},
    .hub_ignore = {"*embeddings.position_ids"},
    .hub_act = {"hidden_act"},
    .hub_only = hub_only,
    .gguf_name = "bert",
    .gguf_only = gguf_only,
    .hub_says = hub_says,
    .gguf_says = gguf_says,
    .hps = hps,
    .masked_head = true,
    .n_stacks = 1,
    .stack = {{BERT_STACK, .hub = hub, .gguf = gguf}},
};
