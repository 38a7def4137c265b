#!/usr/bin/env python3
"""Corner cases of real checkpoints, as tiny models -> tests/data/fixtures/variants/NAME/.

usage: make_variants.py OUT [--gradients]      (needs torch, transformers, safetensors, tokenizers; --gradients: those alone)

A variant is one family's model with one thing about it changed: a setting, the form of its config.json (as older releases
wrote it), the names, types or division of its tensors.  What is expected is what from_pretrained() makes of the folder as
it lies there, weights widened to f32, so the file is proved to mean what we say.  OUT/expected.json holds
{NAME: {family, why, ids, decoder_ids (two stacks), text (where it has a tokenizer), greedy (what follows the first five ids,
where the rotation depends on the text's length)}}, OUT/expected.safetensors NAME.logits [T,V] (none where the file has no head),
NAME.grad [T,d], of two stacks NAME.enc_grad and NAME.dec_grad: how the loss of make_fixtures.py changes with the embeddings, computed
in f64, and NAME.hidden, or NAME.enc_hidden and NAME.dec_hidden: the last hidden state [T,d], after the final norm; NAME.nsp [2]; of
some NAME.padded [V,E], how the loss of a text with paddings changes with the table of embeddings.
"""
import argparse
import json
import pathlib
import shutil

import torch
import transformers as T
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from make_fixtures import Double, loss_of, perturb

V = 41
BASE = dict(vocab_size=V, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12, max_position_embeddings=16)
WIDE = dict(hidden_size=16)
NO_IDS = dict(bos_token_id=1, eos_token_id=2, pad_token_id=None)
LLAMA = dict(BASE, num_key_value_heads=1, **NO_IDS)
GEMMA = dict(BASE, num_key_value_heads=1, head_dim=6, query_pre_attn_scalar=5, sliding_window=4, bos_token_id=2, eos_token_id=1, pad_token_id=0)
GPT2 = dict(vocab_size=V, n_embd=8, n_layer=2, n_head=2, n_inner=12, n_positions=16, bos_token_id=1, eos_token_id=1)
ROBERTA = dict(BASE, max_position_embeddings=18, type_vocab_size=1, pad_token_id=1, bos_token_id=0, eos_token_id=2)
T5 = dict(vocab_size=V, d_model=8, d_kv=5, d_ff=12, num_layers=2, num_decoder_layers=2, num_heads=2, decoder_start_token_id=0, pad_token_id=0, eos_token_id=1)
BART = dict(vocab_size=V, d_model=8, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=12,
            decoder_ffn_dim=12, max_position_embeddings=16)
KIND = {
    "llama": (T.LlamaForCausalLM, T.LlamaConfig, LLAMA), "mistral": (T.MistralForCausalLM, T.MistralConfig, dict(LLAMA, sliding_window=4)),
    "qwen2": (T.Qwen2ForCausalLM, T.Qwen2Config, LLAMA), "qwen3": (T.Qwen3ForCausalLM, T.Qwen3Config, dict(LLAMA, head_dim=6)),
    "gemma2": (T.Gemma2ForCausalLM, T.Gemma2Config, dict(GEMMA, attn_logit_softcapping=2.0, final_logit_softcapping=3.0)),
    "gemma3": (T.Gemma3ForCausalLM, T.Gemma3TextConfig, dict(GEMMA, num_hidden_layers=4)),
    "phi": (T.PhiForCausalLM, T.PhiConfig, dict(BASE, **NO_IDS)), "phi3": (T.Phi3ForCausalLM, T.Phi3Config, dict(LLAMA, pad_token_id=0)),
    "gpt2": (T.GPT2LMHeadModel, T.GPT2Config, GPT2), "neox": (T.GPTNeoXForCausalLM, T.GPTNeoXConfig, dict(BASE, **WIDE, bos_token_id=0, eos_token_id=0)),
    "bert": (T.BertForPreTraining, T.BertConfig, BASE), "roberta": (T.RobertaForMaskedLM, T.RobertaConfig, ROBERTA),
    "xlm-roberta": (T.XLMRobertaForMaskedLM, T.XLMRobertaConfig, ROBERTA),
    "distilbert": (T.DistilBertForMaskedLM, T.DistilBertConfig, dict(vocab_size=V, dim=8, n_layers=2, n_heads=2, hidden_dim=12, max_position_embeddings=16)),
    "electra": (T.ElectraForMaskedLM, T.ElectraConfig, dict(BASE, embedding_size=8)),
    "mpnet": (T.MPNetForMaskedLM, T.MPNetConfig, dict(ROBERTA)),
    "t5": (T.T5ForConditionalGeneration, T.T5Config, T5),
    "bart": (T.BartForConditionalGeneration, T.BartConfig, dict(BART, pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2)),
    "marian": (T.MarianMTModel, T.MarianConfig, dict(BART, pad_token_id=0, eos_token_id=1, bos_token_id=2, decoder_start_token_id=0, scale_embedding=True)),
}

