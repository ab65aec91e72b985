"""Golden cases of losses: every option, extreme inputs, ignored labels."""

import torch
import torch.nn.functional as F
from case import Input, case


def add(op, name, described, run, **options):
    case("loss", op, name, described, run, args=[options])


def named(kw, weighted):
    """Short, so that no line is broken inside of it."""
    name = kw["reduction"]
    if "ignore_index" in kw:
        name += ", one ignored"
    if "label_smoothing" in kw:
        name += f", {kw['label_smoothing']} smoothed"
    return name + (", weighted" if weighted else "")


def labelled():
    """cross_entropy and nll: p.args is the options; a weight is an input."""
    def run(fn, **kw):
        return lambda x, labels, w=None: fn(x, labels, weight=w, **kw)

    weight = Input(5, fill="positive", grad=False)
    for reduction in ("mean", "sum", "none"):
        for kw in [{}, {"label_smoothing": 0.1}, {"label_smoothing": 1.0},
                   {"ignore_index": 2},
                   {"ignore_index": 2, "label_smoothing": 0.25}]:
            kw = dict(kw, reduction=reduction)
            for extra in ([], [weight]):
                name = named(kw, extra)
                add("cross_entropy", name,
                    [Input(7, 5), Input(7, below=5)] + extra,
                    run(F.cross_entropy, **kw), **kw)
        for kw in ({}, {"ignore_index": 2}):
            kw = dict(kw, reduction=reduction)
            for extra in ([], [weight]):
                name = named(kw, extra)
                add("nll", name, [Input(7, 5), Input(7, below=5)] + extra,
                    run(F.nll_loss, **kw), **kw)
    for reduction in ("mean", "none"):
        add("cross_entropy", "images, " + reduction,
            [Input(2, 5, 3, 2), Input(2, 3, 2, below=5)],
            run(F.cross_entropy, reduction=reduction, label_smoothing=0.1),
            reduction=reduction, label_smoothing=0.1)
    add("cross_entropy", "large logits, sum",
        [Input(9, 4, fill="wide", grad=True), Input(9, below=4)],
        run(F.cross_entropy, reduction="sum", label_smoothing=0.1),
        reduction="sum", label_smoothing=0.1)
    add("cross_entropy", "at the ends of the numbers",
        [Input(8, 3, fill="extreme", grad=False), Input(8, below=3)],
        run(F.cross_entropy, reduction="none"), reduction="none")
    add("cross_entropy", "all ignored, sum",
        [Input(3, 4), Input(3, below=1)],
        run(F.cross_entropy, reduction="sum", ignore_index=0),
        reduction="sum", ignore_index=0)


def pairs():
    """Of an input and a target of its shape."""
    share = lambda *shape: Input(*shape, fill="share")
    shares = lambda *shape: Input(*shape, fill="share", grad=True)
    for reduction in ("mean", "sum", "none"):
        kw = dict(reduction=reduction)
        two = lambda: [Input(3, 4), Input(3, 4)]
        add("mse", reduction, two(),
            lambda x, y, kw=kw: F.mse_loss(x, y, **kw), **kw)
        add("l1", reduction, two(),
            lambda x, y, kw=kw: F.l1_loss(x, y, **kw), **kw)
        for delta in (1.0, 0.5):
            add("huber", f"{reduction}, delta {delta}", two(),
                lambda x, y, d=delta, kw=kw: F.huber_loss(x, y, delta=d, **kw),
                delta=delta, **kw)
        for beta in (1.0, 0.25, 0.0):
            add("smooth_l1", f"{reduction}, beta {beta}", two(),
                lambda x, y, b=beta, kw=kw: F.smooth_l1_loss(x, y, beta=b,
                                                             **kw),
                beta=beta, **kw)
        bce = F.binary_cross_entropy_with_logits
        add("bce_with_logits", reduction, [Input(3, 4), shares(3, 4)],
            lambda x, y, kw=kw: bce(x, y, **kw), **kw)
        case("loss", "bce_weighted", reduction,
             [Input(3, 4), share(3, 4),
              Input(4, fill="positive", grad=False),
              Input(3, 1, fill="positive", grad=False)],
             lambda x, y, p, w, kw=kw: bce(x, y, weight=w.expand(3, 4),
                                           pos_weight=p, **kw), **kw)
    for reduction in ("mean", "batchmean", "sum", "none"):
        for log_target in (False, True):
            kw = dict(reduction=reduction, log_target=log_target)
            add("kl_div", f"{reduction}, log_target {log_target}",
                [Input(3, 4), Input(3, 4, fill="signed", grad=False)
                 if log_target else share(3, 4)],
                lambda x, y, kw=kw: F.kl_div(x, y, **kw), **kw)
    for op, fn in [("huber", F.huber_loss), ("smooth_l1", F.smooth_l1_loss),
                   ("bce_with_logits",
                    lambda x, y: F.binary_cross_entropy_with_logits(x, y))]:
        add(op, "far out", [Input(4, 5, fill="wide", grad=True), share(4, 5)],
            fn)


def losses():
    labelled()
    pairs()
