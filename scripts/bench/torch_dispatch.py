"""What small operations cost in PyTorch eager.

    torch_dispatch.py THREADS
"""

import sys
import time

import torch
import torch.nn.functional as F
from peer import median_ms, ready, report, rounds

THREADS = int(sys.argv[1])
ADDS, LENGTH = 2000, 100


def main():
    torch.set_num_threads(THREADS)
    a, b = torch.randn(8, 8), torch.randn(8, 8)
    x = torch.randn(1, 4, 8, 8).contiguous(memory_format=torch.channels_last)
    weights = [(torch.randn(4, 4, 3, 3) / 6).requires_grad_()
               for _ in range(LENGTH)]

    def adds():
        begin = time.perf_counter()
        for _ in range(ADDS):
            a + b
        return (time.perf_counter() - begin) / ADDS * 1e6

    def conv():
        with torch.no_grad():
            F.conv2d(x, weights[0], padding=1)

    def chain():
        y = x
        for w in weights:
            w.grad = None
            y = F.conv2d(y, w, padding=1)
        y.sum().backward()

    ready("channels_last")
    for _ in rounds():
        report({"add:submit_us": adds(),
                "conv:await_us": median_ms(conv) * 1e3,
                "chain:ms": median_ms(chain, 200)})


main()
