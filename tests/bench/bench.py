#!/usr/bin/env python3
"""bench.py - vecscope beside the programs people use for the same work.

    make bench [BENCH_PYTHON=python] [BENCH_LENS=python] [BENCH="--only gemma"] [BENCH_OUT=docs/bench.md]

    python3 -m venv peers && peers/bin/pip install -r tests/bench/requirements.txt     # BENCH_PYTHON=peers/bin/python
    python3 -m venv lens && lens/bin/pip install torch transformer-lens                # BENCH_LENS=lens/bin/python

A group of figures is measured in rounds, vecscope and each of its peers taking turns in processes of their own, so that
what else happens on the machine falls on all; the table shows medians over the rounds.  BENCH_PYTHON names a Python that
can import the peers (xllamacpp, gensim with POT, faiss, apsw and sqlite_vec, torch and transformers); one that is missing is shown
as not run.  Needs the models of the catalogue (make fetch).  BENCH_LENS names one with TransformerLens, which wants packages of its
own; the model of GPT-2's shape that it and vecscope take apart (498 MB, random weights) is made by BENCH_PYTHON where there is none.
"""

import argparse
import collections
import datetime
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SENTENCES = os.path.join(HERE, "sentences.txt")
TEXT = "Michael Jordan plays the sport of"
MB = 1e6

cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "vecscope")
GEMMA = os.path.join(cache, "gemma3-270m", "gemma-3-270m-q4_k_m.gguf")
MINILM = os.path.join(cache, "minilm-l6")
GPT2 = os.path.join(cache, "bench", "gpt2-small-random")
GPT2_TOKENIZER = os.path.join(ROOT, "tests", "data", "fixtures", "gpt2", "tokenizer.json")
GLOVE = [os.path.join(cache, "glove-6b-50d", name) for name in ("glove-6b-50d.npy", "words.txt")]


# ---- running vecscope ----

Run = collections.namedtuple("Run", "seconds memory output")


def run(arguments):
    """One process of vecscope: its wall-clock seconds, its largest resident set in bytes, what it printed."""
    began = time.perf_counter()
    with subprocess.Popen([settings.vecscope, "--threads", str(settings.threads)] + arguments,
                          stdout=subprocess.PIPE, text=True) as process:
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"bench: vecscope {' '.join(arguments)[:200]} failed")
    return Run(seconds, usage.ru_maxrss * 1024, output)


def timed(opened, *commands, runs=1):
    """Median seconds of each command inside one process, run in turn `runs` times after one uncounted turn."""
    script = "\n".join(list(commands) + [f"time {c}" for c in commands] * runs) + "\n"
    with tempfile.NamedTemporaryFile("w", suffix=".vs") as file:
        file.write(script)
        file.flush()
        output = run(opened + ["--json", "-f", file.name]).output
    seconds = [json.loads(line)["seconds"] for line in output.splitlines() if '"seconds"' in line]
    if len(seconds) != runs * len(commands):
        sys.exit(f"bench: {len(seconds)} times printed, {runs * len(commands)} wanted")
    return [statistics.median(seconds[i::len(commands)]) for i in range(len(commands))]


# ---- what is measured: a function a group, {name: figure} ----

def gemma():
    model = ["-m", "gemma3-270m"]
    first = statistics.median(run(model + ["next", TEXT, "-k", "1"]).seconds for _ in range(5))
    one, more = timed(model, *(f'generate "{TEXT}" -n {n} --greedy --no-eos' for n in (1, 129)))
    prompt, = timed(model, f"next --ids {','.join(map(str, prompt_ids()))} -k 1", runs=3)
    memory = run(model + ["--json", "generate", TEXT, "-n", "128", "--greedy", "--no-eos"]).memory
    table, = timed(model, 'near W_E:" basketball" -k 10', runs=50)
    return {"table": table, "first": first, "decode": 128 / (more - one), "prompt": len(prompt_ids()) / prompt, "memory": memory}


