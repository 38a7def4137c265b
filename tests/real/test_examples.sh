#!/usr/bin/env bash
# The examples of the help over the catalogued models.
cd "$(dirname "$0")/../.." && REAL=1 exec bash tests/golden/test_examples.sh
