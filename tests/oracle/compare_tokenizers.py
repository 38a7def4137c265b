#!/usr/bin/env python3
"""vecscope's tokenizers beside Hugging Face's, over whole corpora: ids, offsets, decoded text, and speed on one thread.

usage: compare_tokenizers.py [--fixtures DIR] [--text FILE] [--lib build/release/libvecscope.so] [--size 8000] [--random 10000]
                             [--only NAME] [--speed] [--md]      (from the root of the repository; needs the Python package tokenizers)

Tokenizers: every NAME/tokenizer.json of --fixtures, and tokenizer_variants.py trained on the text and multilingual.txt.
Corpora: the text (tinyshakespeare) whole and line by line, multilingual.txt whole and line by line, and random strings
of characters assigned by Unicode 12; pairs, and random ids decoded.  Prints a row a tokenizer; exit 1 when anything differs.
"""
import argparse, bisect, ctypes, glob, os, random, sys, time
os.environ["RAYON_NUM_THREADS"], os.environ["TOKENIZERS_PARALLELISM"] = "1", "false"
from tokenizers import Tokenizer
from tokenizer_variants import variants

HERE = os.path.dirname(os.path.abspath(__file__))
# what Unicode 12.1 to 14 assigned (Python's own table is of 14 or later); what is later still Python 3.11 does not have
LATER = """61D 870-88E 890-891 898-89F 8B5 8BE-8D2 B55 C3C C5D CDD D04 D81 170D 1715 171F 180F 1ABF-1ACE 1B4C 1B7D-1B7E 1DFA 20C0 2B97
2C2F 2C5F 2E50-2E5D 2FFC-2FFF 31BB-31BF 31E4-31E5 31EF 32FF 4DB6-4DBF 9FF0-9FFF A7C0-A7C1 A7C7-A7DC A7F1-A7F6 A82C AB68-AB6B FBC2 FD40-FD4F FDCF FDFE-FDFF
1019C 10570-105FF 10780-107BA 10D40-10D8F 10E80-10EFF 10F70-10F89 10FB0-10FCB 11070-11075 110C2 11147 111CE-111CF 11240-11241 11380-113E2 1145A 11460-11461 116B9 116D0-116E3 11740-11746
11900-11959 11AB0-11ABF 11B00-11BFF 11F00-11F5A 11FB0 12F90-12FF2 13430-1345F 13460-143FA 16100-1613F 16A70-16AC9 16D40-16D7F 16FE4 16FF0-16FFF 187F8-187FF 18AF3-18D1E 1AFF0-1AFFE 1B11F-1B132 1B155 1CC00-1CFFF
1D1E9-1D1EA 1D2C0-1D2D3 1DF00-1DF2A 1E030-1E08F 1E290-1E2AE 1E4D0-1E5FF 1E7E0-1E7FE 1F10D-1F10F 1F16D-1F16F 1F1AD 1F6D5-1F6D8 1F6DC-1F6DF 1F6FB-1F6FC 1F774-1F77F 1F7D9 1F7F0 1F8B0-1F8FF
1F90C 1F972 1F977-1F979 1F9A3-1F9A4 1F9AB-1F9AD 1F9CB-1F9CC 1FA54-1FA5F 1FA70-1FAFF 1FB00-1FBF9 2A6D7-2A6DF 2B735-2B739 2B820-2B81F 2EBF0-2EE5D 30000-323AF"""


