"""Convolutions in PyTorch eager: forward and both gradients of each shape.

    torch_conv.py THREADS FILE contiguous|channels_last|compile
    torch_conv.py THREADS branches contiguous|channels_last
"""

import sys

import torch
import torch.nn.functional as F
from peer import MEMORY, compiled, median_ms, ready, report, rounds

THREADS, WHAT, MODE = int(sys.argv[1]), sys.argv[2], sys.argv[3]
LAYOUT = MEMORY[MODE]


class Conv:
    """One shape with its input, weight and output gradient."""

    def __init__(self, n, c, h, k, r, stride, padding, groups):
        mark = "g" if groups > 1 else "s" if stride > 1 else ""
        self.name = f"{n},{c},{h},{k},{r}{mark}"
        self.options = dict(stride=stride, padding=padding, groups=groups)
        self.conv = compiled(MODE, lambda x, w: F.conv2d(x, w, **self.options))
        self.x = torch.randn(n, c, h, h).contiguous(memory_format=LAYOUT)
        self.w = torch.randn(k, c // groups, r, r).contiguous(
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
        times = {self.name + ":forward": median_ms(self.forward)}
        if MODE != "compile":
            times[self.name + ":data"] = median_ms(
                lambda: self.gradients(True, False))
            times[self.name + ":weights"] = median_ms(
                lambda: self.gradients(False, True))
        times[self.name + ":all"] = median_ms(self.everything)
        return times


def read_shapes(path):
    with open(path, encoding="ascii") as f:
        return [Conv(*map(int, line.split())) for line in f
                if not line.startswith("#")]


def main():
    torch.set_num_threads(THREADS)
    with torch.no_grad():
        if WHAT == "branches":
            convs = [Conv(4, 32, 8, 32, 3, 1, 1, 1) for _ in range(8)]
            ready(MODE)
            for _ in rounds():
                report({"branches:one_stream_ms": median_ms(
                    lambda: [c.forward() for c in convs])})
            return
        convs = read_shapes(WHAT)
        ready(MODE)
        for _ in rounds():
            times = {}
            for conv in convs:
                times.update(conv.times())
            report(times)


main()
