"""Forward and backward of the GPT-2-small shape over 4 texts of 128 tokens, by transformers over PyTorch.

usage: gradients.py MODEL_DIR THREADS

both   median seconds of the loss and every parameter's gradient        forward  of the logits alone
"""

import sys

from peer import median_time, need, report

torch, transformers = need("torch", "transformers")
torch.set_num_threads(int(sys.argv[2]))
model = transformers.GPT2LMHeadModel.from_pretrained(sys.argv[1]).eval()  # without dropout
ids = torch.randint(0, model.config.vocab_size, (4, 128))


def both():
    model.zero_grad()
    model(ids, labels=ids).loss.backward()


def forward():
    with torch.no_grad():
        model(ids)


report({"transformers": "transformers", "torch": "torch"}, {"both": median_time(both, 3), "forward": median_time(forward, 3)})
