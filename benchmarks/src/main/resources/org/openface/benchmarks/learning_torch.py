#!/usr/bin/python3
"""OpenFace's recipe in PyTorch: nn4.small2, 12 people x 8 images, Adam 1e-3, margin 0.2, a random violating negative a pair.

  learning_torch.py FOLDER SEED STEPS STEPS_PER_LINE

FOLDER holds training, held-out-images and held-out-people, each with a folder of 96x96 PNG files per person. Prints a line
as LearningCurves does.
"""
import pathlib
import sys
import time

import numpy as np
import torch
from PIL import Image

from nn4_torch import Net

MARGIN = 0.2


def load(folder):
    images, people = [], []
    for label, person in enumerate(sorted(p for p in folder.iterdir() if p.is_dir())):
        for file in sorted(person.iterdir()):
            images.append(np.asarray(Image.open(file).convert("RGB")).transpose(2, 0, 1))
            people.append(label)
    return torch.from_numpy(np.stack(images)), torch.tensor(people)


def batch(x, people, rng):
    """Random people, random images of each, each mirrored or not."""
    rows = []
    for person in rng.permutation(int(people.max()) + 1)[:12]:
        own = np.flatnonzero(people.numpy() == person)
        rows.extend(rng.permutation(own)[:8])
    b = x[rows].float() / 255
    mirrored = torch.from_numpy(rng.random(len(rows)) < 0.5)
    b[mirrored] = b[mirrored].flip(3)
    return b.contiguous(memory_format=torch.channels_last), people[rows]


def loss(e, people, figures):
    with torch.no_grad():
        d = torch.cdist(e.double(), e.double()).pow(2)
        same = people[:, None] == people[None]
        a, p = torch.nonzero(same.triu(1), as_tuple=True)
        candidates = ~same[a]
        violates = candidates & (d[a, p][:, None] + MARGIN > d[a])
        pairs = violates.any(1)
        excess = (d[a, p][:, None] + MARGIN - d[a]).clamp(min=0)[candidates]
        negatives = torch.where(violates, torch.rand(violates.shape), torch.tensor(-1.0)).argmax(1)
        figures.append([excess.mean().item(), pairs.double().mean().item(), d[a, p].mean().item(),
                        d[~same].mean().item()])
        a, p, n = a[pairs], p[pairs], negatives[pairs]
    if not len(a):
        return None
    return ((e[a] - e[p]).pow(2).sum(1) - (e[a] - e[n]).pow(2).sum(1) + MARGIN).clamp(min=0).mean()


def embed(net, x):
    with torch.no_grad():
        return torch.cat([net(b.float() / 255) for b in x.split(96)])


def auc(e, people, rng):
    d = torch.cdist(e.double(), e.double()).pow(2).numpy()
    i, j = np.triu_indices(len(e), 1)
    same = (people[i] == people[j]).numpy()
    positive = d[i, j][same]
    other = rng.permutation(np.flatnonzero(~same))[: len(positive)]
    negative = np.sort(d[i, j][other])
    return 1 - np.searchsorted(negative, positive, "left").mean() / len(negative)


def main(folder, seed, steps, steps_per_line):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    x, people = load(folder / "training")
    held_out = [load(folder / "held-out-images"), load(folder / "held-out-people")]
    calibration = x[np.random.default_rng(3).permutation(len(x))[:384]]
    net = Net("nn4_small2").to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    figures, seconds = [], 0
    for step in range(1, steps + 1):
        start = time.time()
        net.train()
        b, labels = batch(x, people, rng)
        optimizer.zero_grad()
        value = loss(net(b), labels, figures)
        if value is not None:
            value.backward()
            optimizer.step()
        seconds += time.time() - start
        if step % steps_per_line == 0:
            # Batch-norm statistics anew, on a copy: the plain mean over the calibration batches.
            copy = Net("nn4_small2").to(memory_format=torch.channels_last)
            copy.load_state_dict(net.state_dict())
            for m in copy.modules():
                if isinstance(m, torch.nn.BatchNorm2d):
                    m.reset_running_stats()
                    m.momentum = None
            copy.train()
            embed(copy, calibration)
            copy.eval()
            scores = [auc(embed(copy, images), who, np.random.default_rng(5)) for images, who in held_out]
            print("pytorch", seed, step, "%.1f" % seconds, *("%.4f" % s for s in scores),
                  *("%.4f" % v for v in np.mean(figures, 0)), sep="\t", flush=True)
            figures = []


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), *(int(v) for v in sys.argv[2:5]))
