#!/usr/bin/env python3
"""Gradients by every site against PyTorch's, of models, texts and objectives that no fixture has.

usage: compare_gradients.py VECSCOPE [NAME…] [--seed N] [--type q8_0|…] [-v]
       (needs torch, transformers, tokenizers, safetensors, numpy; tokenizers are those of tests/data/fixtures)

A small model with random weights is made of each family, and `grad … --at all --to FILE` of the program VECSCOPE held against
PyTorch's backward pass in f64: each site of ours is the first tensor of theirs with its numbers.  The farthest row is told, as
a share of its largest or of a hundredth of the site's.  Objectives: losses, differences of logits, next
sentence; plain, under --mask, and under edits.  With --type the model is converted to GGUF, and PyTorch computes with the
weights as they are widened again.
"""
import argparse
import json
import pathlib
import random
import subprocess
import tempfile

import numpy as np
import torch
import transformers as T
from tokenizers import Tokenizer

import make_fixtures as F
import transformer2017

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "data" / "fixtures"


class Recording(F.Double):
    """Keeps every tensor of a pass, in the order in which they are made."""

    def __init__(self):
        super().__init__()
        self.made, self.seen = [], set()

    def __torch_function__(self, f, types, args=(), kw=None):
        r = super().__torch_function__(f, types, args, kw)
        for x in r if isinstance(r, (tuple, list)) else (r,):
            if isinstance(x, torch.Tensor) and x.dtype == torch.float64 and x.requires_grad and x.grad_fn is not None and id(x) not in self.seen:
                with torch._C.DisableTorchFunction():
                    x.retain_grad()
                self.seen.add(id(x))
                self.made.append(x)
        return r


# ---- models ----


def settings(name, rng, whole):
    """A family's config with other sizes and settings than its fixture."""
    cls, config_class, _, _, c = F.FAMILIES[name]
    c = dict(c)
    if name == "transformer2017":
        c.update(d_model=32, encoder_layers=2, decoder_layers=3, heads=4, d_ff=rng.choice((40, 72)))
    elif name in ("bart", "marian"):
        c.update(d_model=32, encoder_layers=2, decoder_layers=2, encoder_ffn_dim=56, decoder_ffn_dim=72, activation_function=rng.choice(("gelu", "relu", "swish")),
                 scale_embedding=rng.random() < 0.5)
        if name == "marian":
            c.update(activation_function="relu", scale_embedding=True)
    elif name in ("t5", "t5v11"):
        c.update(d_model=32, d_kv=rng.choice((8, 20)), num_layers=2, num_decoder_layers=2, d_ff=72)
    elif name == "gpt2":
        c.update(n_embd=40, n_layer=2, n_head=5, activation_function=rng.choice(("gelu_new", "relu", "silu")))
    elif name == "distilbert":
        c.update(dim=40, n_layers=2, n_heads=5, hidden_dim=72, activation=rng.choice(("gelu", "relu")))
    else:
        # widths that are no multiple of 16
        c.update(hidden_size=40, num_hidden_layers=2, num_attention_heads=4, intermediate_size=rng.choice((44, 88)))
        if "num_key_value_heads" in c:
            c["num_key_value_heads"] = rng.choice((1, 2, 4))
        if name in ("llama", "qwen3"):
            c["attention_bias"] = rng.random() < 0.5
        if name == "llama":
            c["mlp_bias"] = rng.random() < 0.5
        if name == "gemma3":
            c.update(num_hidden_layers=3, layer_types=["sliding_attention", "full_attention", "sliding_attention"], sliding_window=5)
        if name in ("neox", "phi"):
            c["hidden_size"] = 56  # heads of 14, of which half 6 or 8 turn
            c["rope_parameters"] = dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=rng.choice((6 / 14, 8 / 14)))
        if name == "neox":
            c["use_parallel_residual"] = rng.random() < 0.5
        if name == "electra":
            c["embedding_size"] = 24
    if whole:  # widths of whole blocks of 32
        wide = dict(hidden_size=64, intermediate_size=96, d_model=64, d_ff=96, encoder_ffn_dim=96, decoder_ffn_dim=96, n_embd=64, n_head=4, dim=64, n_heads=4,
                    hidden_dim=96, embedding_size=32, head_dim=16, d_kv=16)
        c.update({k: v for k, v in wide.items() if k in c})
    return cls, config_class, c


