#!/usr/bin/env python3
"""What bench_tokenizer measures, by Hugging Face tokenizers on one thread.

usage: peer_tokenizer.py MODEL TEXT.txt      MODEL: a GGUF file or a directory with tokenizer.json
"""
import os, sys, time
os.environ["RAYON_NUM_THREADS"], os.environ["TOKENIZERS_PARALLELISM"] = "1", "false"
from transformers import AutoTokenizer

path, text = sys.argv[1], open(sys.argv[2], encoding="utf-8").read()
start = time.perf_counter()
if os.path.isdir(path): tk = AutoTokenizer.from_pretrained(path)
else: tk = AutoTokenizer.from_pretrained(os.path.dirname(os.path.abspath(path)), gguf_file=os.path.basename(path))
loaded = time.perf_counter() - start
tk = tk.backend_tokenizer
tk.no_truncation()
tk.no_padding()
encoded, decoded, size = [], [], len(text.encode())
for _ in range(5):
    a = time.perf_counter()
    ids = tk.encode(text).ids
    b = time.perf_counter()
    tk.decode(ids)
    encoded.append(b - a)
    decoded.append(time.perf_counter() - b)
print(f"load {loaded * 1e3:.1f} ms   encode {size / min(encoded) / 1e6:.2f} MB/s ({size} bytes, {len(ids)} tokens)   "
      f"decode {size / min(decoded) / 1e6:.2f} MB/s")
