#!/usr/bin/env python3
"""vecscope's tokenizers from GGUF vocabularies beside llama.cpp's and beside the tokenizers that they were made from.

usage: compare_gguf_tokenizers.py [--text FILE] [--lib build/release/libvecscope.so] [--size 8000] [--random 10000] [--save DIR] [--only NAME]
(from the root of the repository; needs the Python packages tokenizers, gguf and, for the second comparison, xllamacpp, whose
library has llama.cpp's own interface)

The vocabularies are those of tokenizer_variants.py, written as llama.cpp's convert_hf_to_gguf.py writes them.
"""
import argparse, ctypes, glob, json, os, random, sys, tempfile
os.environ["RAYON_NUM_THREADS"], os.environ["TOKENIZERS_PARALLELISM"] = "1", "false"
import gguf
from tokenizers import Tokenizer
from compare_tokenizers import Buf, Err, Ours, assigned, load
from tokenizer_variants import BYTES, MARK, variants

HERE = os.path.dirname(os.path.abspath(__file__))
# layout -> (architecture, tokenizer.ggml.model, tokenizer.ggml.pre)
KINDS = {"gpt2": ("gpt2", "gpt2", "gpt-2"), "llama3": ("llama", "gpt2", "llama-bpe"), "o200k": ("llama", "gpt2", "gpt-4o"), "starcoder": ("starcoder", "gpt2", "starcoder"),
         "falcon": ("falcon", "gpt2", "falcon"), "deepseek": ("deepseek2", "gpt2", "deepseek-v3"), "bloom": ("bloom", "gpt2", "bloom"), "qwen2": ("qwen2", "gpt2", "qwen2"),
         "mistral_first": ("llama", "llama", None), "bert_uncased": ("bert", "bert", None), "bert_cased": ("bert", "bert", None), "t5_new": ("t5", "t5", None)}


def vocabulary(tk, kind):
    """The keys of a GGUF file for a tokenizer."""
    j = json.loads(tk.to_str())
    arch, model, pre = kind
    vocab = tk.get_vocab()
    tokens = [None] * (max(vocab.values()) + 1)
    for p, i in vocab.items(): tokens[i] = p
    added = {a["id"]: a for a in j["added_tokens"]}
    types = [3 if i in added and added[i]["special"] else 4 if i in added else 6 if model == "llama" and p in BYTES else 1 for i, p in enumerate(tokens)]
    k = {"arch": arch, "model": model, "pre": pre, "tokens": tokens, "types": types, "scores": None, "merges": None, "charsmap": None, "ids": {}, "flags": {}}
    find = lambda *names: next((vocab[n] for n in names if n in vocab), None)
    k["ids"] = {"bos": find("<bos>", "<s>", "<|begin_of_text|>", "<|endoftext|>"), "eos": find("<eos>", "</s>", "<|end_of_text|>", "<|endoftext|>"), "unk": find("<unk>", "[UNK]"),
                "pad": find("<pad>", "[PAD]"), "sep": find("[SEP]"), "mask": find("[MASK]", "<mask>")}
    if model == "gpt2":
        k["merges"] = [" ".join(m) for m in j["model"]["merges"]]
        k["flags"] = {"add_bos": tk.encode("a").ids[0] == k["ids"]["bos"]}
    elif model == "llama":
        # as SentencePiece would rank them: the order of the merges
        rank = {}
        for n, (a, b) in enumerate(j["model"]["merges"]): rank.setdefault(a + b, n)
        k["scores"] = [-float(rank[p]) if p in rank else (0.0 if types[i] != 1 else -1e6) for i, p in enumerate(tokens)]
        k["flags"] = {"add_bos": True, "add_eos": False, "add_space_prefix": True}
    elif model == "bert":
        # (a piece with the mark in it could not be told from another's: BERT's own have none)
        tokens = [f"[unused{i}]" if MARK in p else p for i, p in enumerate(tokens)]
        k["tokens"] = [p if types[i] == 3 else p[2:] if p.startswith("##") else MARK + p for i, p in enumerate(tokens)]
        k["ids"]["bos"] = find("[CLS]")
        k["flags"] = {"lowercase": j["normalizer"]["lowercase"], "strip_accents": bool(j["normalizer"]["lowercase"] if j["normalizer"]["strip_accents"] is None else j["normalizer"]["strip_accents"])}
    else:
        import base64
        norm = j["normalizer"]
        k["charsmap"] = base64.b64decode((norm["normalizers"][0] if norm["type"] == "Sequence" else norm)["precompiled_charsmap"])
        k["scores"] = [s for _, s in j["model"]["vocab"]] + [0.0] * (len(tokens) - len(j["model"]["vocab"]))
        k["flags"] = {"add_space_prefix": True, "remove_extra_whitespaces": True, "add_eos": True, "add_bos": False}
    return k


