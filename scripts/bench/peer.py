"""What the PyTorch peers share: the runner's protocol, settings, medians and
memory. They run on the device MOONSEED_BENCH_DEVICE, cpu unless given."""

import os
import statistics
import sys
import time

import torch

DEVICE = os.environ.get("MOONSEED_BENCH_DEVICE", "cpu")
ON_GPU = DEVICE != "cpu"
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}

if ON_GPU:  # ours rounds products to TF32 and times cuDNN's choices, too
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cuda.matmul.allow_tf32 = True

MEMORY = {"contiguous": torch.contiguous_format,
          "channels_last": torch.channels_last,
          "compile": torch.channels_last}


def compiled(mode, fn):
    """`fn` as the mode has it: eager, or made by torch.compile."""
    if mode != "compile":
        return fn
    torch._dynamo.config.cache_size_limit = 256  # one function, many shapes
    return torch.compile(fn, dynamic=False)


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
    where = torch.cuda.get_device_name() if ON_GPU else malloc_name()
    print(f"ready PyTorch {version} {text}, {where}", flush=True)


def rounds():
    """One turn for every line on standard input."""
    for _ in sys.stdin:
        yield None


def report(values, end="\n"):
    """A line of NAME=VALUE for the runner, or, with a space, its beginning."""
    print(" ".join(f"{k}={v:.6g}" for k, v in values.items()), end=end,
          flush=True)


def synchronize():
    """Waits for a GPU; a CPU's work is done."""
    if ON_GPU:
        torch.cuda.synchronize()


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
    synchronize()
    start = time.perf_counter()
    run(*args)
    synchronize()
    return (time.perf_counter() - start) * 1e3


def queued_ms(run):
    """The median time of `run`; on a GPU, of one in a row of 20 ms, as in
    rounds.lua."""
    if not ON_GPU:
        return median_ms(run)

    def row(count):
        for _ in range(count):
            run()

    once = median_ms(lambda: row(16), 5) / 16
    count = min(512, int(20 / once) + 1)
    return median_ms(lambda: row(count)) / count


def memory_mb():
    """What the process holds, and the most it held since `forget_peak`."""
    kb = {}
    with open("/proc/self/status", encoding="ascii") as f:
        for line in f:
            name, _, value = line.partition(":")
            if name in ("VmRSS", "VmHWM"):
                kb[name] = int(value.split()[0])
    return kb["VmRSS"] / 1024, kb["VmHWM"] / 1024


def forget_peak():
    """Begins to measure the peak anew."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as f:
        f.write("5")
