#!/usr/bin/env bash
# The sessions of docs/spaces.md print what the page says, on the real models.
exec bash "$(dirname "$0")/../golden/test_golden.sh" docs/spaces.md