# ---- changes of a folder: config (a dict) and tensors (a dict) go in and out ----


class Variant:
    def __init__(self, kind, why, config=None, tensors=None, shards=1, headless=False, cls=None, build=None, tokenizer=None, ids=None, **settings):
        self.kind, self.why, self.config, self.tensors, self.shards = kind, why, config, tensors, shards
        self.headless, self.cls, self.build, self.tokenizer, self.ids, self.settings = headless, cls, build, tokenizer, ids, settings


def without(*keys):
    return lambda c: {k: v for k, v in c.items() if k not in keys}


def instead(drop=("rope_parameters",), **keys):
    """The config as an older release wrote it."""
    return lambda c: {**without(*drop)(c), **keys}


def cast(dtype, but=()):
    return lambda t: {k: x if k in but else x.to(dtype) for k, x in t.items()}


def renamed(*pairs):
    def change(t):
        out = {}
        for k, x in t.items():
            for a, b in pairs:
                k = k.replace(a, b) if not a.startswith("^") else (b + k[len(a) - 1:] if k.startswith(a[1:]) else k)
            out[k] = x
        return out
    return change


def plus(f):
    return lambda t: {**t, **f(t)}


def only(prefix, keep=""):
    """What a base model's own file has: its part, without the prefix."""
    return lambda t: {(keep + k[len(prefix):]): x for k, x in t.items() if k.startswith(prefix)}


def chain(*fs):
    def change(t):
        for f in fs:
            t = f(t)
        return t
    return change


def gpt2_masks(t):
    return {f"h.{i}.attn.{n}": x for i in range(2) for n, x in (("bias", torch.ones(1, 1, 16, 16).tril()), ("masked_bias", torch.tensor(-1e4)))}


def neox_buffers(t):
    at = "gpt_neox.layers.%d.attention."
    parts = {"bias": torch.ones(1, 1, 16, 16).tril().bool(), "masked_bias": torch.tensor(-1e9), "rotary_emb.inv_freq": torch.ones(1)}
    return {at % i + n: x.clone() for i in range(2) for n, x in parts.items()}


def copies(source, *names):
    return lambda t: {n: t[source].clone() for n in names}


def position_ids(name):
    return lambda t: {name: torch.arange(16)[None]}