def make(name, seed, folder, whole):
    rng = random.Random(seed * 1000 + sum(name.encode()))
    cls, config_class, c = settings(name, rng, whole)
    tokenizer = Tokenizer.from_file(str(FIXTURES / name / "tokenizer.json"))
    c = config_class(vocab_size=tokenizer.get_vocab_size(), **c)
    torch.manual_seed(seed)
    if name != "transformer2017":
        c._attn_implementation = "eager"
    m = cls(c).eval().float()
    F.perturb(m, seed + 100)
    if hasattr(m, "tie_weights"):
        m.tie_weights()
    folder.mkdir(parents=True, exist_ok=True)
    m.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return rng, tokenizer


def load(name, folder):
    if name == "transformer2017":
        m = transformer2017.Transformer(transformer2017.Config(**json.loads((folder / "config.json").read_text())))
        m.load_state_dict(F.load_file(folder / "model.safetensors"))
    else:
        m = F.FAMILIES[name][0].from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    return m.eval().double()


# ---- objectives: as typed, and of the outputs ----


def objectives(m, rng, ids, decoder, mask_id, two, masked):
    n = len(decoder) if two else len(ids)
    a, b = rng.randrange(5, 190), rng.randrange(5, 190)
    p, q = rng.randrange(n), rng.randrange(n)
    out = [(f"logit(#{a})[{p}] - 0.7 * logit(#{b})[{q}]", None, lambda lg, nsp: lg[p, a] - 0.7 * lg[q, b])]
    ce = torch.nn.functional.cross_entropy
    if masked:
        at = [i for i, t in enumerate(ids) if t == mask_id]
        if at:
            want = [rng.randrange(5, 190) for _ in at]
            out.append(("loss + 0.3 * logit(#%d)[%d]" % (b, q), " ".join(f"#{w}" for w in want),
                        lambda lg, nsp: ce(lg[at], torch.tensor(want)) + 0.3 * lg[q, b]))
        if isinstance(m, T.BertForPreTraining):
            out.append(("loss(nsp, 1)", None, lambda lg, nsp: ce(nsp[None], torch.tensor([1]))))
            out.append(("nsp(0) - nsp(1)", None, lambda lg, nsp: nsp[0] - nsp[1]))
    else:
        said = decoder if two else ids
        out.append(("loss", None, lambda lg, nsp: ce(lg[:-1], torch.tensor(said[1:]))))
    return out


# ---- edits: as typed, and as hooks ----


def edited(name, m, folder, rng, ids, two):
    parts = F.PARTS[name][0]
    block = m.get_submodule(parts.blocks)[1]
    at, c = block.get_submodule, m.config
    heads = getattr(c, "num_attention_heads", None) or getattr(c, "heads", None) or c.decoder_attention_heads
    st = "decoder." if two else ""
    d = getattr(c, "hidden_size", None) or c.d_model
    v = torch.randn(d, generator=torch.Generator().manual_seed(rng.randrange(1000)))
    np.save(folder / "v.npy", v.numpy())
    v = v.double()
    h, f = rng.randrange(heads), round(rng.uniform(-1, 1), 2)

    def scale_head(x):
        x = x.clone()
        y = x.unflatten(-1, (heads, -1))
        y[..., h, :] = y[..., h, :] * f
        return y.flatten(-2)

    def at_position(position, g):
        def change(x):
            x = x.clone()
            x[:, position] = g(x[:, position])
            return x
        return change

    def project(x):
        u = v / v.norm()
        return x - (x @ u)[:, None] * u
    file = f'file("{folder}/v.npy")'
    return [
        (f"scale {st}1.attn.z.h{h} * {f}; add {st}1.resid_pre[-1] {file}",
         lambda: (F.on_input(at(parts.out), scale_head), F.on_input(block, at_position(-1, lambda x: x + v)))),
        (f"set {st}1.resid_pre[2] {file}; scale {st}1.mlp_out * {f}",
         lambda: (F.on_input(block, at_position(2, lambda _: v.expand(1, -1))), F.on_output(at(parts.mlp_add), lambda x: x * f))),
        (f"project {st}1.resid_pre[1] {file}", lambda: (F.on_input(block, at_position(1, project)),)),
        (f"cut {st}1.attn -1 -> -3", lambda: F.softmax_that_cuts(at(parts.attn), -1, -3)),
    ]


