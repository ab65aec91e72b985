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


def sections():
    return order, padding