def characters():
    """A tokenizer of 38 pieces for a table of 64 rows."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + list("abcdefghijklmnopqrstuvwxyz.,") + ["##e", "##s", "##t", "##h", "##a"]
    t = Tokenizer(models.WordPiece({p: i for i, p in enumerate(pieces)}, unk_token="[UNK]"))
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return t


LLAMA3 = dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)
YARN = dict(factor=4.0, original_max_position_embeddings=8, beta_fast=1.0, beta_slow=0.05)
BART_COPIES = ("model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", "lm_head.weight")
T5_COPIES = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight")
FACTORS = dict(short_factor=[1.0, 1.3], long_factor=[1.5, 4.0])

VARIANTS = {
    # heads
    "llama_tied": Variant("llama", "the head is the embedding", tie_word_embeddings=True),
    "llama_untied_key_absent": Variant("llama", "no tie_word_embeddings: LLaMA's are untied", without("tie_word_embeddings")),
    "qwen2_untied_key_absent": Variant("qwen2", "no tie_word_embeddings: Qwen's are untied", without("tie_word_embeddings")),
    "qwen2_tied": Variant("qwen2", "the head is the embedding", tie_word_embeddings=True),
    "qwen3_biases": Variant("qwen3", "untied, biases in attention's maps", attention_bias=True),
    "gpt2_tied_key_absent": Variant("gpt2", "no tie_word_embeddings: GPT-2's are tied", without("tie_word_embeddings")),
    "gpt2_head_stored": Variant("gpt2", "lm_head.weight is in the file though it is the embedding", tensors=plus(copies("transformer.wte.weight", "lm_head.weight"))),
    "neox_untied_key_absent": Variant("neox", "no tie_word_embeddings: NeoX's are untied", without("tie_word_embeddings")),
    "gemma2_tied_key_absent": Variant("gemma2", "no tie_word_embeddings: Gemma's are tied", without("tie_word_embeddings")),
    "bert_untied": Variant("bert", "the masked-word head has a matrix of its own", tie_word_embeddings=False),
    "bert_mlm": Variant("bert", "no pooler, no next-sentence head", cls=T.BertForMaskedLM),
    # attention
    "llama_head_dim": Variant("llama", "head_dim is not d / H", head_dim=6),
    "llama_biases": Variant("llama", "biases in attention and MLP", attention_bias=True, mlp_bias=True),
    "llama_all_heads": Variant("llama", "no num_key_value_heads: as many as heads", without("num_key_value_heads", "head_dim"), num_key_value_heads=2),
    "llama_one_kv_head": Variant("llama", "four heads, one for keys and values", num_attention_heads=4, head_dim=4),
    "mistral_no_window": Variant("mistral", "sliding_window null", sliding_window=None),
    "qwen2_window": Variant("qwen2", "layers from max_window_layers on slide", without("layer_types"), use_sliding_window=True, sliding_window=4, max_window_layers=1),
    "qwen2_window_unused": Variant("qwen2", "sliding_window said and not used", instead(("layer_types", "sliding_window"), sliding_window=4, use_sliding_window=False)),
    "gemma2_no_caps": Variant("gemma2", "both caps null", attn_logit_softcapping=None, final_logit_softcapping=None),
    "gpt2_options": Variant("gpt2", "relu, scores / (layer + 1)", activation_function="relu", scale_attn_by_inverse_layer_idx=True),
    "gpt2_unscaled": Variant("gpt2", "scores are not scaled", scale_attn_weights=False),
    "neox_sequential": Variant("neox", "use_parallel_residual false", use_parallel_residual=False),
    "neox_no_bias": Variant("neox", "attention without biases", attention_bias=False),
    # activations, embeddings
    "bert_gelu_new": Variant("bert", "gelu by tanh, in the head too", hidden_act="gelu_new"),
    "distilbert_relu": Variant("distilbert", "relu", activation="relu"),
    "electra_one_width": Variant("electra", "embedding_size = hidden_size: no map between"),
    "bart_scaled": Variant("bart", "embeddings times sqrt(d), relu", scale_embedding=True, activation_function="relu"),
    "marian_swish": Variant("marian", "silu, as the published ones", activation_function="swish"),
    "t5_gated_silu": Variant("t5", "gated MLP with silu", feed_forward_proj="gated-silu"),
    "t5_few_buckets": Variant("t5", "other buckets", relative_attention_num_buckets=8, relative_attention_max_distance=10),
    "bert_quick_gelu": Variant("bert", "quick GELU, in the head too", hidden_act="quick_gelu"),
    "gemma3_score_cap": Variant("gemma3", "a cap of the scores that the model does not apply", attn_logit_softcapping=2.0),
    # embeddings and positions
    "roberta_padding": Variant("roberta", "positions begin behind the padding token's, which counts as none", pad_token_id=3, max_position_embeddings=20,
                               ids=[0, 7, 3, 9, 3, 3, 11, 2]),
    "bart_untied": Variant("bart", "each stack has its own table, and the head too", tie_word_embeddings=False),
    "marian_two_tables": Variant("marian", "share_encoder_decoder_embeddings false: the head is the decoder's table", share_encoder_decoder_embeddings=False),
    # rotation
    "llama_linear": Variant("llama", "positions / 4", rope_parameters=dict(rope_type="linear", factor=4.0, rope_theta=500.0)),
    "llama_linear_old": Variant("llama", "the same as older configs say it", instead(rope_theta=500.0, rope_scaling=dict(type="linear", factor=4.0))),
    "llama3_old": Variant("llama", "LLaMA 3's scaling as its own configs say it", instead(rope_theta=1000.0, rope_scaling=dict(LLAMA3, rope_type="llama3")), head_dim=16, max_position_embeddings=64),
    "llama_yarn": Variant("llama", "YaRN, a text longer than original_max_position_embeddings", rope_parameters=dict(
        YARN, rope_type="yarn", rope_theta=500.0, mscale=1.4, mscale_all_dim=0.6), head_dim=16, max_position_embeddings=32),
    "qwen2_yarn": Variant("qwen2", "the same as older configs say it, attention_factor given, pairs in between not rounded", instead(
        rope_theta=500.0, rope_scaling=dict(YARN, type="yarn", attention_factor=1.3, truncate=False)), num_attention_heads=1, hidden_size=16, max_position_embeddings=32),
    "qwen3_yarn": Variant("qwen3", "YaRN with nothing but its factor: max_position_embeddings counts", instead(
        rope_parameters=dict(rope_theta=10.0, type="yarn", factor=4.0)), head_dim=16),
    "mistral_yarn": Variant("mistral", "YaRN by rope_scaling.rope_type, the factor left to follow from the lengths", instead(
        rope_theta=10.0, rope_scaling=dict(rope_type="yarn", factor=None, original_max_position_embeddings=8)), head_dim=16, max_position_embeddings=32),
    "llama_theta_absent": Variant("llama", "no rope_theta: 10000", without("rope_parameters")),
    "mistral_old": Variant("mistral", "rope_theta at the top", instead(("rope_parameters", "head_dim"), rope_theta=1e6)),
    "neox_old": Variant("neox", "rotary_pct and rotary_emb_base", instead(rotary_pct=0.5, rotary_emb_base=500)),
    "neox_rotary_absent": Variant("neox", "no word about rotation: a quarter", without("rope_parameters", "rotary_pct"), hidden_size=32),
    "phi_old": Variant("phi", "partial_rotary_factor at the top", instead(rope_theta=500.0, partial_rotary_factor=0.5, rope_scaling=None), **WIDE),
    "phi3_long": Variant("phi3", "longrope, a text longer than original_max_position_embeddings", instead(
        rope_theta=500.0, rope_scaling=dict(FACTORS, type="longrope"), original_max_position_embeddings=8), max_position_embeddings=32),
    "phi3_short": Variant("phi3", "longrope, a text not longer than it", instead(
        rope_theta=500.0, rope_scaling=dict(FACTORS, type="longrope"), original_max_position_embeddings=16), max_position_embeddings=32),
    "phi3_yarn": Variant("phi3", "longrope by its oldest name; of two original_max_position_embeddings the outer counts", instead(
        rope_theta=500.0, rope_scaling=dict(FACTORS, type="yarn", attention_factor=1.3, original_max_position_embeddings=16), original_max_position_embeddings=8),
        max_position_embeddings=32),
    "phi3_inner": Variant("phi3", "longrope, original_max_position_embeddings inside alone: 4096 counts", instead(
        ("rope_parameters", "original_max_position_embeddings"), rope_scaling=dict(FACTORS, rope_type="longrope", original_max_position_embeddings=8))),
    "qwen3_longrope": Variant("qwen3", "longrope whose gain follows from its factor", rope_parameters=dict(
        rope_type="longrope", rope_theta=500.0, factor=6.0, original_max_position_embeddings=8, short_factor=[1.0, 1.1, 1.3], long_factor=[1.2, 2.0, 4.0])),
    "llama_dynamic": Variant("llama", "dynamic, a text longer than max_position_embeddings", rope_parameters=dict(
        rope_type="dynamic", rope_theta=500.0, factor=3.0), max_position_embeddings=8, head_dim=6),
    "neox_dynamic": Variant("neox", "dynamic over half of each head, as older configs say it", instead(
        rotary_pct=0.5, rotary_emb_base=500, rope_scaling=dict(type="dynamic", factor=2.0)), max_position_embeddings=8),
    "neox_odd_share": Variant("neox", "a quarter of a head is 3: 4 elements turn, by the angles of 3", hidden_size=24),
    "llama_proportional": Variant("llama", "half of the pairs turn, half as fast", rope_parameters=dict(
        rope_type="proportional", rope_theta=500.0, factor=2.0, partial_rotary_factor=0.5)),
    "gemma2_yarn": Variant("gemma2", "YaRN", rope_parameters=dict(YARN, rope_type="yarn", rope_theta=500.0), max_position_embeddings=32),
    "gemma3_rotations": Variant("gemma3", "dynamic in full layers, longrope in those with a window", max_position_embeddings=8,
        layer_types=["sliding_attention", "full_attention"] * 2, rope_parameters=dict(
        full_attention=dict(rope_type="dynamic", rope_theta=500.0, factor=3.0),
        sliding_attention=dict(rope_type="longrope", rope_theta=100.0, original_max_position_embeddings=4, short_factor=[1.0, 1.1, 1.3], long_factor=[1.2, 2.0, 4.0]))),
    "gemma3_scaled": Variant("gemma3", "YaRN in full layers by rope_scaling, which counts beside rope_parameters; all angles divided in those with a window", instead(
        (), rope_scaling=dict(YARN, rope_type="yarn")), rope_parameters=dict(
        full_attention=dict(rope_type="linear", rope_theta=500.0, factor=2.0), sliding_attention=dict(rope_type="linear", rope_theta=100.0, factor=3.0)),
        max_position_embeddings=32),
    "phi3_partial": Variant("phi3", "rotation of half a head", **WIDE, rope_parameters=dict(rope_type="default", rope_theta=500.0, partial_rotary_factor=0.5)),
    "gemma3_old": Variant("gemma3", "two thetas at the top, a pattern's length", instead(
        ("rope_parameters", "layer_types", "_sliding_window_pattern"), rope_theta=5e4, rope_local_base_freq=300.0, sliding_window_pattern=3,
        rope_scaling=dict(rope_type="linear", factor=8.0))),
    "gemma2_old": Variant("gemma2", "no layer_types: every other layer slides", instead(
        ("rope_parameters", "layer_types"), rope_theta=500.0, hidden_act="gelu_pytorch_tanh")),
    # types and division of the file
    "llama_f16": Variant("llama", "f16", instead((), dtype="float16"), cast(torch.float16)),
    "llama_bf16": Variant("llama", "bf16, torch_dtype in the config", instead(("dtype",), torch_dtype="bfloat16"), cast(torch.bfloat16)),
    "llama_mixed": Variant("llama", "f16 maps, bf16 norms, f32 embedding", None, chain(
        lambda t: {k: x.to(torch.bfloat16 if "norm" in k else torch.float16) if "embed" not in k else x for k, x in t.items()})),
    "gpt2_f16": Variant("gpt2", "f16, maps stored [in, out]", None, cast(torch.float16)),
    "bert_bf16": Variant("bert", "bf16", None, cast(torch.bfloat16)),
    "t5_bf16": Variant("t5", "bf16", None, cast(torch.bfloat16)),
    "bart_f16": Variant("bart", "f16", None, cast(torch.float16)),
    "neox_f16": Variant("neox", "f16, fused per head", None, chain(cast(torch.float16), renamed(("^lm_head", "embed_out")))),
    "phi3_bf16": Variant("phi3", "bf16, fused maps", None, cast(torch.bfloat16)),
    "llama_shards": Variant("llama", "three files and an index", shards=3),
    "bart_shards": Variant("bart", "two files and an index", shards=2),
    # names
    "llama_base": Variant("llama", "the base model's file: no prefix, no head", None, only("model."), headless=True, cls=T.LlamaModel),
    "gpt2_base": Variant("gpt2", "no prefix and stored masks, as the published one", None, chain(only("transformer."), plus(gpt2_masks))),
    "neox_buffers": Variant("neox", "stored masks and frequencies, embed_out", None, chain(renamed(("^lm_head", "embed_out")), plus(neox_buffers))),
    "bert_base": Variant("bert", "no prefix, no heads, stored position_ids", None, chain(
        only("bert."), plus(position_ids("embeddings.position_ids"))), headless=True, cls=T.BertModel),
    "bert_gamma": Variant("bert", "norms called gamma and beta", None, chain(
        renamed(("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta")), plus(copies("bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight")))),
    "roberta_base": Variant("roberta", "no prefix, no head", None, only("roberta."), headless=True, cls=T.RobertaModel),
    "roberta_copies": Variant("roberta", "the head's matrix and bias stored again", None, plus(
        lambda t: {**copies("roberta.embeddings.word_embeddings.weight", "lm_head.decoder.weight")(t), **copies("lm_head.bias", "lm_head.decoder.bias")(t)})),
    "xlm_roberta_base": Variant("xlm-roberta", "no prefix, no head", None, only("roberta."), headless=True, cls=T.XLMRobertaModel),
    "distilbert_base": Variant("distilbert", "no prefix, no head", None, only("distilbert."), headless=True, cls=T.DistilBertModel),
    "mpnet_base": Variant("mpnet", "no prefix, no head, stored position_ids (a sentence encoder)", None, chain(
        only("mpnet."), plus(position_ids("embeddings.position_ids"))), headless=True, cls=T.MPNetModel),
    "t5_copies": Variant("t5", "the embedding stored four times", None, plus(copies("shared.weight", *T5_COPIES))),
    "t5_own_head": Variant("t5", "v1.1: tie_word_embeddings false, a head of its own", instead(
        ("scale_decoder_outputs",), tie_word_embeddings=False), plus(lambda t: {"lm_head.weight": t["shared.weight"].flip(0).clone()}), feed_forward_proj="gated-gelu"),
    "t5_old": Variant("t5", "what is absent follows from the rest", without(
        "dense_act_fn", "is_gated_act", "num_decoder_layers", "tie_word_embeddings", "scale_decoder_outputs", "feed_forward_proj", "relative_attention_max_distance")),
    "bart_base": Variant("bart", "no prefix, no bias of the logits: the head is the embedding", None, only("model.")),
    "bart_copies": Variant("bart", "the embedding stored four times", None, plus(copies("model.shared.weight", *BART_COPIES))),
    "marian_no_positions": Variant("marian", "the sinusoids are not in the file", None, lambda t: {k: x for k, x in t.items() if "embed_positions" not in k}),
    # parts of models, and models with other heads
    "t5_encoder": Variant("t5", "T5EncoderModel: no decoder", None, lambda t: {k: x for k, x in t.items() if k.startswith(("encoder.", "shared."))},
                          headless=True, cls=T.T5EncoderModel),
    "bert_classes": Variant("bert", "BertForSequenceClassification", headless=True, cls=T.BertForSequenceClassification, build=T.BertForSequenceClassification),
    "roberta_classes": Variant("roberta", "RobertaForSequenceClassification", headless=True, cls=T.RobertaForSequenceClassification,
                               build=T.RobertaForSequenceClassification),
    "mpnet_gelu_new": Variant("mpnet", "gelu by tanh", hidden_act="gelu_new"),
    "llama_padding_last": Variant("llama", "pad_token_id -1: the last token", pad_token_id=-1, tie_word_embeddings=True),
    # more rows in the table than pieces
    "bert_padded": Variant("bert", "64 rows for 38 pieces", tokenizer=characters, vocab_size=64),
}


# One of each family whose text also has the padding token (of those without one: token 0); what their embeddings learn from it.
PADDED = ("bert_untied", "bert_gelu_new", "distilbert_relu", "electra_one_width", "roberta_padding", "mpnet_gelu_new", "bart_scaled", "marian_swish", "t5_gated_silu",
          "gpt2_options", "neox_sequential", "gemma2_no_caps", "gemma3_scaled", "llama_tied", "llama_padding_last", "qwen2_tied", "phi3_partial")


def padded(m, answer):
    """How the mean loss of predicting each token from its own place changes with the table of embeddings [V,E]."""
    pad = m.config.pad_token_id if m.config.pad_token_id is not None else 0
    ids = [pad % V if i in (2, 5, 6) else t for i, t in enumerate(answer["ids"])]
    answer["padded"] = ids
    kw = {}
    if m.config.is_encoder_decoder:
        answer["padded_decoder"] = [pad % V if i == 2 else t for i, t in enumerate(answer["decoder_ids"])]
        kw = dict(decoder_input_ids=torch.tensor([answer["padded_decoder"]]))
    r = m(input_ids=torch.tensor([ids]), use_cache=False, **kw)
    logits = (r.prediction_logits if "prediction_logits" in r else r.logits)[0]
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(answer.get("padded_decoder", ids)))
    return torch.autograd.grad(loss, m.get_input_embeddings().weight)[0]


def write(folder, tensors, shards):
    save_size = {}
    if shards == 1:
        return save_file({k: x.contiguous() for k, x in tensors.items()}, folder / "model.safetensors", {"format": "pt"})
    names, where = sorted(tensors), {}
    for i in range(shards):
        file = f"model-{i + 1:05d}-of-{shards:05d}.safetensors"
        part = {k: tensors[k].contiguous() for k in names[i::shards]}
        save_file(part, folder / file, {"format": "pt"})
        where.update({k: file for k in part})
        save_size[file] = sum(x.numel() * x.element_size() for x in part.values())
    index = {"metadata": {"total_size": sum(save_size.values())}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1))
    return None


def each_rotation(config):
    """The rope_parameters of all layers, or of the kinds of layers."""
    r = getattr(config, "rope_parameters", None) or {}
    return [r] if "rope_type" in r else [x for x in r.values() if isinstance(x, dict)]


def loaded(v, folder):
    return (v.cls or KIND[v.kind][0]).from_pretrained(folder, attn_implementation="eager", dtype=torch.float32, output_loading_info=True)


def gradients(name, v, folder, answer, arrays):
    if v.headless:
        return
    m, seen = loaded(v, folder)[0].eval().double(), []
    forward = m.forward
    m.forward = lambda **kw: seen.append(forward(output_hidden_states=True, **kw)) or seen[-1]
    with Double():
        loss, _ = loss_of(m, answer)
    states = (("encoder_hidden_states", "enc_grad"), ("decoder_hidden_states", "dec_grad")) if m.config.is_encoder_decoder else (("hidden_states", "grad"),)
    for (_, ours), g in zip(states, torch.autograd.grad(loss, [seen[0][theirs][0] for theirs, _ in states])):
        arrays[f"{name}.{ours}"] = g[0].float()


def make(name, v, folder, answers, arrays):
    cls, config_class, settings = KIND[v.kind]
    seed = sum(name.encode())
    torch.manual_seed(seed)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    m = (v.build or (v.cls if v.cls and not v.headless else cls))(config_class(**{**settings, **v.settings})).eval()
    perturb(m, seed)
    m.tie_weights()
    m.save_pretrained(folder)
    tensors = load_file(folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    for f in folder.iterdir():
        f.unlink()
    for k in ("transformers_version", "id2label", "label2id"):
        config.pop(k, None)
    (folder / "config.json").write_text(json.dumps(v.config(config) if v.config else config, indent=1))
    write(folder, v.tensors(tensors) if v.tensors else tensors, v.shards)
    answer = {"family": v.kind, "why": v.why, "ids": v.ids or [(7 * i + seed) % (V - 5) + 5 for i in range(12)]}
    if v.tokenizer:
        t = v.tokenizer()
        t.save(str(folder / "tokenizer.json"), pretty=False)
        answer["text"] = "the sea, s."
        answer["ids"] = t.encode(answer["text"]).ids
    two = m.config.is_encoder_decoder and v.cls is not T.T5EncoderModel
    if two:
        answer["decoder_ids"] = [m.config.decoder_start_token_id, *answer["ids"][3:8]]
    m, info = loaded(v, folder)
    assert not info["mismatched_keys"] and not info["unexpected_keys"] or "copies" in name or "buffers" in name or "base" in name, (name, info)
    missing = {k for k in info["missing_keys"] if "embed_positions" not in k and k != "final_logits_bias" and not (v.headless and "pooler" in k)}
    assert not missing, (name, missing)
    m = m.eval().float()
    kw = dict(decoder_input_ids=torch.tensor([answer["decoder_ids"]])) if two else {}
    if {"longrope", "dynamic"} & {w.get("rope_type") for w in each_rotation(m.config)}:
        # Phi-3's own code starts its cache anew where the angles change; the others keep keys that were turned for a shorter text
        new = m.generate(torch.tensor([answer["ids"][:5]]), max_new_tokens=8, min_new_tokens=8, do_sample=False, use_cache=v.kind == "phi3", eos_token_id=None, pad_token_id=0)
        answer["greedy"] = new[0, 5:].tolist()
    r = m(input_ids=torch.tensor([answer["ids"]]), use_cache=False, output_hidden_states=True, **kw)
    if not v.headless:
        arrays[name + ".logits"] = (r.prediction_logits if "prediction_logits" in r else r.logits)[0]
    gradients(name, v, folder, answer, arrays)
    if "seq_relationship_logits" in r:
        arrays[name + ".nsp"] = r.seq_relationship_logits[0]
    if name in PADDED:
        arrays[name + ".padded"] = padded(m, answer)
    for theirs, ours in (("encoder_hidden_states", "enc_hidden"), ("decoder_hidden_states", "dec_hidden")) if two else (("hidden_states", "hidden"),):
        arrays[f"{name}.{ours}"] = r[theirs][-1][0]
    answers[name] = answer


def main():
    a = argparse.ArgumentParser()
    a.add_argument("out", type=pathlib.Path)
    a.add_argument("--gradients", action="store_true")
    o = a.parse_args()
    torch.set_num_threads(1)
    T.logging.disable_progress_bar()
    T.logging.set_verbosity_error()
    answers, arrays = {}, {}
    if o.gradients:
        answers, arrays = json.loads((o.out / "expected.json").read_text()), load_file(o.out / "expected.safetensors")
    for name, v in VARIANTS.items():
        if o.gradients:
            gradients(name, v, o.out / name, answers[name], arrays)
        else:
            make(name, v, o.out / name, answers, arrays)
    (o.out / "expected.json").write_text(json.dumps(answers, indent=1))
    save_file({k: x.detach().contiguous().clone() for k, x in arrays.items()}, o.out / "expected.safetensors")
    print(len(answers), "variants")


if __name__ == "__main__":
    main()