def thousand_words():
    """A file of the thousand words that the peers are asked together: neighbours.py takes the same rows."""
    path = os.path.join(settings.folder, "thousand.txt")
    words = open(GLOVE[1], encoding="utf-8").read().split("\n")
    with open(path, "w", encoding="utf-8") as f: # quoted: a key whatever it looks like
        f.writelines('"' + words[i * 97].replace("\\", "\\\\").replace('"', '\\"') + '"\n' for i in range(1000))
    return path


def vectors():
    space = ["-s", "glove-6b-50d"]
    near, analogy = timed(space, "near queen -k 10", "near queen - king + man -k 10", runs=100)
    many, = timed(space, f"near --file {thousand_words()} -k 10", runs=5)
    with tempfile.TemporaryDirectory() as folder:
        def seconds(*command):
            return run(["-d", os.path.join(folder, "new.db")] + space + list(command)).seconds
        new = seconds("spaces")
        mapped = seconds("spaces")
        there = statistics.median(seconds("spaces") for _ in range(5))
        answer = statistics.median(seconds("near", "queen") for _ in range(5))
        ask = "sql select key from vectors order by vs_cosine(vec, vs_vec('queen')) desc limit 10"
        sql, = timed(["-d", os.path.join(folder, "new.db")] + space, ask, runs=5)
    return {"near": near, "analogy": analogy, "many": many, "store": new - there, "mapped": mapped, "answer": answer, "sql": sql}


def sentences():
    """One again and again, then all: as the peer is asked."""
    one, = timed(["-m", "minilm-l6"], f'embed "{open(SENTENCES).readline().strip()}"', runs=20)
    many, = timed(["-m", "minilm-l6"], f"embed --file {SENTENCES}", runs=5)
    return {"one": one, "many": many}


