"""Operations between convolutions in PyTorch eager; see ops.lua.

    torch_ops.py THREADS contiguous|channels_last
"""

import sys

import torch
import torch.nn.functional as F
from peer import MEMORY, median_ms, ready, report, rounds

THREADS, MODE = int(sys.argv[1]), sys.argv[2]
SIZES = {"small": (8, 16, 16, 16), "medium": (32, 64, 28, 28),
         "large": (128, 64, 32, 32)}
LEAST_MS = 30

FORWARD = {
    "add": lambda t: t.x + t.y,
    "add_": lambda t: t.y.add_(t.x),
    "mul": lambda t: t.x * t.y,
    "exp": lambda t: t.x.exp(),
    "sum": lambda t: t.x.sum(),
    "channel_mean": lambda t: t.x.mean((0, 2, 3)),
    "channel_var": lambda t: t.x.var((0, 2, 3)),
    "max": lambda t: t.x.max(),
    "argmax": lambda t: t.rows.argmax(1),
}

BOTH = {
    "relu": lambda t: F.relu(t.x),
    "sigmoid": lambda t: torch.sigmoid(t.x),
    "tanh": lambda t: torch.tanh(t.x),
    "gelu": lambda t: F.gelu(t.x),
    "silu": lambda t: F.silu(t.x),
    "softmax": lambda t: t.rows.softmax(1),
    "cross_entropy": lambda t: F.cross_entropy(t.rows, t.labels),
    "batch_norm": lambda t: F.batch_norm(t.x, t.mean, t.var, t.weight, t.bias,
                                         training=True),
    "group_norm": lambda t: F.group_norm(t.x, 4, t.weight, t.bias),
    "layer_norm": lambda t: F.layer_norm(t.rows, (t.rows.shape[1],), t.weight,
                                         t.bias),
    "max_pool": lambda t: F.max_pool2d(t.x, 2),
    "global_mean": lambda t: F.adaptive_avg_pool2d(t.x, 1).flatten(1),
}


def rows_of(x):
    """Pixels and channels: in contiguous memory, made once and not timed."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


class Tensors:
    """What the operations of one size are of."""

    def __init__(self, n, c, h, w):
        self.x = torch.randn(n, c, h, w).contiguous(memory_format=MEMORY[MODE])
        self.y = torch.randn_like(self.x)
        self.rows = rows_of(self.x).contiguous()
        self.labels = torch.randint(0, c, (n * h * w,))
        self.weight = torch.ones(c).requires_grad_()
        self.bias = torch.zeros(c).requires_grad_()
        self.mean, self.var = torch.zeros(c), torch.ones(c)


def both(op, t, dy):
    """A forward, and a backward to what it is of."""
    def run():
        for leaf in (t.x, t.rows, t.weight, t.bias):
            leaf.grad = None
        op(t).backward(dy)
    return run


def sgd(t):
    p = torch.zeros(t.x.numel()).requires_grad_()
    p.grad = torch.ones_like(p)
    return torch.optim.SGD([p], lr=1e-9, momentum=0.9, fused=True).step


def measure(name, t, times):
    with torch.no_grad():
        for op, run in FORWARD.items():
            times[f"{op}:{name}:forward"] = median_ms(lambda: run(t), LEAST_MS)
    t.x.requires_grad_()
    t.rows.requires_grad_()
    for op, run in BOTH.items():
        y = run(t)
        dy = torch.ones_like(y) if y.ndim else None
        times[f"{op}:{name}:both"] = median_ms(both(run, t, dy), LEAST_MS)
    t.x.requires_grad_(False)
    t.rows.requires_grad_(False)
    times[f"sgd:{name}:step"] = median_ms(sgd(t), LEAST_MS)


def main():
    torch.set_num_threads(THREADS)
    sizes = {name: Tensors(*shape) for name, shape in SIZES.items()}
    ready(MODE)
    for _ in rounds():
        times = {}
        for name, t in sizes.items():
            measure(name, t, times)
        report(times)


main()
