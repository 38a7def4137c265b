#!/usr/bin/env bash
# The notebook runs from its first cell to its last, on the real model: its own asserts are the test.  The pictures are
# left in build/notebooks for a person to look at.
set -uo pipefail
cd "$(dirname "$0")/../.."
python=${NOTEBOOK_PYTHON:-/usr/bin/python3}
mkdir -p build/notebooks
PYDEVD_DISABLE_FILE_VALIDATION=1 "$python" - <<'PY'
import sys
import nbformat
from nbclient import NotebookClient
nb = nbformat.read("notebooks/inside.ipynb", as_version=4)
try:
    NotebookClient(nb, timeout=600, resources={"metadata": {"path": "notebooks"}}).execute()
    print("ok - the notebook runs")
    print("1 passed, 0 failed")
except Exception as e:
    print("not ok - the notebook runs\n", e)
    print("0 passed, 1 failed")
    sys.exit(1)
finally:
    nbformat.write(nb, "build/notebooks/inside.ipynb")
PY
