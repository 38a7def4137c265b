"""all-MiniLM-L6-v2 by transformers over PyTorch: from text to the mean of the last hidden states.

usage: sentences.py MODEL_DIR SENTENCES.txt THREADS

one   median seconds for the first sentence        many  for all of them in one padded batch
"""

import sys

from peer import median_time, need, report

torch, transformers = need("torch", "transformers")
torch.set_num_threads(int(sys.argv[3]))
torch.set_grad_enabled(False)
tokenizer = transformers.AutoTokenizer.from_pretrained(sys.argv[1])
model = transformers.AutoModel.from_pretrained(sys.argv[1]).eval()
texts = open(sys.argv[2], encoding="utf-8").read().splitlines()


def embed(batch):
    tokens = tokenizer(batch, padding=True, return_tensors="pt")
    mask = tokens["attention_mask"][:, :, None]
    return (model(**tokens).last_hidden_state * mask).sum(1) / mask.sum(1)


report({"transformers": "transformers", "torch": "torch"},
       {"one": median_time(lambda: embed(texts[:1]), 20), "many": median_time(lambda: embed(texts), 5)})
