#!/usr/bin/env python3
"""Pipelines put together at random from every part that tokenizer.json can name, with every setting, beside Hugging Face's.

usage: compare_tokenizer_parts.py [--lib build/release/libvecscope.so] [--pipelines 500] [--strings 150] [--seed 1] [--size 1600] [--show 8] [--keep DIR]
(from the root of the repository; needs the Python package tokenizers)

What the reference does not open is left out; what it cannot encode must be an error here too.  Prints what differs and what is
refused; exit 1 when anything differs.  --keep: the tokenizer.json of each that differs goes there.
"""
import argparse, collections, copy, json, os, random
os.environ.update(RAYON_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false", RUST_BACKTRACE="0")
from tokenizers import Tokenizer
from compare_tokenizers import Ours, Result, assigned, decode, load, theirs
from tokenizer_variants import BYTES, CL100K, CLIP, DEEPSEEK, GPT2, MARK, O200K, Trained

HERE = os.path.dirname(os.path.abspath(__file__))
WORDS = ["the ", " swan", "water", "é", "東京", "ひらがな", "カタカナー", "<s>", "[MASK]", " <mask> ", "\n", "\r\n", "\t", "  ", MARK, "Ġ", "'s", "n't", " .", "12345", "٣٤", "½", "Ⅷ", "</w>", "##", "e\u0301",
         "\u200b", "\u00a0", "\u3000", "ß", "İ", "ſ", "ﬁ", "don't", " do not", "Thee", "thee swan", "-", "...", "!?", "한국어", "ไทย", "👩‍👩‍👧", "<x>", "blue", "BLUE ", "<0x41>", "\x07", "\x00"]
LITERALS = ["", " ", "e", "-", ".", "th", "\n", MARK, "é", "東", "  "]
REGEXES = [r"\s+", r"\d", r"\d{1,3}", r"[a-z]+", r"\w+|[^\w\s]+", r"\p{L}+", r"\p{N}", r"(?=[A-Z])", "", r"(?m:.)", r"'s|'t| ?\p{L}+", r"[^\p{L}]", r"[\r\n]+", r"\p{Han}+", r"\bth", r" {2,}", r"(?i:the|swan)", GPT2, CL100K, O200K, CLIP, DEEPSEEK]
BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
CONTENTS = ["", " ", MARK, "x", "東", "ab"]


class Maker:
    def __init__(self, r, models): self.r, self.models = r, models

    def coin(self): return self.r.random() < .5
    def pick(self, *x): return self.r.choice(x)
    def pattern(self, least=0): return {"String": self.r.choice(LITERALS[least:])} if self.coin() else {"Regex": self.r.choice([x for x in REGEXES if x or not least])}

    def some(self, make, most=3):
        """None, one part, or a sequence of them."""
        n = self.r.choice([0, 1, 1, 1] + list(range(2, most + 1)))
        return [make() for _ in range(n)]

    def normalizer(self):
        kind = self.pick("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "Strip", "Prepend", "Replace", "Replace", "BertNormalizer", "ByteLevel")
        j = {"type": kind}
        if kind == "Strip": j.update(strip_left=self.coin(), strip_right=self.coin())
        if kind == "Prepend": j.update(prepend=self.pick(MARK, " ", "ab", "é"))
        if kind == "Replace": j.update(pattern=self.pattern(1), content=self.r.choice(CONTENTS))  # what theirs cuts is another text where an empty match comes first
        if kind == "BertNormalizer": j.update(clean_text=self.coin(), handle_chinese_chars=self.coin(), strip_accents=self.pick(None, True, False), lowercase=self.coin())
        return j

    def pretokenizer(self):
        kind = self.pick("BertPreTokenizer", "ByteLevel", "ByteLevel", "CharDelimiterSplit", "Metaspace", "Metaspace", "Whitespace", "WhitespaceSplit", "Split", "Split", "Split", "Punctuation", "Digits", "FixedLength", "UnicodeScripts")
        j = {"type": kind}
        if kind == "ByteLevel": j.update(add_prefix_space=self.coin(), trim_offsets=self.coin(), use_regex=self.coin())
        if kind == "CharDelimiterSplit": j.update(delimiter=self.pick("e", " ", "東", "-"))
        if kind == "Metaspace": j.update(replacement=self.pick(MARK, MARK, "_", "é"), prepend_scheme=self.pick("always", "first", "never"), split=self.coin())
        if kind == "Split": j.update(pattern=self.pattern(), behavior=self.r.choice(BEHAVIORS), invert=self.coin())
        if kind == "Punctuation": j.update(behavior=self.r.choice(BEHAVIORS))
        if kind == "Digits": j.update(individual_digits=self.coin())
        if kind == "FixedLength": j.update(length=self.pick(1, 3, 7))
        return j

    def decoder(self):
        kind = self.pick("BPEDecoder", "ByteLevel", "WordPiece", "Metaspace", "CTC", "Replace", "Fuse", "Strip", "ByteFallback")
        j = {"type": kind}
        if kind == "BPEDecoder": j.update(suffix=self.pick("</w>", "e", ""))
        if kind == "ByteLevel": j.update(add_prefix_space=self.coin(), trim_offsets=self.coin(), use_regex=self.coin())
        if kind == "WordPiece": j.update(prefix=self.pick("##", "", "e"), cleanup=self.coin())
        if kind == "Metaspace": j.update(replacement=self.pick(MARK, "e"), prepend_scheme=self.pick("always", "first", "never"), split=self.coin())
        if kind == "CTC": j.update(pad_token=self.pick("<pad>", "e", "é"), word_delimiter_token=self.pick("|", " ", "a"), cleanup=self.coin())
        if kind == "Replace": j.update(pattern=self.pattern(), content=self.r.choice(CONTENTS))
        if kind == "Strip": j.update(content=self.pick(" ", "t", MARK), start=self.pick(0, 1, 2), stop=self.pick(0, 1))
        return j

    def model(self):
        self.base = self.r.choice(list(self.models))
        j = copy.deepcopy(self.models[self.base])
        vocab, kind = j["vocab"], j["type"]
        if kind == "BPE":
            j.update(fuse_unk=self.coin(), ignore_merges=self.coin(), byte_fallback=self.coin())
            if self.coin():
                if "<unk>" not in vocab: vocab["<unk>"] = len(vocab)
                j["unk_token"] = "<unk>"
            if j["byte_fallback"] and self.coin():
                for b in BYTES: vocab.setdefault(b, len(vocab))
        if kind == "WordPiece": j.update(max_input_chars_per_word=self.pick(3, 10, 100, 100))
        if kind == "Unigram":
            j.update(byte_fallback=self.coin())
            if j["byte_fallback"] and self.coin(): j["vocab"] = vocab + [[b, -20.0] for b in BYTES]
            if self.r.random() < .2: j["unk_id"] = None
        if self.r.random() < .1: j.pop("type", None)
        return j

    def added(self, j):
        vocab = j["vocab"]
        size = len(vocab)
        known = [p for p in (vocab if isinstance(vocab, dict) else [v[0] for v in vocab]) if p and len(p) < 12]
        texts = ["<s>", "</s>", "[MASK]", "<mask>", "<x>", "swan", "the", "é", "東", "Thee", "thee swan", "Ⅷ", "  ", "\n", "e", MARK * 2, "12", "ÄB", "blue ", " water", "ﬁ"] + self.r.sample(known, 3)
        flags = lambda: dict(special=self.coin(), single_word=self.r.random() < .3, lstrip=self.r.random() < .3, rstrip=self.r.random() < .3, normalized=self.coin())
        out = []
        for t in self.r.sample(texts, self.r.choice([0, 2, 5, 8])):
            index = (vocab.get(t) if isinstance(vocab, dict) else next((i for i, v in enumerate(vocab) if v[0] == t), None))
            if index is None: index, size = size, size + 1
            out.append({"id": index, "content": t, **flags()})
        return sorted(out, key=lambda a: a["id"])

    def post(self, j):
        added = [(a["content"], a["id"]) for a in j["added_tokens"] if a["special"]]
        def one():
            kind = self.pick("ByteLevel", "TemplateProcessing", "TemplateProcessing", "RobertaProcessing", "BertProcessing")
            if kind == "ByteLevel": return {"type": kind, "add_prefix_space": self.coin(), "trim_offsets": self.coin(), "use_regex": True}
            if len(added) < 2: return None
            (a, x), (b, y) = added[0], added[1]
            if kind == "RobertaProcessing": return {"type": kind, "sep": [a, x], "cls": [b, y], "trim_offsets": self.coin(), "add_prefix_space": self.coin()}
            if kind == "BertProcessing": return {"type": kind, "sep": [a, x], "cls": [b, y]}
            special = lambda t: {"SpecialToken": {"id": t, "type_id": self.pick(0, 0, 1, 2)}}
            text = lambda t: {"Sequence": {"id": t, "type_id": self.pick(0, 1)}}
            return {"type": kind, "single": [special(a)] * self.coin() + [text("A")] + [special(b)] * self.coin(), "pair": [special(a)] * self.coin() + [text("A"), special(b), text("B")] + [special(a)] * self.coin(),
                    "special_tokens": {a: {"id": a, "ids": [x] if self.coin() else [x, y], "tokens": [a] if self.coin() else [a, b]}, b: {"id": b, "ids": [y], "tokens": [b]}}}
        p = one() if self.coin() else None
        if p and p["type"] != "ByteLevel":
            for t in p.get("special_tokens", {}).values(): t["tokens"] = [str(i) for i in t["ids"]]
        if self.r.random() < .25:
            q = [x for x in (one(), one()) if x]
            p = {"type": "Sequence", "processors": q}
        return p

    def pipeline(self):
        seq = lambda x, kind, key: None if not x else x[0] if len(x) == 1 and self.coin() else {"type": kind, key: x}
        j = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "model": self.model()}
        j["normalizer"] = seq(self.some(self.normalizer), "Sequence", "normalizers")
        j["pre_tokenizer"] = seq(self.some(self.pretokenizer), "Sequence", "pretokenizers")
        j["decoder"] = seq(self.some(self.decoder), "Sequence", "decoders")
        j["added_tokens"] = self.added(j["model"])
        j["post_processor"] = self.post(j)
        return j


def compare(r, ours, tk, text, pair, errors):
    r.n += 1
    try: tk.encode(text, pair)
    except KeyboardInterrupt: raise
    except BaseException as e: ids, spans, types = None, str(e), None  # a panic of theirs is no Exception
    else: ids, spans, types = theirs(tk, text, pair)
    try: (i, s, t), _ = ours.encode(text, pair)
    except RuntimeError as e:
        if ids is not None: r.differs("errors", text[:200], str(e))
        errors[str(e)[:80]] += 1
        return
    if ids is None: r.differs("accepted", text[:200], spans) if "index out of" not in spans else None  # they panic
    elif i != ids: r.differs("ids", text[:200], pair, [x for x in zip(i, ids) if x[0] != x[1]][:5], len(i), len(ids))
    else:
        if s != spans: r.differs("spans", text[:200], pair, [(k, tk.id_to_token(ids[k]), x) for k, x in enumerate(zip(s, spans)) if x[0] != x[1]][:5])
        if t != types: r.differs("types", text[:200], pair)
        decoded(r, ours, tk, ids)


def decoded(r, ours, tk, ids):
    try: decode(r, ours, tk, ids)
    except RuntimeError as e: r.differs("errors", "decoding", str(e))
    except KeyboardInterrupt: raise
    except BaseException: pass  # theirs panics


def ambiguous(tk, j):
    """Added tokens that the normaliser makes alike or empty: which is found is chance, or everything breaks."""
    spelled = [tk.normalizer.normalize_str(a["content"]) if tk.normalizer and a["normalized"] else a["content"] for a in j["added_tokens"]]
    return len(set(spelled)) < len(spelled) or "" in spelled


def short(j):
    """The pipeline in a few words."""
    def word(x):
        if x is None: return "-"
        for k in ("normalizers", "pretokenizers", "decoders", "processors"):
            if k in x: return "[" + ", ".join(word(y) for y in x[k]) + "]"
        return x["type"] + "(" + ", ".join(f"{k}={v!r:.60}" for k, v in x.items() if k not in ("type", "special_tokens")) + ")"
    m = {k: v for k, v in j["model"].items() if k not in ("vocab", "merges")}
    return f"norm {word(j['normalizer'])}\n    pre {word(j['pre_tokenizer'])}\n    model {m}\n    post {word(j['post_processor'])}\n    dec {word(j['decoder'])}\n    added {[(a['content'], ''.join(f[0] for f in ('special', 'normalized', 'lstrip', 'rstrip') if a[f]) + ('w' if a['single_word'] else '')) for a in j['added_tokens']]}"


def strings(r, chars, n):
    return ["".join(r.choice(chars) if (q := r.random()) < .25 else r.choice(WORDS) if q < .75 else chr(r.randrange(32, 127)) for _ in range(r.choice([0, 1, 3, 8, 20]))) for _ in range(n)]


def models(size, lines=None):
    """One of each kind, trained on the lines (multilingual.txt)."""
    sample = open(os.path.join(HERE, "multilingual.txt"), encoding="utf-8").read()
    t = Trained((lines or sample.splitlines(keepends=True)) * 3, size)
    return {name: t.model(name) for name in ("byte_level", "spm", "unigram", "wordpiece lower", "wordpiece cased", "words", "suffixed", "prefixed")}


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--lib", default="build/release/libvecscope.so")
    a.add_argument("--pipelines", type=int, default=500)
    a.add_argument("--strings", type=int, default=150)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--size", type=int, default=1600)
    a.add_argument("--show", type=int, default=8)
    a.add_argument("--keep", default="")
    a.add_argument("--spans", action="store_true", help="offsets count, too")
    a.add_argument("--first", type=int, default=0)
    o = a.parse_args()
    lib, chars, made = load(o.lib), assigned(), models(o.size)
    refused, errors, bad, opened, checked, offsets = collections.Counter(), collections.Counter(), 0, 0, 0, 0
    for k in range(o.first, o.first + o.pipelines):
        r = random.Random(o.seed * 1000003 + k)
        j = Maker(r, made).pipeline()
        text = json.dumps(j, ensure_ascii=False)
        try: tk = Tokenizer.from_str(text)
        except KeyboardInterrupt: raise
        except BaseException as e:
            refused["by the reference: " + str(e)[:60]] += 1
            continue
        if ambiguous(tk, j): continue
        try: ours = Ours(lib, text)
        except RuntimeError as e:
            refused[str(e)[:100]] += 1
            continue
        opened += 1
        res = Result()
        res.accepted = 0
        texts = strings(r, chars, o.strings)
        for n, x in enumerate(texts): compare(res, ours, tk, x, texts[-n] if n % 5 == 1 else None, errors)
        known = sorted(tk.get_vocab().values())
        for _ in range(o.strings // 3):
            decoded(res, ours, tk, [r.choice(known) for _ in range(r.choice([1, 3, 10, 30]))])
        checked += res.n
        if not o.spans and res.first.keys() <= {"spans"}: offsets += bool(res.first)
        elif res.first:
            bad += 1
            if o.keep: open(os.path.join(o.keep, f"{o.seed}_{k}.json"), "w").write(text)
            if bad <= o.show:
                print(f"pipeline {k}: " + " ".join(f"{w}!{getattr(res, w)}" for w in ("ids", "spans", "types", "text", "errors", "accepted") if getattr(res, w)) + f" of {res.n}\n    " + short(j))
                for w, d in res.first.items(): print(f"      {w}: {d!r:.600}", flush=True)
        ours.close()
    for what, n in refused.most_common(30): print(f"not opened {n}: {what}")
    for what, n in errors.most_common(10): print(f"error {n}: {what}")
    print(f"{opened} pipelines of {o.pipelines}, {checked} strings: {bad} differ" + f", {offsets} in offsets alone" * (not o.spans))
    raise SystemExit(1 if bad else 0)


if __name__ == "__main__": main()
