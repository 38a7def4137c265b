/* arch_t5encoder.c - the encoder of T5 without a decoder, as models that need a text's vectors keep it (T5EncoderModel). */
#include "t5_rows.h"

static const vs_hp_row hps[] = {T5_SIZES, {VS_HP_TIED, {NULL}, 1, {NULL}, 1}, END_OF_HPS};

static const vs_bind hub[] = {T5_HUB_BLOCKS("encoder", "1"), END_OF_ROWS};
static const vs_bind gguf[] = {T5_GGUF_BLOCKS("enc"), END_OF_ROWS};

static const vs_say hub_says[] = {
    ALWAYS("model_type", "\"t5\""),
    ALWAYS("architectures", "[\"T5EncoderModel\"]"),
    ALWAYS("is_encoder_decoder", "false"),
    T5_HUB_SAYS,
    END_OF_SAYS,
};
static const vs_say gguf_says[] = {T5_GGUF_SAYS, END_OF_SAYS};

const vs_arch vs_arch_t5encoder = {
    .name = "t5encoder",
    .hub_types = {"t5"},
    .hub_class = "T5EncoderModel",
    .hub_prefix = {"", "transformer."},
    .hub_ignore = {"encoder.embed_tokens.weight", "decoder.*", "lm_head.weight"},
    .hub_act = {"dense_act_fn", "feed_forward_proj"},
    .gguf_name = "t5encoder",
    .hub_says = hub_says,
    .gguf_says = gguf_says,
    .hps = hps,
    .masked_head = true, /* it has no head at all */
    .n_stacks = 1,
    .stack = {{T5_ENCODER, .hub = hub, .gguf = gguf}},
};