# ---- a case ----


def lined_up(x, shape):
    """The ways in which a tensor may be one of ours: its batch left out, its axes in another order."""
    if x.numel() != int(np.prod(shape)):
        return
    y = x
    while y.ndim > 1 and y.shape[0] == 1:
        y = y[0]
    if tuple(y.shape) == tuple(shape):
        yield lambda z: z.reshape(shape)
    if len(shape) == 3:
        if y.ndim == 2 and y.shape[0] == shape[0]:
            yield lambda z: z.reshape(shape)
        if y.ndim == 3 and y.shape == (shape[1], shape[0], shape[2]):
            yield lambda z: z.reshape(shape[1], shape[0], shape[2]).transpose(0, 1)
    elif y.ndim == 1 or y.shape[-1] == shape[-1]:
        yield lambda z: z.reshape(shape)


def far_of(got, want):
    g, w = got.reshape(-1, got.shape[-1]), want.reshape(-1, want.shape[-1])
    size = np.maximum(np.abs(w).max(1), 1e-2 * np.abs(w).max() + 1e-30)
    return float((np.abs(g - w).max(1) / size).max())


def compare(o, values, grads, record, verbose, label):
    """Farthest site, sites compared, sites that no tensor of theirs is."""
    worst, n, none, theirs, sums = (0, ""), 0, [], {}, []
    for name, x in values.items():
        visible = np.isfinite(x) & (np.abs(x) < 1e30)
        g = grads["grad." + name]
        if o.shared_norm and name.endswith("ln1.hook_normalized"):  # their one norm is two sites of ours
            g = g + grads["grad." + name.replace("ln1", "ln2")]
        if o.shared_norm and name.endswith("ln2.hook_normalized"):
            continue
        scale = np.abs(x[visible]).max() if visible.any() else 0
        if scale == 0:
            continue
        hit = None
        for t in record.made:
            for f in lined_up(t, x.shape):
                y = f(t.detach()).numpy()
                ok = visible & (np.abs(y) < 1e30)
                if ok.sum() >= 0.3 * ok.size and np.abs(np.where(ok, y - np.where(visible, x, 0), 0)).max() < 2e-5 * scale:
                    hit = f(t.grad if t.grad is not None else torch.zeros_like(t)).numpy()
                    break
            if hit is not None:
                break
        if hit is None and name.endswith("attn.hook_result"):  # the heads' parts of a sum: each has the sum's gradient
            out = [name.replace("hook_result", "hook_out"), name.replace("attn.hook_result", "hook_attn_out"), name.replace("xattn.hook_result", "hook_xattn_out")]
            sums.append((name, out, g))
            continue
        if hit is None:
            none.append(name)
            continue
        theirs[name] = hit
        far = far_of(g, hit) if np.abs(hit).max() > 1e-14 else float(np.abs(g).max() > 1e-9)
        n += 1
        if verbose and far > 1e-5:
            print("     ", label, name, "%.1e" % far)
        worst = max(worst, (far, name))
    for name, out, g in sums:
        w = next((theirs[k] for k in out if k in theirs), None)
        if w is None:
            none.append(name)
            continue
        n, worst = n + 1, max(worst, (far_of(g, np.repeat(w[:, None], g.shape[1], 1)), name))
    return worst, n, none


def run_ours(vecscope, folder, model, commands):
    script = "; ".join(commands)
    r = subprocess.run([vecscope, "-m", str(model), "-c", script], capture_output=True, text=True, cwd=folder)
    if r.returncode:
        raise SystemExit(f"{script}\n{r.stdout}{r.stderr}")


def mask_of(which, T_):
    m = torch.zeros(1, 1, T_, T_, dtype=torch.float64)
    return m.masked_fill(torch.ones(T_, T_, dtype=torch.bool).triu(1), torch.finfo(torch.float64).min) if which == "causal" else m