def write(path, k):
    w = gguf.GGUFWriter(path, k["arch"])
    w.add_vocab_size(len(k["tokens"]))
    w.add_tokenizer_model(k["model"])
    if k["pre"]: w.add_tokenizer_pre(k["pre"])
    w.add_token_list(k["tokens"])
    w.add_token_types(k["types"])
    if k["scores"]: w.add_token_scores(k["scores"])
    if k["merges"]: w.add_token_merges(k["merges"])
    if k["charsmap"]: w.add_precompiled_charsmap(k["charsmap"])
    for n, i in k["ids"].items():
        if i is not None: getattr(w, f"add_{n}_token_id")(i)
    f = k["flags"]
    if "add_bos" in f: w.add_add_bos_token(f["add_bos"])
    if "add_eos" in f: w.add_add_eos_token(f["add_eos"])
    if "add_space_prefix" in f: w.add_add_space_prefix(f["add_space_prefix"])
    if "remove_extra_whitespaces" in f: w.add_remove_extra_whitespaces(f["remove_extra_whitespaces"])
    for n in ("lowercase", "strip_accents"):
        if n in f: w.add_bool(f"tokenizer.ggml.normalizer.{n}", f[n])
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.close()


class Source(ctypes.Structure):
    _fields_ = [("model", ctypes.c_char_p), ("count", ctypes.c_size_t), ("piece", ctypes.POINTER(ctypes.c_char_p)), ("piece_len", ctypes.POINTER(ctypes.c_uint32)),
                ("score", ctypes.POINTER(ctypes.c_float)), ("type", ctypes.POINTER(ctypes.c_int32)), ("merge", ctypes.POINTER(ctypes.c_char_p)), ("merge_len", ctypes.POINTER(ctypes.c_uint32)),
                ("merge_count", ctypes.c_size_t)] + [(n, ctypes.c_int32) for n in ("bos", "eos", "unk", "pad", "sep", "cls", "mask")] + [
                    (n, ctypes.c_int) for n in ("add_bos", "add_eos", "add_sep", "add_space_prefix", "remove_extra_whitespaces", "lowercase", "strip_accents")] + [
                        ("pre", ctypes.c_char_p), ("charsmap", ctypes.c_char_p), ("charsmap_len", ctypes.c_size_t)]


class FromVocabulary(Ours):
    def __init__(self, lib, k):
        self.lib, self.err, self.t = lib, Err(), ctypes.c_void_p()
        pieces, merges = [p.encode() for p in k["tokens"]], [m.encode() for m in k["merges"] or ()]
        array = lambda t, v: (t * max(len(v), 1))(*v)
        flag = lambda n: -1 if n not in k["flags"] else int(k["flags"][n])
        self.keep = s = Source(model=k["model"].encode(), count=len(pieces), piece=array(ctypes.c_char_p, pieces), piece_len=array(ctypes.c_uint32, [len(p) for p in pieces]),
                               score=array(ctypes.c_float, k["scores"]) if k["scores"] else None, type=array(ctypes.c_int32, k["types"]), merge=array(ctypes.c_char_p, merges) if merges else None,
                               merge_len=array(ctypes.c_uint32, [len(m) for m in merges]), merge_count=len(merges), cls=-1, pre=(k["pre"] or "").encode(), charsmap=k["charsmap"], charsmap_len=len(k["charsmap"] or b""),
                               **{n: -1 if i is None else i for n, i in k["ids"].items()},
                               **{n: flag(n) for n in ("add_bos", "add_eos", "add_sep", "add_space_prefix", "remove_extra_whitespaces", "lowercase", "strip_accents")})
        self._check(lib.vs_tokenizer_from_vocab(ctypes.byref(self.err), ctypes.byref(s), ctypes.byref(self.t)))


