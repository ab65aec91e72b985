"""How late PyTorch hears of a GPU's ends; see latency.lua. `spinning` is
torch.cuda.synchronize, which keeps a core busy; `blocking` sleeps on an event.

    torch_latency.py THREADS SAMPLES SIZE spinning|blocking
"""

import statistics
import sys
import time

import torch
from peer import DEVICE, ON_GPU, ready, report, rounds, synchronize

THREADS, SAMPLES, SIZE = [int(a) for a in sys.argv[1:4]]
MODE = sys.argv[4]
KERNELS, LONG_ROW = 4, 100


def wait():
    if ON_GPU and MODE == "blocking":
        event = torch.cuda.Event(blocking=True)
        event.record()
        event.synchronize()
    else:
        synchronize()


def awaited(op, count):
    """Milliseconds until the last of them is known to be done."""
    synchronize()
    begin = time.perf_counter()
    for _ in range(count):
        op()
    wait()
    return (time.perf_counter() - begin) * 1e3


def quantiles(name, times):
    times.sort()
    report({f"{name}_p50_us": times[len(times) // 2] * 1e3,
            f"{name}_p99_us": times[int((len(times) - 1) * 0.99)] * 1e3},
           end=" ")


def main():
    torch.set_num_threads(THREADS)
    a, b = torch.randn(8, 8, device=DEVICE), torch.randn(8, 8, device=DEVICE)
    m = torch.randn(SIZE, SIZE, device=DEVICE) / SIZE ** 0.5
    ready(MODE)
    for _ in rounds():
        quantiles("trip:resumed",
                  [awaited(lambda: a + b, 1) for _ in range(SAMPLES)])
        kernel = statistics.median(
            (awaited(lambda: m @ m, KERNELS + LONG_ROW) -
             awaited(lambda: m @ m, KERNELS)) / LONG_ROW for _ in range(5))
        report({"wake:kernel_us": kernel * 1e3}, end=" ")
        begin, cpu = time.perf_counter(), time.process_time()
        quantiles("wake:resumed",
                  [awaited(lambda: m @ m, KERNELS) - KERNELS * kernel
                   for _ in range(SAMPLES)])
        used = (time.process_time() - cpu) / (time.perf_counter() - begin)
        report({"wake:cpu_percent": 100 * used})


main()
