"""Golden cases of products of many matrices, and of attention."""

import torch
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


def sections():
    return (matrices,)