class LlamaCpp:
    """llama.cpp, loading the vocabulary alone."""

    def __init__(self):
        import xllamacpp
        L = self.L = ctypes.CDLL(glob.glob(os.path.join(os.path.dirname(xllamacpp.__file__), "xllamacpp*.so"))[0])

        class Params(ctypes.Structure): _fields_ = [("bytes", ctypes.c_uint8 * 160)]
        L.llama_model_default_params.restype = Params
        L.llama_model_load_from_file.restype = L.llama_model_get_vocab.restype = ctypes.c_void_p
        L.llama_model_load_from_file.argtypes = [ctypes.c_char_p, Params]
        L.llama_model_get_vocab.argtypes = L.llama_model_free.argtypes = [ctypes.c_void_p]
        L.llama_tokenize.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.POINTER(ctypes.c_int32), ctypes.c_int32, ctypes.c_bool, ctypes.c_bool]
        self.quiet = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)((lambda level, text, user: sys.stderr.write(text.decode(errors="replace"))) if os.environ.get("LLAMA_LOG") else lambda *a: None)
        L.llama_log_set(self.quiet, None)
        L.llama_backend_init()
        self.params = L.llama_model_default_params()
        self.params.bytes[72] = 1  # vocab_only, in this version

    def open(self, path):
        self.m = self.L.llama_model_load_from_file(path.encode(), self.params)
        self.v = self.L.llama_model_get_vocab(self.m) if self.m else None

    def encode(self, text):
        s = text.encode()
        out = (ctypes.c_int32 * (len(s) + 16))()
        n = self.L.llama_tokenize(self.v, s, len(s), out, len(out), True, True)
        return out[:n] if n >= 0 else None


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--text", default="")
    a.add_argument("--lib", default="build/release/libvecscope.so")
    a.add_argument("--size", type=int, default=8000)
    a.add_argument("--random", type=int, default=10000)
    a.add_argument("--seed", type=int, default=3)
    a.add_argument("--save", default="")
    a.add_argument("--only", default="")
    o = a.parse_args()
    sample = open(os.path.join(HERE, "multilingual.txt"), encoding="utf-8").read()
    text = open(o.text, encoding="utf-8", newline="").read() if o.text else sample * 20
    made = [(os.path.basename(f)[:-5], Tokenizer.from_file(f)) for f in sorted(glob.glob(os.path.join(o.save, "*.json")))] if o.save else list(
        variants(text.splitlines(keepends=True) + sample.splitlines(keepends=True) * 30, o.size))
    lib, chars, bad = load(o.lib), assigned(), 0
    try: peer = LlamaCpp()
    except ImportError: peer = None
    for name, tk in made:
        if name not in KINDS or (o.only and name not in o.only.split(",")): continue
        k = vocabulary(tk, KINDS[name])
        ours = FromVocabulary(lib, k)
        with tempfile.TemporaryDirectory() as d:
            write(os.path.join(d, "v.gguf"), k)
            if peer: peer.open(os.path.join(d, "v.gguf"))
        r = random.Random(o.seed)
        strings = ["".join(r.choice(chars) for _ in range(r.choice([1, 3, 8, 20, 40]))) for _ in range(o.random)]
        row = []
        for corpus, texts in (("text", [text] + text.splitlines(keepends=True)[:2000]), ("multilingual", sample.splitlines()), ("random", strings)):
            n = [0, 0, 0, 0]
            first = {}
            for x in texts:
                if k["model"] == "bert": x = x.replace(MARK, "")
                got = ours.encode(x)[0][0]
                n[0] += 1
                for which, want in ((1, tk.encode(x).ids), (2, peer.encode(x) if peer and peer.v else None)):
                    if want is None: n[3] += which == 2
                    elif want != got:
                        n[which] += 1
                        at = next((i for i in range(min(len(want), len(got))) if want[i] != got[i]), min(len(want), len(got)))
                        first.setdefault(which, (x[:80], at, [tk.id_to_token(i) for i in got[max(at - 2, 0):at + 5]], [tk.id_to_token(i) for i in want[max(at - 2, 0):at + 5]]))
                if ours.decode(got, True)[0] != tk.decode(got): first.setdefault("decoded", (x[:80], ours.decode(got, True)[0][:80], tk.decode(got)[:80]))
            row.append(f"{corpus} {n[0]}: original {'equal' if not n[1] else str(n[1]) + ' differ'}, llama.cpp " + ("not loaded" if n[3] else "equal" if not n[2] else f"{n[2]} differ"))
            bad += bool(n[1])
            for w, d in first.items(): row.append(f"\n      {w}: {d!r:.600}")
        print(f"{name:14} " + "   ".join(row), flush=True)
        ours.close()
    sys.exit(1 if bad else 0)


if __name__ == "__main__": main()
