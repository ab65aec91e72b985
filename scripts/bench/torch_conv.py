"""Convolutions in PyTorch eager: forward and both gradients of each shape.

    torch_conv.py THREADS FILES [DTYPES] contiguous|channels_last|compile
    torch_conv.py THREADS branches contiguous|channels_last
"""

import sys

import torch
import torch.nn.functional as F
from peer import (DEVICE, DTYPES, MEMORY, compiled, median_ms, queued_ms, ready,
                  report, rounds)

THREADS, WHAT, MODE = int(sys.argv[1]), sys.argv[2], sys.argv[-1]
TOLD = sys.argv[3].split(",") if len(sys.argv) > 4 else None
CALLED = {"f32": "tf32"}  # what f32 is multiplied in on a GPU
LAYOUT = MEMORY[MODE]


class Conv:
    """One shape with its input, weight and output gradient."""

    def __init__(self, dtype, n, c, h, k, r, stride, padding, groups):
        mark = "g" if groups > 1 else "s" if stride > 1 else ""
        told = CALLED.get(dtype, dtype) + ":" if TOLD else ""
        self.name = f"{told}{n},{c},{h},{k},{r}{mark}"
        self.options = dict(stride=stride, padding=padding, groups=groups)
        self.conv = compiled(MODE, lambda x, w: F.conv2d(x, w, **self.options))
        made = dict(device=DEVICE, dtype=DTYPES[dtype])
        self.x = torch.randn(n, c, h, h, **made).contiguous(
            memory_format=LAYOUT)
        self.w = torch.randn(k, c // groups, r, r, **made).contiguous(
            memory_format=LAYOUT)
        self.dy = torch.randn_like(self.forward())

    def forward(self):
        return self.conv(self.x, self.w)

    def gradients(self, dx, dw):
        o = self.options
        return torch.ops.aten.convolution_backward(
            self.dy, self.x, self.w, None, [o["stride"]] * 2,
            [o["padding"]] * 2, [1, 1], False, [0, 0], o["groups"],
            [dx, dw, False])

    def everything(self):
        x = self.x.detach().requires_grad_()
        w = self.w.detach().requires_grad_()
        with torch.enable_grad():
            self.conv(x, w).backward(self.dy)

    def times(self):
        times = {self.name + ":forward": queued_ms(self.forward)}
        if MODE != "compile":
            times[self.name + ":data"] = queued_ms(
                lambda: self.gradients(True, False))
            times[self.name + ":weights"] = queued_ms(
                lambda: self.gradients(False, True))
        times[self.name + ":all"] = queued_ms(self.everything)
        return times


def read_shapes(dtype):
    for path in WHAT.split(","):
        with open(path, encoding="ascii") as f:
            for line in f:
                if not line.startswith("#"):
                    yield Conv(dtype, *map(int, line.split()))


def main():
    torch.set_num_threads(THREADS)
    with torch.no_grad():
        if WHAT == "branches":
            convs = [Conv("f32", 4, 32, 8, 32, 3, 1, 1, 1) for _ in range(8)]
            ready(MODE)
            for _ in rounds():
                report({"branches:one_stream_ms": median_ms(
                    lambda: [c.forward() for c in convs])})
            return
        convs = [c for dtype in TOLD or ["f32"] for c in read_shapes(dtype)]
        ready(MODE)
        for _ in rounds():
            for conv in convs:
                report(conv.times(), end=" ")
            report({})


main()
