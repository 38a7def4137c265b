"""A model of GPT-2 small's shape with random weights (498 MB), as transformers writes it.

usage: gpt2_small.py DIR
"""

import os
import sys

from peer import need, report

torch, transformers = need("torch", "transformers")
torch.manual_seed(0)
model = transformers.GPT2LMHeadModel(transformers.GPT2Config())
model.save_pretrained(sys.argv[1] + ".part")
os.rename(sys.argv[1] + ".part", sys.argv[1])
report({"transformers": "transformers"}, {})
