#!/usr/bin/env python3
"""The polynomials of lib/tensor/isa/functions.h: least weighted maximum error, by Lawson's reweighting.

    python3 tests/oracle/fit_functions.py      (needs: mpmath, numpy)

Prints each polynomial's coefficients, lowest power first, as C's hexadecimal floats, and its largest error.
"""
import mpmath as mp
import numpy as np

mp.mp.dps = 40


def fit(f, low, high, degree, weight, points=400, rounds=60):
    """Coefficients c of the polynomial with the least max |weight (c(x) - f(x))| on [low, high]."""
    x = [(low + high) / 2 + (high - low) / 2 * mp.cos(mp.pi * (i + mp.mpf(1) / 2) / points) for i in range(points)]
    powers = np.array([[float(v**k) for k in range(degree + 1)] for v in x])
    y = np.array([float(f(v)) for v in x])
    w = np.array([float(weight(v)) for v in x])
    share, best = np.ones(points), (np.inf, None)
    for _ in range(rounds):
        s = np.sqrt(share) * w
        c = np.linalg.lstsq(powers * s[:, None], y * s, rcond=None)[0]
        c += np.linalg.lstsq(powers * s[:, None], (y - powers @ c) * s, rcond=None)[0]
        error = np.abs(y - powers @ c) * w
        if error.max() < best[0]:
            best = (error.max(), c)
        share = share * (error / error.max() + 1e-3)
        share /= share.sum()
    return best


def show(name, error, coefficients):
    print(f"{name}: error {error:.1e}")
    print("   ", ", ".join(f"{float(np.float32(c)).hex().replace('0000000p', 'p')}f" for c in coefficients))


half_ln2 = mp.log(2) / 2
show("exp: exp(r) = 1 + r + r^2 P(r), |r| <= ln 2 / 2",
     *fit(lambda r: (mp.exp(r) - 1 - r) / r**2, -half_ln2, half_ln2, 4, lambda r: r * r))

edge = mp.mpf("0.625")
show("tanh: tanh(x) = x + x^3 P(x^2), |x| <= 0.625",
     *fit(lambda z: (mp.tanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, mp.mpf("1e-12"), edge**2, 5, lambda z: z))

p = mp.mpf(float(np.float32(0.27)))


def scaled_tail(u):
    t = (1 / u - 1) / p
    return mp.erfc(t / mp.sqrt(2)) / 2 * mp.exp(t * t / 2) / u


show("normal: 1 - Phi(t) = exp(-t^2/2) u P(u), u = 1/(1 + 0.27 t), 0 <= t <= 12",
     *fit(scaled_tail, 1 / (1 + 12 * p), mp.mpf(1), 8, lambda u: 1 / scaled_tail(u)))
