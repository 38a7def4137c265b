#!/usr/bin/env python3
"""What transformers generates from a small model, for tests/fixtures/test_generation.c: beam search and the repetition
penalty, as ids; of two stacks the decoder's, after its start token.  needs torch and transformers (tests/bench/requirements.txt).
usage: make_generation.py MODEL-DIR…   writes MODEL-DIR/generation.json, from the prompts in MODEL-DIR/expected.json"""
import json
import sys

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM

NEW = 12


def begun(model, ids):
    """How many ids are there before the first new one."""
    return 1 if model.config.is_encoder_decoder else len(ids)


def common_token(model, prompt):
    """A token that beams meet, so that taking it for the end token tests how lines end."""
    out = model.generate(prompt, num_beams=4, do_sample=False, max_new_tokens=NEW, eos_token_id=None, num_return_sequences=4,
                         pad_token_id=0, use_cache=False)
    tail = out[:, begun(model, prompt[0]) + 2:].flatten().tolist()
    return max(sorted(set(tail)), key=tail.count)


def cases(model, ids):
    prompt = torch.tensor([ids])
    end = common_token(model, prompt)
    for beams, num, eos, penalty, early, repetition in [
        (2, 1, None, 1.0, False, 1.0),
        (4, 4, None, 1.0, False, 1.0),
        (4, 4, end, 1.0, False, 1.0),
        (4, 4, end, 1.0, True, 1.0),
        (4, 4, end, 1.0, "never", 1.0),
        (4, 2, end, 2.0, False, 1.0),
        (3, 3, end, 0.0, "never", 1.0),
        (3, 2, end, -1.0, False, 1.0),
        (3, 3, end, 1.0, False, 1.5),
        (1, 1, end, 1.0, False, 1.3),
        (1, 1, None, 1.0, False, 0.7),
    ]:
        out = model.generate(prompt, num_beams=beams, num_return_sequences=num, do_sample=False, max_new_tokens=NEW,
                             eos_token_id=eos, pad_token_id=0, length_penalty=penalty, early_stopping=early,
                             repetition_penalty=repetition, use_cache=False, return_dict_in_generate=True, output_scores=True)
        lines = []
        for i, row in enumerate(out.sequences.tolist()):
            new = row[begun(model, ids):]
            if eos in new:
                new = new[:new.index(eos)]
            else:
                new = new[:NEW]
            score = float(out.sequences_scores[i]) if beams > 1 else 0.0
            lines.append({"ids": new, "score": round(score, 6)})
        yield {"prompt": ids, "new": NEW, "beams": beams, "eos": -1 if eos is None else eos, "length_penalty": penalty,
               "early": {False: "likely", True: "at-once", "never": "never"}[early], "repetition": repetition,
               "lines": lines}


for path in sys.argv[1:]:
    two = AutoConfig.from_pretrained(path).is_encoder_decoder
    model = (AutoModelForSeq2SeqLM if two else AutoModelForCausalLM).from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()
    prompts = [p["ids"] for p in json.load(open(path + "/expected.json"))["prompts"]]
    with torch.no_grad():
        done = [c for ids in prompts if len(ids) > 1 for c in cases(model, ids)]
    with open(path + "/generation.json", "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(c) for c in done) + "\n]\n")
    print(path, len(done), "cases")
