"""What the host pays to queue small operations in PyTorch; see submit.lua.

    torch_submit.py THREADS COUNT channels_last
"""

import statistics
import sys
import time

import torch
import torch.nn.functional as F
from peer import DEVICE, MEMORY, ready, report, rounds, synchronize
from torch import nn

THREADS, COUNT, MODE = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
ROWS, STEPS = 9, 3


def measure(op, count):
    """Microseconds a call: until the calls are back, and until all is done."""
    back, done = [], []
    for _ in range(ROWS + 1):
        synchronize()
        begin = time.perf_counter()
        for _ in range(count):
            op()
        middle = time.perf_counter()
        synchronize()
        back.append((middle - begin) / count * 1e6)
        done.append((time.perf_counter() - begin) / count * 1e6)
    return statistics.median(back[1:]), statistics.median(done[1:])


def make_step():
    model = nn.Sequential(
        nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(),
        nn.Linear(32, 10)).to(DEVICE)
    opt = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, fused=True)
    features = torch.randn(16, 32, device=DEVICE)
    labels = torch.randint(0, 10, (16,), device=DEVICE)

    def step():
        opt.zero_grad()
        F.cross_entropy(model(features), labels).backward()
        opt.step()

    return step


def tell(name, op, count):
    back, done = measure(op, count)
    report({name + ":done_us": done, name + ":submit_us": back}, end=" ")


def main():
    torch.set_num_threads(THREADS)
    a, b = torch.randn(8, 8, device=DEVICE), torch.randn(8, 8, device=DEVICE)
    x = torch.randn(1, 4, 8, 8, device=DEVICE).contiguous(
        memory_format=MEMORY[MODE])
    w = torch.randn(4, 4, 3, 3, device=DEVICE).contiguous(
        memory_format=MEMORY[MODE])
    ops = {
        "add": lambda: a + b,
        "relu": lambda: torch.relu(a),
        "matmul": lambda: a @ b,
        "conv": lambda: F.conv2d(x, w, padding=1),
        "softmax": lambda: a.softmax(1),
        "add_": lambda: a.add_(b),
    }
    step = make_step()
    ready(MODE)
    for _ in rounds():
        with torch.no_grad():
            for name, op in ops.items():
                tell(name, op, COUNT)
        tell("mlp_step", step, STEPS)
        report({})


main()
