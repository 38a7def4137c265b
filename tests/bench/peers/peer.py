"""What the peers' processes share: a process measures one peer and prints one JSON object.

{"version": …, "figures": {name: number}} - times in seconds, rates in tokens a second, memory in bytes; or
{"missing": "package"} where the peer is not installed.
"""

import importlib
import importlib.metadata
import json
import statistics
import sys
import time


def need(*modules):
    """Import these, or say which one is missing and end."""
    found = []
    for name in modules:
        try:
            found.append(importlib.import_module(name))
        except ImportError:
            print(json.dumps({"missing": name}))
            sys.exit(0)
    return found if len(found) > 1 else found[0]


def median_time(work, runs):
    """Median seconds of work(), after one run that is not counted."""
    work()
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def report(versions, figures):
    """versions: {name as shown: package}"""
    said = {shown: importlib.metadata.version(package) for shown, package in versions.items()}
    print(json.dumps({"versions": said, "figures": figures}))
