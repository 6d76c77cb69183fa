#!/usr/bin/python3
"""Twenty steps of gradient descent in PyTorch, from weights, batches and triplets that formulas give.

  nn4_training_torch.py VARIANT IMAGES STEPS RATE [arcface] > FILE

With arcface a quarter of the loss of an ArcFace head is added, which learns along.

What is written is float64's, each figure followed by how far float32, otherwise the same, is from it: the tolerance
that an implementation in float32 can be held to.
"""
import math
import sys

import torch
import torch.nn.functional as F

from nn4_torch import Net, set_by_formula, uniform

MARGIN = 0.2
ANGLE, SCALE, HEAD_WEIGHT = 0.3, 16, 0.25


def batch(net, stream, n):
    x = torch.from_numpy((uniform(stream, n * net.side * net.side * 3) + 1) / 2)
    return x.reshape(n, net.side, net.side, 3).permute(0, 3, 1, 2).contiguous()


def triplets(n, step):
    """Images 2j and 2j + 1 are of identity j; negatives go round."""
    return [(2 * j, 2 * j + 1, (2 * j + 2 + step % (n - 2)) % n) for j in range(n // 2)]


def arcface(e, centres, identity):
    s = F.normalize(e, dim=1) @ F.normalize(centres, dim=1).T
    own = s.gather(1, identity[:, None])
    rotated = own * math.cos(ANGLE) - torch.sqrt(1 - own**2) * math.sin(ANGLE)
    return F.cross_entropy(SCALE * s.scatter(1, identity[:, None], rotated), identity)


def train(variant, n, steps, rate, dtype, head):
    net = Net(variant).train()
    set_by_formula(net)
    start = {name: p.detach().double().clone() for name, p in net.tensors()}
    net.to(dtype)
    centres = torch.from_numpy(uniform(5000, n // 2 * 128)).reshape(n // 2, 128).to(dtype).requires_grad_()
    identity = torch.arange(n) // 2
    opt = torch.optim.SGD(list(net.parameters()) + ([centres] if head else []), rate)
    losses = []
    for s in range(steps):
        e = net(batch(net, 3000 + s, n).to(dtype))
        a, p, m = (torch.tensor(t) for t in zip(*triplets(n, s)))
        loss = F.relu((e[a] - e[p]).pow(2).sum(1) - (e[a] - e[m]).pow(2).sum(1) + MARGIN).mean()
        if head:
            loss = loss + HEAD_WEIGHT * arcface(e, centres, identity)
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    probe = net(batch(net, 4000, n).to(dtype)).detach().double()
    change = {name: p.detach().double() - start[name] for name, p in net.tensors()}
    return torch.tensor(losses, dtype=torch.float64), probe, change, centres.detach().double()


if __name__ == "__main__":
    variant, n, steps, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    head = len(sys.argv) > 5
    exact, single = (train(variant, n, steps, rate, t, head) for t in (torch.float64, torch.float32))
    print("variant", variant, "images", n, "steps", steps, "rate", rate)
    print("losses", "%.2e" % (exact[0] - single[0]).abs().max().item(), *("%.9e" % v for v in exact[0].tolist()))
    print("probe", "%.2e" % (exact[1] - single[1]).abs().max().item(),
          *("%.9e" % v for v in exact[1].flatten().tolist()))
    if head:
        print("centres", "%.2e" % (exact[3] - single[3]).abs().max().item(),
              *("%.9e" % v for v in exact[3].flatten().tolist()))
    for i, (name, d) in enumerate(exact[2].items()):
        weights = torch.from_numpy(uniform(2000 + i, d.numel())).reshape(d.shape).double()
        rounding = ((single[2][name] - d).norm() / (d.norm() + 1e-30)).item()
        print("change", name, "%.9e" % d.norm().item(), "%.9e" % (d * weights).sum().item(), "%.2e" % rounding,
              *("%.9e" % v for v in d.flatten()[:6].tolist()))
