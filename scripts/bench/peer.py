"""What the PyTorch peers share: the runner's protocol and medians."""

import os
import statistics
import sys
import time

import torch


def malloc_name():
    """Which malloc this process runs with."""
    preload = os.environ.get("LD_PRELOAD", "")
    if "jemalloc" in preload:
        return "jemalloc"
    if os.environ.get("MALLOC_MMAP_THRESHOLD_"):
        return "glibc told not to unmap"
    return "default glibc malloc"


def ready(text):
    """Says who this is, once, and that rounds may begin."""
    version = torch.__version__.split("+")[0]
    print(f"ready PyTorch {version} {text}, {malloc_name()}", flush=True)


def rounds():
    """One turn for every line on standard input."""
    for _ in sys.stdin:
        yield None


def report(values):
    """One line of NAME=VALUE for the runner."""
    print(" ".join(f"{k}={v:.6g}" for k, v in values.items()), flush=True)


def median_ms(run, least_ms=60, before=None):
    """The median time of `run` over at least three turns and `least_ms`;
    `before` prepares each turn, untimed, and its result is passed on."""
    times, begin = [], time.perf_counter()
    turn(run, before)
    while len(times) < 3 or (time.perf_counter() - begin) * 1e3 < least_ms:
        times.append(turn(run, before))
        if len(times) >= 200:
            break
    return statistics.median(times)


def turn(run, before):
    """One timed turn in milliseconds."""
    args = before() if before else ()
    start = time.perf_counter()
    run(*args)
    return (time.perf_counter() - start) * 1e3
