"""Golden cases of products of many matrices, and of attention."""

import torch
import torch.nn.functional as F
from case import Input, case


def matrices():
    def add(op, name, *shapes):
        case("products", op, name, [Input(*s) for s in shapes],
             getattr(torch, op))

    add("bmm", "three pairs", (3, 2, 4), (3, 4, 3))
    add("matmul", "four dimensions", (2, 2, 3, 4), (2, 2, 4, 2))
    add("matmul", "broadcast both ways", (2, 1, 2, 3), (3, 3, 2))
    add("matmul", "many with one", (2, 3, 4), (4, 2))
    add("matmul", "one with many", (2, 3), (2, 3, 4))
    add("matmul", "two vectors", (5,), (5,))
    add("matmul", "a vector with a matrix", (3,), (3, 4))
    add("matmul", "a matrix with a vector", (3, 4), (4,))
    add("matmul", "a vector with many", (3,), (2, 3, 4))
    add("matmul", "many with a vector", (2, 3, 4), (4,))


def attention():
    def add(name, shapes, mask=None, **p):
        def run(q, k, v, m=None):
            if mask and mask.below:
                m = m > 0
            return F.scaled_dot_product_attention(
                q, k, v, m, is_causal=p.get("causal", False),
                scale=p.get("scale"))
        inputs = [Input(*s) for s in shapes] + ([mask] if mask else [])
        case("products", "attention", name, inputs, run, **p)

    heads = ((2, 2, 3, 4), (2, 2, 5, 4), (2, 2, 5, 3))
    add("of heads", heads)
    add("causal", heads, causal=True)
    add("causal, fewer keys", ((4, 2), (3, 2), (3, 2)), causal=True)
    add("scale 0.3", heads, scale=0.3)
    add("a bias", heads, Input(2, 1, 3, 5))
    add("a mask of the keys", heads, Input(2, 1, 1, 5, below=2))
    add("one query", ((1, 4), (3, 4), (3, 2)))


def sections():
    return matrices, attention
