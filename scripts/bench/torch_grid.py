"""Branches side by side in PyTorch; see grid.lua.

    torch_grid.py THREADS BRANCHES BATCHES CHANNELS SIZE DTYPE channels_last
"""

import sys
from contextlib import nullcontext

import torch
import torch.nn.functional as F
from peer import (DEVICE, DTYPES, MEMORY, ON_GPU, median_ms, ready, report,
                  rounds, synchronize)

THREADS, CHANNELS, SIZE = int(sys.argv[1]), int(sys.argv[4]), int(sys.argv[5])
BRANCHES, BATCHES = [[int(n) for n in a.split(",")] for a in sys.argv[2:4]]
DTYPE, LAYOUT = DTYPES[sys.argv[6]], MEMORY[sys.argv[7]]
DEPTH, ROWS = 8, 10


class Chain:
    def __init__(self, batch, groups):
        width = CHANNELS * groups
        made = dict(device=DEVICE, dtype=DTYPE)
        self.groups = groups
        self.x = torch.randn(batch, width, SIZE, SIZE, **made).contiguous(
            memory_format=LAYOUT)
        self.weights = [
            (torch.randn(width, CHANNELS, 3, 3, **made) / (3 * CHANNELS ** 0.5))
            .contiguous(memory_format=LAYOUT) for _ in range(DEPTH)]

    def run(self):
        y = self.x
        for w in self.weights:
            y = F.conv2d(y, w, padding=1, groups=self.groups)


def time_of(turn):
    def row():
        for _ in range(ROWS):
            turn()
    return median_ms(row) / ROWS


def measure(n, batch, streams):
    chains = [Chain(batch, 1) for _ in range(n)]

    def one_stream():
        for chain in chains:
            chain.run()

    def own_streams():
        for chain, stream in zip(chains, streams):
            with torch.cuda.stream(stream) if ON_GPU else nullcontext():
                chain.run()

    synchronize()
    name = f"{n}x{batch}:"
    report({name + "one_stream_ms": time_of(one_stream),
            name + "streams_ms": time_of(own_streams)}, end=" ")
    grouped = Chain(batch, n)
    report({name + "grouped_ms": time_of(grouped.run)}, end=" ")


def main():
    torch.set_num_threads(THREADS)
    streams = [torch.cuda.Stream() if ON_GPU else None
               for _ in range(max(BRANCHES))]
    ready(sys.argv[7])
    with torch.no_grad():
        for _ in rounds():
            for n in BRANCHES:
                for batch in BATCHES:
                    measure(n, batch, streams)
            report({})


main()
