"""Attention and products of many matrices in PyTorch eager; see heads.lua.

    torch_heads.py THREADS MODE
"""

import sys

import torch
import torch.nn.functional as F
from peer import median_ms, ready, report, rounds

LEAST_MS = 60
HEADS = [(64, 64, 32), (48, 197, 64), (2, 2048, 64)]
PAIRS = [(1024, 8, 8, 8), (256, 64, 64, 64), (16, 256, 256, 256)]


def add_case(cases, name, fn, inputs):
    """fn(*inputs) forward and with its gradients."""
    dy = torch.randn_like(fn(*inputs))

    def forward():
        with torch.no_grad():
            fn(*inputs)

    def both():
        for t in inputs:
            t.grad = None
        fn(*inputs).backward(dy)

    cases[name + ":forward"], cases[name + ":both"] = forward, both


def same(n, *shape):
    return [torch.randn(shape).requires_grad_() for _ in range(n)]


def causal(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def main():
    torch.set_num_threads(int(sys.argv[1]))
    cases = {}
    for size in HEADS:
        name = "x".join(map(str, size))
        # It is fast for four dimensions alone.
        inputs = same(3, 1, *size)
        add_case(cases, "attention:" + name, F.scaled_dot_product_attention,
                 inputs)
        add_case(cases, "causal:" + name, causal, inputs)
    for n, rows, inner, columns in PAIRS:
        name = "x".join(map(str, (n, rows, inner, columns)))
        add_case(cases, "bmm:" + name, torch.bmm,
                 same(1, n, rows, inner) + same(1, n, inner, columns))
    ready(sys.argv[2])
    for _ in rounds():
        report({name: median_ms(run, LEAST_MS) for name, run in cases.items()})


main()