def family(o, name, where):
    folder = where / name
    o.shared_norm = name == "phi"
    rng, tokenizer = make(name, o.seed, folder, bool(o.type))
    model = folder
    if o.type:
        model = folder / "model.gguf"
        back = folder / "back"
        for a in ((folder, model, "--type", o.type), (model, back)):
            r = subprocess.run([o.vecscope, "-c", "convert " + " ".join(map(str, a))], capture_output=True, text=True)
            if r.returncode:
                print(f"{name}: {r.stderr.strip()}")
                return 0
        load_from = back
    else:
        load_from = folder
    m = load(name, load_from)
    two, masked = m.config.is_encoder_decoder, not (m.can_generate() if hasattr(m, "can_generate") else True)
    V = tokenizer.get_vocab_size()
    ids = [rng.randrange(5, V) for _ in range(rng.choice((5, 9, 14)))]
    decoder = [m.config.decoder_start_token_id] + [rng.randrange(5, V) for _ in range(7)] if two else []
    mask_id = next((tokenizer.token_to_id(t) for t in ("[MASK]", "<mask>") if tokenizer.token_to_id(t) is not None), None)
    if masked and o.type:
        print(f"{name}: GGUF has no place for its head")
        return 0
    if masked and mask_id is not None:
        ids[1] = ids[3] = mask_id
    given = "--ids " + ",".join(map(str, ids)) + (" --decoder-ids " + ",".join(map(str, decoder)) if two else "")
    cases = [(of, answer, f, "", None, None) for of, answer, f in objectives(m, rng, ids, decoder, mask_id, two, masked)]
    of, answer, f = objectives(m, rng, ids, decoder, mask_id, two, masked)[0]
    if not two:
        which = "causal" if masked else "full"
        cases.append((of, answer, f, f"--mask {which}", mask_of(which, len(ids)), None))
    for typed, hooks in edited(name, m, folder, rng, ids, two):
        cases.append((of, answer, f, typed, None, hooks))
    commands = []
    for i, (of, answer, f, how, mask, hooks) in enumerate(cases):
        front = f"with {{{how}}} " if hooks else ""
        opts = how if mask is not None else ""
        commands.append(f"{front}dump {given} --sites all {opts} --to v{i}.npz")
        commands.append(f"{front}grad {given} --of \"{of}\" " + (f"--answer \"{answer}\" " if answer else "") + f"--at all {opts} --to g{i}.npz")
    run_ours(o.vecscope, folder, model, commands)
    worst, total, unmatched = (0, ""), 0, set()
    for i, (of, answer, f, how, mask, hooks) in enumerate(cases):
        kw = dict(input_ids=torch.tensor([ids]))
        if two:
            kw["decoder_input_ids"] = torch.tensor([decoder])
        if mask is not None:
            kw["attention_mask"] = mask
        record = Recording()
        m.zero_grad()
        with F.hooked(*(hooks() if hooks else ())), record:
            r = m(use_cache=False, **kw)
            value = f(F.logits_of(r), r["seq_relationship_logits"][0] if "seq_relationship_logits" in r else None)
        value.backward()
        values, grads = np.load(folder / f"v{i}.npz"), np.load(folder / f"g{i}.npz")
        (far, site), n, none = compare(o, values, grads, record, o.v, f"{name}: {how or of}")
        worst, total = max(worst, (far, f"{site} of {how or of}")), total + n
        unmatched |= set(none) if not hooks else set()
        if far > 1e-4 or o.v:
            print(f"  {name}: {how} {of}: {n} sites, {far:.1e} at {site}; not theirs: {len(none)}")
    print(f"{name}: {len(cases)} objectives, {total} gradients by sites, the farthest {worst[0]:.1e} at {worst[1]}; sites that they have not: "
          + (" ".join(sorted(unmatched)) or "none"), flush=True)
    return worst[0]


def main():
    a = argparse.ArgumentParser()
    a.add_argument("vecscope", type=lambda s: str(pathlib.Path(s).resolve()))
    a.add_argument("names", nargs="*")
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--type")
    a.add_argument("-v", action="store_true")
    o = a.parse_args()
    torch.set_num_threads(1)
    T.logging.disable_progress_bar()
    T.logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as where:
        worst = max(family(o, name, pathlib.Path(where)) for name in o.names or F.FAMILIES)
    raise SystemExit(not worst < 2e-4)  # of a draw of some thousand sites: f32 is up to 1.1e-4 from f64


if __name__ == "__main__":
    main()