def gradients():
    """A step of training without its optimiser, by a program of its own (bench_grad.c)."""
    if not gpt2_is_there():
        return None
    program = os.path.join(os.path.dirname(settings.models), "bench_grad")
    done = subprocess.run([program, settings.gpt2, str(settings.threads)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"bench: {done.stderr.strip()}")
    return json.loads(done.stdout)


def analogies():
    answer = json.loads(run(["-s", "glove-6b-50d", "--json", "eval", "analogies", settings.questions, "--restrict", "300000"]).output)
    return {"eval": answer["seconds"], "accuracy": answer["accuracy"]}


def words():
    """Ranks, and the word mover's distances of each sentence and the next, together."""
    lines = [line.strip().replace('"', "") for line in open(SENTENCES)]
    pairs = [f'wmd "{a}" "{b}"' for a, b in zip(lines, lines[1:])]
    rank, *distances = timed(["-s", "glove-6b-50d"], "rank bank river", *pairs, runs=10)
    return {"rank": rank, "movers": sum(distances)}


def training():
    """The whole process: start, reading the text, five epochs, the space made."""
    run_ = run(["--json", "train", "words", settings.corpus])
    answer = json.loads(run_.output)
    return {"rate": answer["words"] * answer["epochs"] / run_.seconds}


def layouts():
    plot = ["-s", "glove-6b-50d", "--json", "plot", "--top", "10000", "--method", "tsne"]
    answer = run(plot)
    return {"tsne": answer.seconds, "kept": json.loads(answer.output)["kept"]}


def gpt2_is_there():
    """The model of GPT-2's shape, made where it is not there and somebody can."""
    if os.path.exists(os.path.join(settings.gpt2, "model.safetensors")):
        return True
    os.makedirs(os.path.dirname(settings.gpt2), exist_ok=True)
    return "missing" not in run_peer("gpt2_small")


def models():
    """Passes and sweeps inside one process (bench_models.c); None where there is no model and nobody to make one."""
    if not gpt2_is_there():
        return None
    done = subprocess.run([settings.models, settings.gpt2, str(settings.threads), "1" if settings.quick else "5"],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"bench: {done.stderr.strip()}")
    return {name: value for name, value in json.loads(done.stdout).items() if name != "isa"}


def prompt_ids(n=512):
    """The first n tokens of the sentences, repeated as needed."""
    if not prompt_ids.ids:
        text = open(SENTENCES).read().replace("\n", " ")
        ids = json.loads(run(["-m", "gemma3-270m", "--json", "tokens", text]).output)["ids"]
        prompt_ids.ids = (ids + ids[1:] * n)[:n]
    return prompt_ids.ids


prompt_ids.ids = []


# ---- the peers: name → what its process is given ----

def ids_file():
    with open(os.path.join(settings.folder, "ids.json"), "w") as f:
        json.dump(prompt_ids(), f)
    return f.name


def peer_arguments(name):
    threads = str(settings.threads)
    if name == "llama_cpp":
        return [GEMMA, ids_file(), threads]
    if name == "gradients":
        return [settings.gpt2, threads]
    if name == "sentences":
        return [MINILM, SENTENCES, threads]
    if name == "gpt2_small":
        return [settings.gpt2]
    if name == "lens":
        return [settings.gpt2, GPT2_TOKENIZER, threads, "1" if settings.quick else "5"]
    if name == "words":
        return GLOVE + [SENTENCES]
    if name == "training":
        return [settings.corpus, threads]
    if name == "analogies":
        return GLOVE + [settings.questions]
    if name == "layouts":
        return [GLOVE[0], "10000", threads]
    script, which = name.split(":")
    return [which] + GLOVE + [threads]


def run_peer(name):
    """{"versions", "figures"} or {"missing"} of one process of a peer."""
    python = settings.lens if name == "lens" else settings.python
    if not python:
        return {"missing": "BENCH_LENS" if name == "lens" else "BENCH_PYTHON"}
    environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
    environment.update(OMP_NUM_THREADS=str(settings.threads), OPENBLAS_NUM_THREADS=str(settings.threads),
                       TOKENIZERS_PARALLELISM="false", HF_HUB_OFFLINE="1")
    script = os.path.join(HERE, "peers", name.split(":")[0] + ".py")
    done = subprocess.run([python, script] + peer_arguments(name), env=environment,
                          capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or not lines or not lines[-1].startswith("{"):
        sys.stderr.write(done.stderr[-2000:])
        return {"missing": f"answer ({os.path.basename(script)} failed)"}
    return json.loads(lines[-1])


# ---- groups and rows ----

Group = collections.namedtuple("Group", "name ours peers rounds")
GROUPS = [
    Group("gemma", gemma, ["llama_cpp"], 5),
    Group("vectors", vectors, ["neighbours:faiss", "neighbours:numpy", "neighbours:gensim", "neighbours:sqlite-vec"], 3),
    Group("words", words, ["words"], 3),
    Group("sentences", sentences, ["sentences"], 3),
    Group("models", models, ["lens"], 3),
    Group("gradients", gradients, ["gradients"], 3),
]
LAYOUTS = Group("layouts", layouts, ["layouts"], 1)
TRAINING = Group("training", training, ["training"], 5)
ANALOGIES = Group("analogies", analogies, ["analogies"], 1)

# unit: how a figure is shown.  limit: "<= x" or ">= x" of our figure, "ratio >= x" of ours to the first peer's; by the
# instruction set where it depends on that.
Row = collections.namedtuple("Row", "group work figure unit limit peers")
ROWS = [
    Row("gemma", "Gemma 3 270M: start → first token", "first", "s", "<= 0.3", None),
    Row("gemma", "… generating, 128 tokens", "decode", "tokens/s", "ratio >= 1.4", None),
    Row("gemma", "… reading a prompt of 512", "prompt", "tokens/s", ">= 675", None),
    Row("gemma", "… memory, answering", "memory", "MB", "<= 353", None),  # the file and 100 MB
    Row("gemma", "… nearest 10 of its embedding, 262,144 × 640 in the file", "table", "ms", "<= 6", []),
    Row("vectors", "nearest 10 of 400,000 × 50", "near", "ms", "<= 0.7", None),
    Row("vectors", "… of 1,000 words, asked together", "many", "s", "<= 0.4", None),
    Row("vectors", "… of queen − king + man", "analogy", "ms", "<= 2", []),
    Row("vectors", "400,000 rows of a table ordered by vs_cosine", "sql", "ms", "<= 80", None),
    Row("vectors", "storing 400,000 × 50", "store", "s", "<= 1.5", None),
    Row("vectors", "… opened for the first time", "mapped", "s", "", []),
    Row("vectors", "… later: start → first answer", "answer", "s", "", []),
    Row("words", "rank of a word among 400,000 neighbours, both ways", "rank", "ms", "", None),
    Row("words", "word mover's distance of 31 pairs of sentences", "movers", "ms", "", None),
    Row("sentences", "MiniLM: 1 sentence → vector", "one", "ms", "<= 3", None),
    Row("sentences", "… 32 sentences", "many", "ms", "<= 85", None),
    Row("models", "GPT-2 small's shape: opened, 498 MB", "open", "ms", "", None),
    Row("models", "… every site kept, 12 tokens", "keep12", "ms", {"AVX2": "<= 25", "AVX-512": "<= 25"}, None),
    Row("models", "… 64 tokens", "keep64", "ms", {"AVX2": "<= 90", "AVX-512": "<= 60"}, None),
    Row("models", "… 512 tokens", "keep512", "ms", {"AVX2": "<= 680", "AVX-512": "<= 450"}, None),
    Row("models", "… 12 × 12 patches over 12 tokens", "patch", "s", {"AVX2": "<= 0.6", "AVX-512": "<= 0.4"}, None),
    Row("models", "… 144 heads silenced one by one", "ablate", "s", {"AVX2": "<= 0.95", "AVX-512": "<= 0.6"}, None),
    Row("gradients", "GPT-2-small shape, 4 × 128: loss and all gradients", "both", "s", {"AVX2": "ratio >= 1", "AVX-512": "ratio >= 1.43"}, None),
    Row("gradients", "… forward alone", "forward", "s", "", None),
    Row("layouts", "10,000 × 50 laid out by t-SNE", "tsne", "s", "ratio >= 1", None),
    Row("layouts", "… of ten neighbours kept", "kept", "share", "", None),
    Row("training", "words trained, 100 wide, 5 epochs", "rate", "words/s", "ratio >= 1", None),
    Row("analogies", "questions-words, 300,000 words", "eval", "s", "<= 0.5", None),
    Row("analogies", "… answered right", "accuracy", "share", "", None),
]
SCALE = {"s": 1, "ms": 1e3, "tokens/s": 1, "words/s": 1, "MB": 1 / MB, "share": 1}
MORE_IS_BETTER = {"tokens/s", "words/s", "share"}


def measure(group):
    """{who: {figure: median over the rounds}}, {who: {name: version}}, {who: what is missing}"""
    figures, versions, missing = collections.defaultdict(lambda: collections.defaultdict(list)), {}, {}
    for turn in range(1 if settings.quick else group.rounds):
        if sys.stderr.isatty():
            print(f"\r{group.name}: round {turn + 1} of {group.rounds}  ", end="", file=sys.stderr, flush=True)
        ours = group.ours()
        if ours is None:
            return {}, {}, {}
        for name, value in ours.items():
            figures["vecscope"][name].append(value)
        for peer in group.peers:
            if peer in missing:
                continue
            answer = run_peer(peer)
            if "missing" in answer:
                missing[peer] = answer["missing"]
                continue
            versions[peer] = answer["versions"]
            for name, value in answer["figures"].items():
                figures[peer][name].append(value)
    if sys.stderr.isatty():
        print("\r" + " " * 60 + "\r", end="", file=sys.stderr)
    medians = {who: {name: statistics.median(all_) for name, all_ in of.items()} for who, of in figures.items()}
    return medians, versions, missing


def show(value, unit):
    value *= SCALE[unit]
    return f"{value:.4g} {unit}" if value < 1000 else f"{value:,.0f} {unit}"


def verdict(limit, unit, ours, ratio):
    """The limit as text, and whether it is kept (None: there is nothing to say)."""
    if not limit:
        return "", None
    what, bound = limit.rsplit(" ", 1)
    if what.startswith("ratio"):
        return f"≥ {bound} ×", None if ratio is None else ratio >= float(bound)
    value = ours * SCALE[unit]
    return f"{'≤' if what == '<=' else '≥'} {bound} {unit}", value <= float(bound) if what == "<=" else value >= float(bound)


def lines_of(row, result):
    """The table lines of a row: one for vecscope beside its first peer, then one for each further peer."""
    medians, versions, missing = result
    if "vecscope" not in medians:
        return [(row.work, "not run: no model", "", "", "")], None
    ours = medians["vecscope"][row.figure]
    group = next(g for g in GROUPS + [ANALOGIES, TRAINING, LAYOUTS] if g.name == row.group)
    peers = [p for p in (group.peers if row.peers is None else row.peers) if p in missing or row.figure in medians.get(p, {})]
    cells = []
    for peer in peers:
        if peer in missing:
            cells.append((f"not run: no {missing[peer]}", None))
            continue
        theirs = medians[peer][row.figure]
        name = ", ".join(f"{n} {v}" for n, v in versions[peer].items())
        better = ours / theirs if row.unit in MORE_IS_BETTER else theirs / ours
        cells.append((f"{show(theirs, row.unit)} ({name})", better))
    limit = row.limit.get(isa(), "") if isinstance(row.limit, dict) else row.limit
    limit, kept = verdict(limit, row.unit, ours, cells[0][1] if cells else None)
    mark = {None: "", True: " ✓", False: " ✗"}[kept]
    first = cells[0] if cells else ("", None)
    lines = [(row.work, show(ours, row.unit), first[0], first[1], limit + mark)]
    lines += [("", "", text, ratio, "") for text, ratio in cells[1:]]
    return [(w, o, p, "" if r is None else f"{r:.2f} ×", t) for w, o, p, r, t in lines], kept


HEADINGS = ("work", "vecscope", "beside it", "times better", "target")


def plain(lines):
    width = [max(len(line[i]) for line in lines + [HEADINGS]) for i in range(5)]
    return "\n".join("  ".join(cell.ljust(width[i]) for i, cell in enumerate(line)).rstrip() for line in [HEADINGS] + lines)


def markdown(lines):
    table = ["| " + " | ".join(line) + " |" for line in [HEADINGS] + lines]
    table.insert(1, "|---|---|---|---|---|")
    return "\n".join(re.sub(r"  +", " ", line) for line in table)


# ---- the machine ----

def isa():
    flags = open("/proc/cpuinfo").read()
    asked = {"avx512": "AVX-512", "avx2": "AVX2", "scalar": "baseline"}.get(os.environ.get("VS_ISA"))
    return asked or ("AVX-512" if "avx512bw" in flags else "AVX2" if "avx2" in flags else "baseline")


def machine():
    cpu = "unknown CPU"
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    memory = next(int(line.split()[1]) / 2**20 for line in open("/proc/meminfo") if line.startswith("MemTotal"))
    try:
        favoured = int(open("/proc/self/autogroup").read().split()[-1]) < 0
    except OSError:
        favoured = False
    realtime = os.sched_getscheduler(0) != os.SCHED_OTHER
    priority = ", at real-time priority" if realtime else ", preferred to other programs" if favoured or os.nice(0) < 0 else ""
    return f"{cpu}, {os.cpu_count()} cores ({settings.threads} used{priority}), {isa()}, {memory:.0f} GB"


def cpu_seconds():
    """Seconds of work of the whole machine, and of this program and the processes it has waited for."""
    words = open("/proc/stat").readline().split()[1:]
    busy = sum(int(words[i]) for i in (0, 1, 2, 5, 6)) / os.sysconf("SC_CLK_TCK")
    mine = os.times()
    return busy, mine.user + mine.system + mine.children_user + mine.children_system


def others(before, after, seconds):
    """How much of a core other programs took meanwhile."""
    return max(0.0, (after[0] - before[0]) - (after[1] - before[1])) / max(seconds, 1e-9)


PAGE = """# How fast it is

{how} wrote this page: medians of rounds in which vecscope and its peers took turns on one machine.

{when}; {machine}; other programs took {others:.2f} of a core meanwhile.

{table}

What is measured:

- *start → first token*: the whole process `vecscope -m gemma3-270m next "{text}" -k 1`, its file in the page cache; of
  llama.cpp from opening the file, Python's start and the import not counted.
- *generating*: 128 tokens, greedy, in a process that has answered once; of llama.cpp its own figure.
- *reading a prompt*: 512 ids to the next token's logits, sorted; of llama.cpp its own figure.
- *memory*: the largest resident set while answering, the mapped file (253 MB) counted.
- *nearest 10*: one query inside the process, from the words typed to the answer, exact; FAISS, numpy and sqlite-vec are
  given the vector and return row numbers; gensim looks its word up.
- *1,000 words together*: `near --file`, from the words to the answers printed; FAISS and numpy are given all vectors at once,
  gensim is asked a word at a time.  *The embedding*: a token's row against all others, in Q8_0 blocks where they lie.
- *ordered by vs_cosine*: a plain table of blobs in an SQLite file, scanned by SQLite; sqlite-vec's vec_distance_cosine.
- *storing*: from the mapped npy file and its word list into a new SQLite file, synced, less the time of a process that finds
  it there; sqlite-vec's inserts alone. *Opened for the first time*: the whole process, which makes the mapped cache beside the file.
- *opened*: vecscope maps the file and binds its tensors; transformers' from_pretrained, for TransformerLens, reads them.
- *every site kept*: inside the process, random ids, all logits, and every hook point but attn.result, which TransformerLens leaves out too; TransformerLens's run_with_cache.
- *patches*, *heads silenced*: the stream that enters each block, at each position, put in place from another text; each head's
  mix of values at zero: 144 of either, the next token's logits of all.  One vs_sweep(); TransformerLens's run_with_hooks for each.
- *sentences*: from text to the mean of the last hidden states; {sentences} sentences of 5 to 26 words, packed in one pass
  by vecscope, padded by transformers.
"""


def main():
    began, before = time.time(), cpu_seconds()
    groups = GROUPS + ([ANALOGIES] if settings.questions else []) + ([TRAINING] if settings.corpus else []) + ([LAYOUTS] if "layouts" in (settings.only or "") else [])
    lines, failed = [], 0
    for group in groups:
        if settings.only and group.name not in settings.only.split(","):
            continue
        result = measure(group)
        for row in ROWS:
            if row.group == group.name:
                more, kept = lines_of(row, result)
                lines += more
                failed += kept is False
    meanwhile = others(before, cpu_seconds(), time.time() - began)
    print(machine(), datetime.date.today(), sep="; ")
    print(f"other programs took {meanwhile:.2f} of a core meanwhile" + (": this machine was busy" if meanwhile > 0.2 else ""))
    print(plain(lines))
    print(f"{failed} of the targets missed" if failed else "every target with a figure is kept")
    if settings.out:
        with open(settings.out, "w") as f:
            f.write(PAGE.format(how="`make bench BENCH_OUT=docs/bench.md`", when=datetime.date.today(), machine=machine(), others=meanwhile,
                                table=markdown(lines), text=TEXT, sentences=len(open(SENTENCES).readlines())))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="vecscope beside its peers")
    parser.add_argument("--vecscope", default=os.path.join(ROOT, "vecscope"))
    parser.add_argument("--python", default=os.environ.get("BENCH_PYTHON"), help="a Python that can import the peers")
    parser.add_argument("--lens", default=os.environ.get("BENCH_LENS"), help="a Python that can import transformer_lens")
    parser.add_argument("--models", default=os.path.join(ROOT, "build", "release", "tests", "bench", "bench_models"), help="the program that measures passes")
    parser.add_argument("--gpt2", default=os.environ.get("BENCH_GPT2") or GPT2, help="where the model of GPT-2's shape is, or is put")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--only", help="gemma, vectors, words, sentences, models, gradients, analogies, training: some, with commas between; layouts: only where it is named (scikit-learn takes minutes)")
    parser.add_argument("--questions", help="questions-words.txt: measure analogies too (gensim takes most of a minute)")
    parser.add_argument("--corpus", help="a text, a sentence a line: measure training words on it, too")
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--out", help="write the page here, as Markdown")
    settings = parser.parse_args()
    with tempfile.TemporaryDirectory() as settings.folder:
        main()
