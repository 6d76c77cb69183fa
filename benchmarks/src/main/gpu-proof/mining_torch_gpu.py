#!/usr/bin/env python3
"""Triplet mining and its gradient in PyTorch on the GPU, to set beside ours: the same batches' shapes, one random violating
negative for each unordered pair, float32 without TF32.

  mining_torch_gpu.py SIZE...

eager: one [pairs, images] comparison; compiled: the same through torch.compile; cubic: in the manner of
pytorch-metric-learning's TripletMarginMiner, all triplets by way of an [images, images, images] mask; blocks: eager, a block of
pairs at a time, for what does not fit otherwise. Prints a line for each, in milliseconds (median, synchronised).
"""
import sys
import time

import torch

MARGIN = 0.2


def batch(people, images):
    torch.manual_seed(1)
    labels = torch.arange(people).repeat_interleave(images)
    centres = torch.randn(people, 128)
    e = centres[labels] + 2 * torch.randn(len(labels), 128)
    return (e / e.norm(dim=1, keepdim=True)).cuda(), labels.cuda()


def squared_distances(e, f):
    return e.pow(2).sum(1)[:, None] + f.pow(2).sum(1)[None, :] - 2 * (e @ f.t())


def choose(d, ap, labels, a):
    violating = (d - ap[:, None] < MARGIN) & (labels[a][:, None] != labels[None, :])
    return torch.rand(violating.shape, device="cuda").masked_fill_(~violating, -1).argmax(1), violating.any(1)


def vectorised(e, labels, a, p):
    d = squared_distances(e, e)
    n, some = choose(d[a], d[a, p], labels, a)
    return a[some], p[some], n[some]


def blocks(e, labels, a, p, pairs=8192):
    chosen, kept = [], []
    for first in range(0, len(a), pairs):
        b, q = a[first:first + pairs], p[first:first + pairs]
        ap = (e[b] - e[q]).pow(2).sum(1)
        n, some = choose(squared_distances(e[b], e), ap, labels, b)
        chosen.append(n)
        kept.append(some)
    n, some = torch.cat(chosen), torch.cat(kept)
    return a[some], p[some], n[some]


def cubic(e, labels, a, p):
    d = squared_distances(e, e)
    same = (labels[:, None] == labels[None, :]).byte()
    different = same ^ 1
    same.fill_diagonal_(0)
    a, p, n = torch.where(same.unsqueeze(2) * different.unsqueeze(1))
    keep = d[a, n] - d[a, p] < MARGIN
    return a[keep], p[keep], n[keep]


def step(mine, e, labels, a, p):
    with torch.no_grad():
        a, p, n = mine(e, labels, a, p)
    x = e.clone().requires_grad_(True)
    ap = (x[a] - x[p]).pow(2).sum(1)
    an = (x[a] - x[n]).pow(2).sum(1)
    torch.relu(ap - an + MARGIN).mean().backward()
    return x.grad


def measure(name, mine, size):
    people, images = {300: (15, 20), 1800: (45, 40)}.get(size, (size // 20, 20))
    line = "gpu-proof torch case=openface-%d peer-name=torch-%s version=%s device=\"%s\"" % (
        size, name, torch.__version__, torch.cuda.get_device_name())
    try:
        e, labels = batch(people, images)
        a = torch.arange(len(labels), device="cuda").repeat_interleave(images)
        p = a // images * images + torch.arange(images, device="cuda").repeat(len(labels))
        a, p = a[a < p], p[a < p]
        torch.cuda.reset_peak_memory_stats()
        times = []
        begun = time.perf_counter()
        while len(times) < 3 or (len(times) < 50 and time.perf_counter() - begun < 3):
            torch.cuda.synchronize()
            start = time.perf_counter()
            step(mine, e, labels, a, p)
            torch.cuda.synchronize()
            times.append((time.perf_counter() - start) * 1000)
        times = sorted(times[1:])
        print(line, "milliseconds=%.3f memory=%dMB" % (
            times[len(times) // 2], torch.cuda.max_memory_allocated() >> 20), flush=True)
    except torch.cuda.OutOfMemoryError:
        print(line, "milliseconds=oom", flush=True)
    except Exception as error:  # torch.compile wants a compiler on the machine
        print(line, "milliseconds=none", type(error).__name__, str(error).split("\n")[0][:120], flush=True)
    torch.cuda.empty_cache()


def main():
    torch.backends.cuda.matmul.allow_tf32 = False
    compiled = torch.compile(vectorised, dynamic=False)
    for size in map(int, sys.argv[1:]):
        if size <= 10000:
            measure("eager", vectorised, size)
            measure("compiled", compiled, size)
        measure("blocks", blocks, size)
        measure("cubic", cubic, size)


main()
