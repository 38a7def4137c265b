#!/usr/bin/env python3
"""What transformers makes of a set of facts: rows for probes/references.def.

    python3 tests/oracle/facts_reference.py MODEL.gguf FACTS.json [RANKS.json]     (needs: torch, transformers, gguf)

FACTS.json has ROME's form: an array of objects with "prompt" and "attribute". A fact's rank is one more than the number
of tokens whose logit after the prompt is larger than that of the first token of " " + attribute. The weights are
dequantised to float32; a prompt is a pass of its own. RANKS.json gets the list of ranks.
"""
import json
import pathlib
import sys

import torch
import transformers


def fingerprint(facts):
    """FNV-1a, 64 bits, over each prompt and attribute, a zero byte after each: as probes/cmd_facts.c has it."""
    h = 0xCBF29CE484222325
    for fact in facts:
        for byte in (fact["prompt"] + "\0" + fact["attribute"] + "\0").encode():
            h = (h ^ byte) * 0x100000001B3 % 2**64
    return h


def ranks(path, facts):
    folder, name = str(path.parent), path.name
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, gguf_file=name)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32).eval()
    for fact in facts:
        ids = tokenizer(fact["prompt"], return_tensors="pt").input_ids
        answer = tokenizer(" " + fact["attribute"], add_special_tokens=False).input_ids[0]
        with torch.no_grad():
            logits = model.lm_head(model.model(ids).last_hidden_state[0, -1])
        yield int((logits > logits[answer]).sum()) + 1


def main(path, facts_path, ranks_path=None):
    facts = json.loads(facts_path.read_text())
    rank = list(ranks(path, facts))
    if ranks_path:
        ranks_path.write_text(json.dumps(rank))
    at_1, at_10 = sum(r == 1 for r in rank), sum(r <= 10 for r in rank)
    print(f"bytes of the model {path.stat().st_size}, facts {len(facts)}, fingerprint 0x{fingerprint(facts):016x}, "
          f"rank 1: {at_1}, rank 1 to 10: {at_10}, transformers {transformers.__version__}")


if __name__ == "__main__":
    main(*(pathlib.Path(a) for a in sys.argv[1:]))
