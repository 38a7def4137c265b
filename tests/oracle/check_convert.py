#!/usr/bin/env python3
"""What `vecscope convert` writes, opened in transformers and llama.cpp: the same predictions as from the source?

    python3 tests/oracle/check_convert.py VECSCOPE DIR[JSON]...   (needs: torch, transformers, xllamacpp, numpy)

DIR is a model in the hub's layout; members of JSON replace those of its config.json.  It goes to GGUF as f32, f16 and q8_0, and from the f32 one back to the hub's layout.
  transformers  logits (hidden states of a model without a head) of the directory that came back: largest difference from
                the source's, relative to the largest logit
  llama.cpp     the first predicted token and its log-probability (embedding models: the mean vector's cosine), f32: held to
                1e-3; f16, q8_0: shown, and the first token has to be the same, or as good as: llama.cpp rounds activations, too
One line a check; the last line is "N passed, N failed".
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
import transformers
import xllamacpp

NEAR = {"f32": 0, "f16": 0.02, "q8_0": 0.1}  # in log-probability
PROMPTS = ["The king was not a man of many words", "to be or not to be", "In the beginning", "What light", "Once upon a time, there",
           "a rose by any other name"]
transformers.logging.set_verbosity_error()
passed = failed = 0


def report(ok, text):
    global passed, failed
    passed, failed = passed + ok, failed + (not ok)
    print(("ok      " if ok else "FAILED  ") + text, flush=True)


def convert(vecscope, source, to, *options):
    done = subprocess.run([vecscope, "--json", "convert", str(source), str(to), *options], capture_output=True, text=True)
    if done.returncode:
        report(False, f"{source} -> {to.name}: {done.stderr.strip()}")
        return None
    return json.loads(done.stdout)


def reference(folder):
    """The model of a directory and whether it predicts words."""
    config = transformers.AutoConfig.from_pretrained(folder)
    causal = any(a.endswith(("CausalLM", "LMHeadModel")) for a in config.architectures or [])
    both = any(a.endswith(("ConditionalGeneration", "MTModel")) for a in config.architectures or [])
    kind = transformers.AutoModelForCausalLM if causal else transformers.AutoModelForSeq2SeqLM if both else transformers.AutoModel
    return kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval(), causal, both


def outputs(model, ids, both):
    ids = torch.tensor([ids])
    with torch.no_grad():
        out = model(input_ids=ids, decoder_input_ids=ids[:, :3]) if both else model(input_ids=ids)
    return (out.logits if hasattr(out, "logits") else out.last_hidden_state)[0].double().numpy()


def llama(path, embedding):
    p = xllamacpp.CommonParams()
    p.model.path = str(path)
    p.n_ctx = 128
    p.n_parallel = 1
    p.n_gpu_layers = 0
    p.warmup = False
    p.verbosity = -1
    p.cache_type_k = p.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    p.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 2
    if embedding:
        p.embedding = True
        p.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    return xllamacpp.Server(p)


def ask(answer):
    return answer if isinstance(answer, (dict, list)) else json.loads(answer)


def check_llama(path, kind, ids, model, causal):
    server = llama(path, not causal)
    shown = 0
    for i in ids:
        if causal:
            answer = ask(server.handle_completions({"prompt": i, "n_predict": 1, "max_tokens": 1, "temperature": 0, "logprobs": 5,
                                                    "n_probs": 5, "cache_prompt": False}))
            want = outputs(model, i, False)[-1]
            if not answer["choices"][0]["logprobs"]:  # half a character or the end is predicted: it is not shown
                continue
            shown += 1
            choice = answer["choices"][0]["logprobs"]["content"][0]
            want -= np.log(np.exp(want - want.max()).sum()) + want.max()
            off = abs(choice["logprob"] - want[choice["id"]])
            same = want.max() - want[choice["id"]] <= NEAR[kind]
            report(same and (kind != "f32" or off < 1e-3), f"{path.name}: llama.cpp predicts {choice['id']}, log-probability {off:.2e} off")
        else:
            answer = ask(server.handle_embeddings({"input": i, "content": i}))
            got = np.array((answer[0] if isinstance(answer, list) else answer["data"][0])["embedding"], dtype=float).ravel()
            want = outputs(model, i, False).mean(0)
            cosine = got @ want / np.linalg.norm(got) / np.linalg.norm(want)
            shown += 1
            report(cosine > (1 - 1e-5 if kind == "f32" else 0.99), f"{path.name}: llama.cpp's vector, cosine 1 - {1 - cosine:.1e}")
    report(shown > 1, f"{path.name}: {shown} predictions of llama.cpp seen")


def check(vecscope, source, work, name):
    model, causal, both = reference(source)
    tokens = [json.loads(subprocess.run([vecscope, "-m", str(source), "--json", "tokens", p], capture_output=True, text=True).stdout)
              ["ids"] for p in PROMPTS]
    made = convert(vecscope, source, work / f"{name}.f32.gguf", "--type", "f32")
    if made is None:
        return
    for note in made["notes"]:
        print("        note: " + note)
    back = work / f"{name}-back"
    if convert(vecscope, work / f"{name}.f32.gguf", back):
        again, _, _ = reference(back)
        off = max(np.abs(outputs(again, i, both) - outputs(model, i, both)).max() / np.abs(outputs(model, i, both)).max() for i in tokens)
        report(off < 1e-5, f"{name}: hub -> gguf -> hub in transformers: {off:.1e} relative")
        tokenizer = transformers.AutoTokenizer.from_pretrained(back)
        report(all(tokenizer(p)["input_ids"] == t for p, t in zip(PROMPTS, tokens)), f"{name}: its tokenizer, the same ids")
    if both:
        return
    for kind in ("f32", "f16", "q8_0"):
        path = work / f"{name}.{kind}.gguf"
        if kind == "f32" or convert(vecscope, source, path, "--type", kind):
            try:
                check_llama(path, kind, tokens, model, causal)
            except Exception as e:
                report(False, f"{path.name}: llama.cpp: {e}")


def copy(source, folder):
    """The model of an argument under a name that says nothing: llama.cpp expects other tokens of a model named phi3."""
    path, brace, patch = source.partition("{")
    path = pathlib.Path(path).resolve()
    to = folder / ("of-" + "".join(chr(ord(c) + 1) for c in path.name))
    to.mkdir()
    for f in path.iterdir():
        if f.name != "config.json":
            (to / f.name).symlink_to(f)
    config = json.loads((path / "config.json").read_text()) | json.loads(brace + patch or "{}")
    (to / "config.json").write_text(json.dumps(config))
    return to, path.name


for source in sys.argv[2:]:
    with tempfile.TemporaryDirectory() as folder:
        made, name = copy(source, pathlib.Path(folder))
        check(sys.argv[1], made, pathlib.Path(folder), name)
print(f"{passed} passed, {failed} failed")
sys.exit(failed != 0)
