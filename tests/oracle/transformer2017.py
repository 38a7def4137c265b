"""The Transformer as Vaswani et al. wrote it down (Attention Is All You Need, 2017, section 3), in plain PyTorch.

What the paper says: 6 + 6 layers; LayerNorm(x + Sublayer(x)) (3.1), no norm at the end; scores / sqrt(d_k), heads of
d_model / h (3.2); W^Q, W^K, W^V, W^O without biases (3.2.2); max(0, x W1 + b1) W2 + b2 (3.3); one matrix for both
embeddings and the map to the logits, embeddings times sqrt(d_model), no bias there (3.4); sin in even, cos in odd
coordinates (3.5).  What it leaves open is in the config: layer_norm_eps, and the id that the decoder starts with.

config.json: model_type "transformer", d_model, encoder_layers, decoder_layers, heads, d_ff, vocab_size, max_position,
activation "relu", layer_norm_eps, pad_token_id, eos_token_id, decoder_start_token_id.  Tensors, maps as [out, in]:
    embedding.weight [V, d]
    {encoder,decoder}.layers.N.self_attention.{q,k,v,o}.weight [d, d]      ….self_attention_norm.{weight,bias} [d]
    decoder.layers.N.cross_attention.{q,k,v,o}.weight [d, d]               ….cross_attention_norm.{weight,bias} [d]
    {encoder,decoder}.layers.N.feed_forward.{in,out}.{weight,bias}         ….feed_forward_norm.{weight,bias} [d]
"""
import json
import math
import os
from types import SimpleNamespace

import torch
from safetensors.torch import save_file
from torch import nn


class Config(SimpleNamespace):
    """The keys of config.json."""

    def __init__(self, **given):
        super().__init__(**{**dict(model_type="transformer", activation="relu", layer_norm_eps=1e-5, pad_token_id=0, eos_token_id=1,
                                   decoder_start_token_id=2, is_encoder_decoder=True), **given})


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads = c.heads
        for name in "qkvo":
            self.add_module(name, nn.Linear(c.d_model, c.d_model, bias=False))

    def forward(self, x, source, causal):
        q, k, v = (m(y).view(*y.shape[:-1], self.heads, -1).transpose(1, 2) for m, y in ((self.q, x), (self.k, source), (self.v, source)))
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        if causal:
            scores = scores.masked_fill(torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1), -math.inf)
        pattern = nn.functional.softmax(scores, dim=-1)
        return self.o((pattern @ v).transpose(1, 2).flatten(2)), pattern


class FeedForward(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.add_module("in", nn.Linear(c.d_model, c.d_ff))
        self.add_module("out", nn.Linear(c.d_ff, c.d_model))

    def forward(self, x):
        return self.get_submodule("out")(self.get_submodule("in")(x).relu())


class Layer(nn.Module):
    def __init__(self, c, decoder):
        super().__init__()
        self.decoder = decoder
        for part in ("self_attention", "cross_attention", "feed_forward") if decoder else ("self_attention", "feed_forward"):
            self.add_module(part, FeedForward(c) if part == "feed_forward" else Attention(c))
            self.add_module(part + "_norm", nn.LayerNorm(c.d_model, eps=c.layer_norm_eps))

    def forward(self, x, source):
        added, pattern = self.self_attention(x, x, self.decoder)
        x, cross = self.self_attention_norm(x + added), None
        if self.decoder:
            added, cross = self.cross_attention(x, source, False)
            x = self.cross_attention_norm(x + added)
        return self.feed_forward_norm(x + self.feed_forward(x)), pattern, cross


class Stack(nn.Module):
    def __init__(self, c, layers, decoder):
        super().__init__()
        self.layers = nn.ModuleList(Layer(c, decoder) for _ in range(layers))

    def forward(self, x, source=None):
        states, patterns, crosses = [x], [], []
        for layer in self.layers:
            x, pattern, cross = layer(x, source)
            states.append(x), patterns.append(pattern), crosses.append(cross)
        return x, states, patterns, crosses


def sinusoids(positions, d):
    angle = torch.arange(positions).double()[:, None] / 10000 ** (torch.arange(0, d, 2).double() / d)
    return torch.stack((angle.sin(), angle.cos()), -1).flatten(1).float()


class Output(dict):
    __getattr__ = dict.__getitem__


class Transformer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.config = c
        self.embedding = nn.Embedding(c.vocab_size, c.d_model)
        self.encoder = Stack(c, c.encoder_layers, False)
        self.decoder = Stack(c, c.decoder_layers, True)

    def embed(self, ids):
        d = self.config.d_model
        return self.embedding(ids) * math.sqrt(d) + sinusoids(ids.shape[1], d)

    def forward(self, input_ids, decoder_input_ids, labels=None, **_):
        source, e_states, e_patterns, _ = self.encoder(self.embed(input_ids))
        y, d_states, d_patterns, crosses = self.decoder(self.embed(decoder_input_ids), source)
        logits = y @ self.embedding.weight.T
        loss = None if labels is None else nn.functional.cross_entropy(logits[0], labels[0])
        return Output(logits=logits, loss=loss, encoder_hidden_states=e_states, encoder_attentions=e_patterns,
                      decoder_hidden_states=d_states, decoder_attentions=d_patterns, cross_attentions=crosses)

    def save_pretrained(self, folder):
        with open(os.path.join(folder, "config.json"), "w") as f:
            json.dump(dict(sorted(vars(self.config).items())), f, indent=2)
        save_file({n: p.detach().contiguous() for n, p in self.named_parameters()}, os.path.join(folder, "model.safetensors"), {"format": "pt"})
