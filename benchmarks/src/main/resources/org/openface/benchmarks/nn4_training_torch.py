#!/usr/bin/python3
"""Twenty steps of gradient descent in PyTorch, from weights, batches and triplets that formulas give.

  nn4_training_torch.py VARIANT IMAGES STEPS RATE > FILE

What is written is float64's, each figure followed by how far float32, otherwise the same, is from it: the tolerance
that an implementation in float32 can be held to.
"""
import sys

import torch
import torch.nn.functional as F

from nn4_torch import Net, set_by_formula, uniform

MARGIN = 0.2


def batch(net, stream, n):
    x = torch.from_numpy((uniform(stream, n * net.side * net.side * 3) + 1) / 2)
    return x.reshape(n, net.side, net.side, 3).permute(0, 3, 1, 2).contiguous()


def triplets(n, step):
    """Images 2j and 2j + 1 are of identity j; negatives go round."""
    return [(2 * j, 2 * j + 1, (2 * j + 2 + step % (n - 2)) % n) for j in range(n // 2)]


def train(variant, n, steps, rate, dtype):
    net = Net(variant).train()
    set_by_formula(net)
    start = {name: p.detach().double().clone() for name, p in net.tensors()}
    net.to(dtype)
    opt = torch.optim.SGD(net.parameters(), rate)
    losses = []
    for s in range(steps):
        e = net(batch(net, 3000 + s, n).to(dtype))
        a, p, m = (torch.tensor(t) for t in zip(*triplets(n, s)))
        loss = F.relu((e[a] - e[p]).pow(2).sum(1) - (e[a] - e[m]).pow(2).sum(1) + MARGIN).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    probe = net(batch(net, 4000, n).to(dtype)).detach().double()
    change = {name: p.detach().double() - start[name] for name, p in net.tensors()}
    return torch.tensor(losses, dtype=torch.float64), probe, change


if __name__ == "__main__":
    variant, n, steps, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    exact, single = (train(variant, n, steps, rate, t) for t in (torch.float64, torch.float32))
    print("variant", variant, "images", n, "steps", steps, "rate", rate)
    print("losses", "%.2e" % (exact[0] - single[0]).abs().max().item(), *("%.9e" % v for v in exact[0].tolist()))
    print("probe", "%.2e" % (exact[1] - single[1]).abs().max().item(),
          *("%.9e" % v for v in exact[1].flatten().tolist()))
    for i, (name, d) in enumerate(exact[2].items()):
        weights = torch.from_numpy(uniform(2000 + i, d.numel())).reshape(d.shape).double()
        rounding = ((single[2][name] - d).norm() / (d.norm() + 1e-30)).item()
        print("change", name, "%.9e" % d.norm().item(), "%.9e" % (d * weights).sum().item(), "%.2e" % rounding,
              *("%.9e" % v for v in d.flatten()[:6].tolist()))
