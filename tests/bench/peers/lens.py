"""What bench_models.c measures, by TransformerLens over PyTorch: every site of a pass cached; the stream patched, and heads
silenced, one at a time.

usage: lens.py MODEL_DIR TOKENIZER.json THREADS RUNS

open  seconds to load the weights      keep12, keep64, keep512  median seconds of run_with_cache
patch, ablate  seconds of the 144 passes, hooks included, without what they are cached from
"""

import sys
import time

from peer import median_time, need, report

torch, transformers, bridge = need("torch", "transformers", "transformer_lens.model_bridge")
torch.set_num_threads(int(sys.argv[3]))
torch.set_grad_enabled(False)
runs = int(sys.argv[4])


def load():
    return transformers.GPT2LMHeadModel.from_pretrained(sys.argv[1], attn_implementation="eager")


tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=sys.argv[2])
model = bridge.TransformerBridge.boot_transformers(sys.argv[1], hf_model=load(), tokenizer=tokenizer, device="cpu")
layers, heads = model.cfg.n_layers, model.cfg.n_heads
figures = {"open": median_time(load, runs)}
for length in (12, 64, 512):
    tokens = torch.randint(0, 50000, (1, length))
    figures[f"keep{length}"] = median_time(lambda: model.run_with_cache(tokens), runs)
clean, other = torch.randint(0, 50000, (2, 1, 12))
_, cache = model.run_with_cache(clean)


def patches():
    for layer in range(layers):
        for position in range(12):
            def hook(value, hook, position=position):
                value = value.clone()
                value[:, position] = cache[hook.name][:, position]
                return value
            model.run_with_hooks(other, fwd_hooks=[(f"blocks.{layer}.hook_resid_pre", hook)])


def ablations():
    for layer in range(layers):
        for head in range(heads):
            def hook(value, hook, head=head):
                value = value.clone()
                value[:, :, head] = 0
                return value
            model.run_with_hooks(other, fwd_hooks=[(f"blocks.{layer}.attn.hook_z", hook)])


for name, work in (("patch", patches), ("ablate", ablations)):
    began = time.perf_counter()
    work()
    figures[name] = time.perf_counter() - began
report({"TransformerLens": "transformer-lens", "torch": "torch"}, figures)
