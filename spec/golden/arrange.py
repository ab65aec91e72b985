"""Golden cases of what puts values in other places."""

import torch
import torch.nn.functional as F
from case import Input, case


def add(op, name, inputs, run, **p):
    case("arrange", op, name, inputs, run, **p)


def order():
    add("flip", "two dimensions", [Input(2, 3, 4)], lambda x: x.flip(0, 2),
        dims=[1, 3])
    add("roll", "two dimensions", [Input(3, 4)],
        lambda x: x.roll((1, -3), (0, 1)), shifts=[1, -3], dims=[1, 2])
    add("roll", "flattened", [Input(3, 4)], lambda x: x.roll(5), shifts=5)
    add("tile", "2x1x3 times", [Input(2, 3)], lambda x: x.repeat(2, 1, 3),
        counts=[2, 1, 3])


def padding():
    image = lambda: [Input(1, 2, 3, 4)]
    for mode, pairs in [("constant", [[1, 2], [0, 3]]),
                        ("constant", [[-1, 2], [1, -2]]),
                        ("reflect", [[1, 2], [3, 0]]),
                        ("replicate", [[2, 0], [1, 3]]),
                        ("circular", [[1, 0], [2, 1]])]:
        flat = [n for pair in reversed(pairs) for n in pair]
        value = {"value": 1.5} if mode == "constant" else {}
        add("pad", f"{mode}, {pairs}", image(),
            lambda x, f=flat, m=mode, v=value: F.pad(x, f, m, **v),
            pairs=pairs, mode=mode, **value)


def triangles():
    for op in ("tril", "triu"):
        for diagonal in (0, 1, -2):
            add(op, f"diagonal {diagonal}", [Input(2, 3, 4)],
                lambda x, f=getattr(torch, op), d=diagonal: f(x, d),
                diagonal=diagonal)


def sorts():
    for dim, descending in ((1, False), (2, True)):
        add("sort", f"dimension {dim}, descending {descending}",
            [Input(3, 5)],
            lambda x, d=dim, r=descending: tuple(
                torch.sort(x, stable=True, dim=d - 1, descending=r)),
            dim=dim, descending=descending)
    for descending in (False, True):
        add("sort", f"ties, descending {descending}",
            [Input(4, 7, fill="coarse")],
            lambda x, r=descending: tuple(
                torch.sort(x, descending=r, stable=True)),
            dim=2, descending=descending)
    for dim, k, largest in ((1, 2, True), (2, 3, False)):
        add("topk", f"{k} along {dim}, largest {largest}", [Input(3, 5)],
            lambda x, d=dim, k=k, m=largest: tuple(
                torch.topk(x, k, d - 1, largest=m)),
            k=k, dim=dim, largest=largest)


def indices():
    for dim, shape in ((1, (5, 3)), (2, (2, 6))):
        extent = (4, 3)[dim - 1]
        add("scatter_add", f"along {dim}",
            [Input(4, 3) if dim == 1 else Input(2, 3),
             Input(*shape, below=extent), Input(*shape)],
            lambda x, i, f, d=dim: x.scatter_add(d - 1, i, f), dim=dim)
    add("one_hot", "five classes", [Input(2, 3, below=5)],
        lambda i: F.one_hot(i, 5), classes=5)


def sections():
    return order, padding, triangles, sorts, indices
