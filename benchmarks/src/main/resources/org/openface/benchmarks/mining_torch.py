#!/usr/bin/python3
"""Triplet mining in PyTorch, two ways that are common, to time ours against.

  mining_torch.py serve KIND PEOPLE IMAGES THREADS

KIND: vectorised, one [pairs, images] comparison; or cubic, in the manner of pytorch-metric-learning's TripletMarginMiner:
all triplets by way of an [images, images, images] mask, then the ones that violate. Each step mines one batch of 128-d
embeddings and gets the gradient of the mean triplet loss by autograd. Prints the version, or the version and "oom"; then,
for each count read, the peak memory in MB and the milliseconds of so many steps.
"""
import resource
import sys
import time

import torch

MARGIN = 0.2


def batch(people, images):
    torch.manual_seed(1)
    labels = torch.arange(people).repeat_interleave(images)
    centres = torch.randn(people, 128)
    e = centres[labels] + 2 * torch.randn(len(labels), 128)
    return e / e.norm(dim=1, keepdim=True), labels


def squared_distances(e):
    squares = e.pow(2).sum(1)
    return squares[:, None] + squares[None, :] - 2 * (e @ e.t())


def vectorised(e, labels, pairs):
    """One random violating negative for each unordered pair."""
    a, p = pairs
    d = squared_distances(e)
    violating = (d[a] - d[a, p][:, None] < MARGIN) & (labels[a][:, None] != labels[None, :])
    n = torch.rand(violating.shape).masked_fill_(~violating, -1).argmax(1)
    some = violating.any(1)
    return a[some], p[some], n[some]


def cubic(e, labels, pairs):
    """Every violating triplet."""
    d = squared_distances(e)
    same = (labels[:, None] == labels[None, :]).byte()
    different = same ^ 1
    same.fill_diagonal_(0)
    a, p, n = torch.where(same.unsqueeze(2) * different.unsqueeze(1))
    keep = d[a, n] - d[a, p] < MARGIN
    return a[keep], p[keep], n[keep]


def step(mine, e, labels, pairs):
    with torch.no_grad():
        a, p, n = mine(e, labels, pairs)
    x = e.clone().requires_grad_(True)
    ap = (x[a] - x[p]).pow(2).sum(1)
    an = (x[a] - x[n]).pow(2).sum(1)
    torch.relu(ap - an + MARGIN).mean().backward()
    return x.grad


def peak_megabytes():
    """Of this process alone: what getrusage() says is inherited from the one that started it."""
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM")) // 1024


def available():
    for line in open("/proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024


def main():
    mine = {"vectorised": vectorised, "cubic": cubic}[sys.argv[2]]
    people, images, threads = map(int, sys.argv[3:6])
    torch.set_num_threads(threads)
    # So that asking for too much is an error here and no trouble for the machine.
    limit = int(0.6 * available())
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    e, labels = batch(people, images)
    pairs = torch.where((labels[:, None] == labels[None, :]).triu(1))
    try:
        step(mine, e, labels, pairs)
    except (RuntimeError, MemoryError) as error:
        if "alloc" not in str(error) and not isinstance(error, MemoryError):
            raise
        print(torch.__version__, "oom", flush=True)
        return
    print(torch.__version__, flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = time.perf_counter()
            step(mine, e, labels, pairs)
            times.append((time.perf_counter() - start) * 1000)
        print(peak_megabytes(), *("%.4f" % t for t in times), flush=True)


main()
