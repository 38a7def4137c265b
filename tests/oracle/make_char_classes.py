#!/usr/bin/env python3
"""Character classes as the reference tokenizers have them -> lib/text/char_classes.def

usage: make_char_classes.py > lib/text/char_classes.def   (needs the Python package tokenizers)

The reference's tables are of Unicode 8 (categories) and 9 (normalisation), its lower case of a newer one, and
utf8proc's are of whatever Unicode the installed version has: ids must not depend on that.  Each class is measured
by asking the reference about every code point; normalisation is utf8proc's but for the late code points listed.
Scripts are numbered as they are met: what UnicodeScripts keeps together with one character of a script is of it.
"""
import unicodedata
from tokenizers import normalizers, pre_tokenizers

bert = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
clean = normalizers.BertNormalizer(**{**bert, "clean_text": True})
strip = normalizers.BertNormalizer(**{**bert, "strip_accents": True})
lower = normalizers.BertNormalizer(**{**bert, "lowercase": True})
nfd, nfkd, accents, split = normalizers.NFD(), normalizers.NFKD(), normalizers.StripAccents(), pre_tokenizers.BertPreTokenizer()


def ranges(name, cps):
    out = []
    for cp in cps:
        if out and out[-1][1] == cp - 1: out[-1][1] = cp
        else: out.append([cp, cp])
    print(f"\n/* {len(cps)} code points */")
    for i in range(0, len(out), 6):
        print(" ".join(f"{name}(0x{a:X}, 0x{b:X})" for a, b in out[i:i + 6]))


marks, accented, puncts, others, late, lowers = [], [], [], [], [], []
for cp in range(0x110000):
    if 0xD800 <= cp < 0xE000: continue
    c = chr(cp)
    s = "a" + c + "b"
    if clean.normalize_str(s) == "ab" and cp not in (0, 0xFFFD): others.append(cp)
    if unicodedata.normalize("NFD", c) == c and strip.normalize_str(s) == "ab": marks.append(cp)
    if accents.normalize_str(s) == "ab": accented.append(cp)
    if len(split.pre_tokenize_str(s)) == 3: puncts.append(cp)
    here = unicodedata.normalize("NFKD", c) != nfkd.normalize_str(c)
    if unicodedata.combining(c) > 1:  # does it give way to U+0334, of class 1?
        here |= nfd.normalize_str("a" + c + "\u0334") == "a" + c + "\u0334"
    if here: late.append(cp)
    low = lower.normalize_str(c)
    if unicodedata.category(c) == "Cn" and low != c: lowers.append((cp, ord(low)))

def scripts():
    """[first, last, script] of all code points but those that it never cuts at."""
    cut, first, out = pre_tokenizers.UnicodeScripts(), [], []
    for begin in range(0, 0x110000, 0x400):
        cps = [cp for cp in range(begin, begin + 0x400) if not 0xD800 <= cp < 0xE000]
        for cp in cps:
            c = chr(cp)
            if len(cut.pre_tokenize_str("a" + c + "\u03b1")) == 2 and len(cut.pre_tokenize_str("\u03b1" + c + "a")) == 2 and len(cut.pre_tokenize_str(c)) == 0: continue
            same = out[-1][2] if out and len(cut.pre_tokenize_str(first[out[-1][2] - 1] + c)) == 1 else 0
            k = same or next((i + 1 for i, f in enumerate(first) if len(cut.pre_tokenize_str(f + c)) == 1), 0)
            if not k:
                first.append(c)
                k = len(first)
            if out and out[-1][1] == cp - 1 and out[-1][2] == k: out[-1][1] = cp
            else: out.append([cp, cp, k])
    return out


print("/* Made by tests/oracle/make_char_classes.py, which says what these are.  Sorted. */")
print("#ifndef MARK\n#define MARK(first, last)\n#endif\n#ifndef PUNCTUATION\n#define PUNCTUATION(first, last)\n#endif\n"
      "#ifndef ACCENT\n#define ACCENT(first, last)\n#endif\n"
      "#ifndef OTHER\n#define OTHER(first, last)\n#endif\n#ifndef LATE\n#define LATE(first, last)\n#endif\n"
      "#ifndef LOWER\n#define LOWER(from, to)\n#endif\n#ifndef SCRIPT\n#define SCRIPT(first, last, script)\n#endif")
ranges("MARK", marks)
ranges("ACCENT", accented)
ranges("PUNCTUATION", puncts)
ranges("OTHER", others)
ranges("LATE", late)
print()
for i in range(0, len(lowers), 6): print(" ".join(f"LOWER(0x{a:X}, 0x{b:X})" for a, b in lowers[i:i + 6]))
print("\n/* scripts */")
rows = scripts()
for i in range(0, len(rows), 6): print(" ".join(f"SCRIPT(0x{a:X}, 0x{b:X}, {k})" for a, b, k in rows[i:i + 6]))
print("\n#undef MARK\n#undef ACCENT\n#undef PUNCTUATION\n#undef OTHER\n#undef LATE\n#undef LOWER\n#undef SCRIPT")
