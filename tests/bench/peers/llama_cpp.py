"""llama.cpp (by way of xllamacpp) on a GGUF file.

usage: llama_cpp.py MODEL.gguf IDS.json THREADS     IDS.json: a list of 512 token ids

first   seconds from opening the file to the first predicted token; Python's start and the import are not counted
decode  tokens a second while 128 tokens are generated, greedy, the end token ignored
prompt  tokens a second over the 512 ids
memory  largest resident set of the process, bytes
"""

import json
import resource
import sys
import time

from peer import need, report

xllamacpp = need("xllamacpp")
model, ids, threads = sys.argv[1], json.load(open(sys.argv[2])), int(sys.argv[3])
TEXT = "Michael Jordan plays the sport of"


def complete(server, prompt, n):
    answer = server.handle_completions(
        {"prompt": prompt, "max_tokens": n, "temperature": 0, "cache_prompt": False, "ignore_eos": True})
    return answer if isinstance(answer, dict) else json.loads(answer)


params = xllamacpp.CommonParams()
params.model.path = model
params.n_ctx = 2048
params.n_parallel = 1
params.n_gpu_layers = 0
params.cpuparams.n_threads = threads
params.cpuparams_batch.n_threads = threads
params.warmup = False
began = time.perf_counter()
server = xllamacpp.Server(params)
complete(server, TEXT, 1)
first = time.perf_counter() - began
decode = complete(server, TEXT, 128)["timings"]
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
complete(server, ids, 1)
prompt = complete(server, ids, 1)["timings"]
if decode["predicted_n"] != 128 or prompt["prompt_n"] < len(ids):
    sys.exit(f"llama.cpp did other work than it was asked: {decode} {prompt}")
report({"llama.cpp": "xllamacpp"},
       {"first": first, "decode": decode["predicted_per_second"], "prompt": prompt["prompt_per_second"], "memory": memory})
