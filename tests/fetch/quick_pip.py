"""A stand-in for `pip download`: copies the wheel of PACKAGE==VERSION from $PIP_FIND_LINKS to --dest."""

import glob
import os
import shutil
import sys

package, _, version = sys.argv[-1].partition("==")
dest = sys.argv[sys.argv.index("--dest") + 1]
found = glob.glob(os.path.join(os.environ["PIP_FIND_LINKS"], f"{package.replace('-', '_')}-{version or '*'}-*.whl"))
if not found:
    sys.exit(f"ERROR: No matching distribution found for {sys.argv[-1]}")
os.makedirs(dest, exist_ok=True)
shutil.copy(found[0], dest)
