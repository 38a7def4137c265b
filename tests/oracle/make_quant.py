#!/usr/bin/env python3
"""Random blocks of each quantised GGUF type and what gguf-py makes of them; numbers and the blocks that gguf-py makes.

    python3 tests/oracle/make_quant.py tests/data/quant     (needs: gguf, numpy, torch)

<type>.blocks holds the blocks as they lie in a file, <type>.f32 the weights (little-endian f32) that
gguf.dequantize gives. Factors (f16) are drawn from all finite numbers, with zeros of both signs and
subnormals among them; every other byte is random, but for MXFP4's exponents, which stay below overflow.
The f8 types are all bytes that are numbers, and what PyTorch makes of them; those of six and four bits all numbers there are.

numbers.f32 holds rows of 256 numbers: normal ones, then the hard ones named below; <type>.made the blocks
that gguf.quantize makes of them.
"""
import pathlib
import sys

import gguf
import numpy as np
import torch

FACTORS = {"q4_0": [0], "q5_0": [0], "q8_0": [0], "q4_k": [0, 2], "q5_k": [0, 2], "q6_k": [208],
           "q4_1": [0, 2], "q5_1": [0, 2], "q2_k": [80, 82], "q3_k": [108], "iq4_nl": [0], "iq4_xs": [0],
           "tq1_0": [52], "tq2_0": [64], "mxfp4": [], "nvfp4": []}
MADE = ["f16", "bf16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "tq1_0", "tq2_0", "mxfp4"]
FLOATS = {"f8e4m3": torch.float8_e4m3fn, "f8e5m2": torch.float8_e5m2, "f8e8m0": torch.float8_e8m0fnu,
          "f8e4m3fnuz": torch.float8_e4m3fnuz, "f8e5m2fnuz": torch.float8_e5m2fnuz}
SMALL = {"f6e2m3": (6, 2, 3, 1), "f6e3m2": (6, 3, 2, 3), "f4": (4, 2, 1, 1)}  # bits, of the exponent, of the fraction, bias
BLOCKS = 24


def draw(rng, name, offsets, size):
    blocks = rng.integers(0, 256, (BLOCKS, size), dtype=np.uint8)
    for at in offsets:
        factor = rng.integers(0, 0x7C00, BLOCKS, dtype=np.uint16)
        factor |= rng.integers(0, 2, BLOCKS, dtype=np.uint16) << 15
        factor[:4] = [0, 0x8000, 0x0001, 0x83FF]
        blocks[:, at : at + 2] = factor.view(np.uint8).reshape(BLOCKS, 2)
    if name == "mxfp4":
        blocks[:, 0] %= 252
        blocks[:3, 0] = [0, 1, 2]
    if name == "nvfp4":
        blocks[:2, :4] = [[0, 0x80, 0x7F, 0xFF], [1, 7, 8, 0x7E]]
    return blocks


def numbers(rng):
    rows = rng.standard_normal((20, 256)).astype("<f4") * np.float32(0.05)
    rows[1] = 0
    rows[2] = -0.0
    rows[3] = 0.75  # all alike
    rows[4] = np.where(np.arange(256) % 2, -1.5, 1.5)  # two of the largest magnitude
    rows[5] = np.arange(256) - 128  # whole numbers: ties of the rounding
    rows[6] = (np.arange(256) % 16 - 8) / 2
    rows[7] = rng.integers(-254, 255, 256) / 2
    rows[8] *= np.float32(1e-6)  # scales that are subnormal as f16
    rows[9] *= np.float32(1e5)
    rows[10] = np.abs(rows[10])
    rows[11] = -np.abs(rows[11])
    rows[12] = 2.0 ** rng.integers(-14, 15, 256)
    rows[13] = np.nextafter(rows[12], np.float32(0))
    rows[14] = rng.integers(-1, 2, 256)
    rows[15] = np.where(rng.random(256) < 0.9, 0, rows[15])
    return rows


def main(folder):
    rng = np.random.default_rng(20)
    folder.mkdir(parents=True, exist_ok=True)
    for name, offsets in FACTORS.items():
        kind = gguf.GGMLQuantizationType[name.upper()]
        blocks = draw(rng, name, offsets, gguf.GGML_QUANT_SIZES[kind][1])
        weights = gguf.dequantize(blocks, kind).astype("<f4")
        assert np.isfinite(weights).all()
        blocks.tofile(folder / f"{name}.blocks")
        weights.tofile(folder / f"{name}.f32")
    for name, kind in FLOATS.items():
        weights = torch.arange(256, dtype=torch.uint8).view(kind).float().numpy().astype("<f4")
        is_number = ~np.isnan(weights)
        np.arange(256, dtype=np.uint8)[is_number].tofile(folder / f"{name}.blocks")
        weights[is_number].tofile(folder / f"{name}.f32")
    for name, (bits, exponent, fraction, bias) in SMALL.items():  # every number there is, the first in the lowest bits
        codes = np.arange(2**bits)
        e, m, sign = codes >> fraction & (2**exponent - 1), codes & (2**fraction - 1), np.where(codes >> bits - 1, -1.0, 1.0)
        (sign * np.where(e, 2.0 ** (e - bias) * (1 + m / 2**fraction), 2.0 ** (1 - bias) * m / 2**fraction)).astype("<f4").tofile(folder / f"{name}.f32")
        packed = np.packbits((codes[:, None] >> np.arange(bits) & 1).astype(np.uint8).ravel(), bitorder="little")
        packed.tofile(folder / f"{name}.blocks")
    rows = numbers(rng)
    rows.tofile(folder / "numbers.f32")
    for name in MADE:
        gguf.quantize(rows, gguf.GGMLQuantizationType[name.upper()]).tofile(folder / f"{name}.made")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