def assigned():
    import unicodedata
    late = set()
    for r in LATER.split():
        a, _, b = r.partition("-")
        late.update(range(int(a, 16), int(b or a, 16) + 1))
    late -= set(range(0x1FA70, 0x1FA74)) | set(range(0x1FA78, 0x1FA7B)) | set(range(0x1FA80, 0x1FA83)) | set(range(0x1FA90, 0x1FA96))
    late -= {0x1F6D5}
    return [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs") and c not in late and not 0xF0000 <= c]


class Tokens(ctypes.Structure):
    _fields_ = [("n", ctypes.c_size_t), ("id", ctypes.POINTER(ctypes.c_int32)), ("begin", ctypes.POINTER(ctypes.c_uint32)), ("end", ctypes.POINTER(ctypes.c_uint32)),
                ("type", ctypes.POINTER(ctypes.c_uint8)), ("text", ctypes.POINTER(ctypes.c_uint8)), ("special", ctypes.POINTER(ctypes.c_uint8))]


class Buf(ctypes.Structure):
    _fields_ = [("s", ctypes.c_void_p), ("len", ctypes.c_size_t), ("cap", ctypes.c_size_t), ("failed", ctypes.c_bool)]


class Err(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("msg", ctypes.c_char * 1024)]


class Ours:
    """A tokenizer of libvecscope."""

    def __init__(self, lib, json_text):
        self.lib, self.err, self.t = lib, Err(), ctypes.c_void_p()
        j = json_text.encode()
        self._check(lib.vs_tokenizer_from_json(ctypes.byref(self.err), j, ctypes.c_size_t(len(j)), ctypes.byref(self.t)))

    def _check(self, status):
        if status: raise RuntimeError(self.err.msg.decode(errors="replace"))

    def encode(self, text, pair=None, special=True, keep=True):
        """(ids, [(begin, end)] in bytes, types) and seconds."""
        a, b, x = text.encode(), pair.encode() if pair is not None else None, Tokens()
        t = time.perf_counter()
        status = self.lib.vs_tokenize(ctypes.byref(self.err), self.t, a, ctypes.c_size_t(len(a)), b, ctypes.c_size_t(len(b or b"")), ctypes.c_bool(special), ctypes.byref(x))
        t = time.perf_counter() - t
        self._check(status)
        got = x.id[:x.n], list(zip(x.begin[:x.n], x.end[:x.n])) if keep else None, x.type[:x.n] if keep else None
        self.lib.vs_tokens_free(ctypes.byref(x))
        return got, t

    def decode(self, ids, skip=True):
        """text and seconds."""
        array, out = (ctypes.c_int32 * len(ids))(*ids), Buf()
        t = time.perf_counter()
        status = self.lib.vs_detokenize(ctypes.byref(self.err), self.t, array, ctypes.c_size_t(len(ids)), ctypes.c_bool(skip), ctypes.byref(out))
        t = time.perf_counter() - t
        self._check(status)
        text = ctypes.string_at(out.s, out.len).decode() if out.len else ""
        self.lib.vs_buf_free(ctypes.byref(out))
        return text, t

    def close(self): self.lib.vs_tokenizer_free(self.t)


def starts(text):
    """Byte offset of each character."""
    out, n = [0], 0
    for c in text:
        n += len(c.encode())
        out.append(n)
    return out


def theirs(tk, text, pair=None):
    e = tk.encode(text, pair) if pair is not None else tk.encode(text)
    at = [starts(text), starts(pair or "")]
    part = lambda q: at[min(q or 0, 1)]
    spans = [(0, 0) if s else tuple(part(q)[min(x, len(part(q)) - 1)] for x in (a, b)) for (a, b), s, q in zip(e.offsets, e.special_tokens_mask, e.sequence_ids)]
    return e.ids, spans, e.type_ids


class Result:
    def __init__(self): self.n = self.ids = self.spans = self.types = self.text = self.errors = 0; self.first = {}

    def differs(self, what, *detail):
        setattr(self, what, getattr(self, what) + 1)
        self.first.setdefault(what, detail)


def compare(r, ours, tk, text, pair=None):
    r.n += 1
    ids, spans, types = theirs(tk, text, pair)
    try:
        (i, s, t), _ = ours.encode(text, pair)
        if i != ids: r.differs("ids", text[:200], pair, [x for x in zip(i, ids) if x[0] != x[1]][:5], len(i), len(ids))
        else:
            if s != spans: r.differs("spans", text[:200], pair, [(k, tk.id_to_token(ids[k]), x) for k, x in enumerate(zip(s, spans)) if x[0] != x[1]][:5])
            if t != types: r.differs("types", text[:200], pair)
        decode(r, ours, tk, ids)
    except RuntimeError as e:
        r.differs("errors", text[:200], str(e))


def decode(r, ours, tk, ids):
    for skip in (True, False):
        want = tk.decode(ids, skip_special_tokens=skip)
        got = ours.decode(ids, skip)[0]
        if got != want:
            k = next((k for k in range(min(len(got), len(want))) if got[k] != want[k]), min(len(got), len(want)))
            r.differs("text", ids[:30], skip, got[max(k - 20, 0):k + 20], want[max(k - 20, 0):k + 20])


def speed(ours, tk, text, rounds=3):
    """Best of some rounds, taking turns: their seconds / ours, for encoding and decoding."""
    e, d, E, D = [], [], [], []
    ids = tk.encode(text).ids
    for _ in range(rounds):
        e.append(ours.encode(text, keep=False)[1])
        t = time.perf_counter(); tk.encode(text); E.append(time.perf_counter() - t)
        d.append(ours.decode(ids)[1])
        t = time.perf_counter(); tk.decode(ids); D.append(time.perf_counter() - t)
    return min(E) / min(e), min(D) / min(d), min(e), min(d)


def load(path):
    lib = ctypes.CDLL(os.path.abspath(path))
    lib.vs_tokens_free.restype = lib.vs_buf_free.restype = lib.vs_tokenizer_free.restype = None
    return lib


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--fixtures", default="tests/data/fixtures")
    a.add_argument("--text", default="")
    a.add_argument("--lib", default="build/release/libvecscope.so")
    a.add_argument("--size", type=int, default=8000)
    a.add_argument("--random", type=int, default=10000)
    a.add_argument("--seed", type=int, default=12)
    a.add_argument("--only", default="")
    a.add_argument("--speed", action="store_true")
    a.add_argument("--lines", type=int, default=2000, help="how many lines of the text one by one")
    a.add_argument("--save", default="", help="a directory for the variants' tokenizer.json, trained once")
    o = a.parse_args()
    sample = open(os.path.join(HERE, "multilingual.txt"), encoding="utf-8").read()
    text = open(o.text, encoding="utf-8", newline="").read() if o.text else sample * 20
    lib, chars = load(o.lib), assigned()
    todo = [] if o.fixtures == "none" else [(os.path.basename(os.path.dirname(f)) + " (file)", Tokenizer.from_file(f)) for f in sorted(glob.glob(os.path.join(o.fixtures, "*", "tokenizer.json")))]
    saved = sorted(glob.glob(os.path.join(o.save, "*.json"))) if o.save else []
    if not saved:
        lines = text.splitlines(keepends=True) + sample.splitlines(keepends=True) * 30
        made = list(variants(lines, o.size))
        if o.save:
            os.makedirs(o.save, exist_ok=True)
            for name, tk in made: tk.save(os.path.join(o.save, name + ".json"))
    else:
        made = [(os.path.basename(f)[:-5], Tokenizer.from_file(f)) for f in saved]
    bad = 0
    for name, tk in todo + made:
        if o.only and not any(x in name for x in o.only.split(",")): continue
        tk.no_truncation(); tk.no_padding()
        try: ours = Ours(lib, tk.to_str())
        except RuntimeError as e:
            bad += 1
            print(f"{name:22} REFUSED: {e}", flush=True)
            continue
        rows, r = [], random.Random(o.seed)
        alphabet = "".join(chr(c) for c in range(32, 127))
        words = ["the ", " swan", "water", "é", "東", "<s>", "[MASK]", " <mask> ", "\n", "\t", "  ", "▁", "Ġ", "'s", "n't", " .", "12345", "</w>", "##", "e\u0301", "\u200b", "ß", "İ", "ſ"]
        strings = ["".join(r.choice(chars) if r.random() < .5 else r.choice(words) if r.random() < .5 else r.choice(alphabet) for _ in range(r.choice([1, 3, 8, 20, 40])))
                   for _ in range(o.random // 2)] + ["".join(r.choice(chars) for _ in range(r.choice([1, 3, 8, 20, 40]))) for _ in range(o.random - o.random // 2)]
        known = sorted(tk.get_vocab().values())
        for corpus, texts in (("text", [text] + text.splitlines(keepends=True)[:o.lines]), ("multilingual", [sample] + sample.splitlines() + sample.splitlines(keepends=True)), ("random", strings)):
            res = Result()
            for k, x in enumerate(texts): compare(res, ours, tk, x, texts[-k] if corpus == "random" and k % 5 == 1 else None)
            if corpus == "random":
                for _ in range(2000):
                    try: decode(res, ours, tk, [r.choice(known) for _ in range(r.choice([1, 3, 10, 30]))])
                    except RuntimeError as e: res.differs("errors", str(e))
            rows.append(f"{corpus} {res.n}: " + (" ".join(f"{w}!{getattr(res, w)}" for w in ("ids", "spans", "types", "text", "errors") if getattr(res, w)) or "equal"))
            if res.first:
                bad += 1
                for w, d in res.first.items(): rows.append(f"\n      {w}: {d!r:.700}")
        fast = ""
        if o.speed:
            e, d, se, sd = speed(ours, tk, text)
            f, g, _, _ = speed(ours, tk, sample * 40)
            fast = f"   x{e:.2f} encode ({len(text.encode()) / se / 1e6:.1f} MB/s) x{d:.2f} decode ({len(text.encode()) / sd / 1e6:.0f} MB/s); multilingual x{f:.2f} x{g:.2f}"
        print(f"{name:22} " + "   ".join(rows) + fast, flush=True)
        ours.close()
    sys.exit(1 if bad else 0)


if __name__ == "__main__": main()
