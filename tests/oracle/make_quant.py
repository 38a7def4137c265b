#!/usr/bin/env python3
"""Random blocks of each quantised GGUF type, and what gguf-py makes of them.

    python3 tests/oracle/make_quant.py tests/data/quant     (needs: gguf, numpy)

<type>.blocks holds the blocks as they lie in a file, <type>.f32 the weights (little-endian f32) that
gguf.dequantize gives. Factors (f16) are drawn from all finite numbers, with zeros of both signs and
subnormals among them; every other byte is random.
"""
import pathlib
import sys

import gguf
import numpy as np

FACTORS = {"q4_0": [0], "q5_0": [0], "q8_0": [0], "q4_k": [0, 2], "q5_k": [0, 2], "q6_k": [208]}
BLOCKS = 24


def main(folder):
    rng = np.random.default_rng(20)
    folder.mkdir(parents=True, exist_ok=True)
    for name, offsets in FACTORS.items():
        kind = gguf.GGMLQuantizationType[name.upper()]
        _, size = gguf.GGML_QUANT_SIZES[kind]
        blocks = rng.integers(0, 256, (BLOCKS, size), dtype=np.uint8)
        for at in offsets:
            factor = rng.integers(0, 0x7C00, BLOCKS, dtype=np.uint16)
            factor |= rng.integers(0, 2, BLOCKS, dtype=np.uint16) << 15
            factor[:4] = [0, 0x8000, 0x0001, 0x83FF]
            blocks[:, at : at + 2] = factor.view(np.uint8).reshape(BLOCKS, 2)
        weights = gguf.dequantize(blocks, kind).astype("<f4")
        assert np.isfinite(weights).all()
        blocks.tofile(folder / f"{name}.blocks")
        weights.tofile(folder / f"{name}.f32")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
