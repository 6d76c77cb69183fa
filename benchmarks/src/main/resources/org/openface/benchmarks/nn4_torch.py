#!/usr/bin/python3
"""The nn4 networks in PyTorch: the independent implementation that ours is checked and timed against.

  nn4_torch.py reference VARIANT N > FILE    embeddings and gradients in float64 for weights and pixels made by a formula
  nn4_torch.py blocks VARIANT N > FILE       after every block: its output in training and in inference mode, and the gradient of
                                             its output, in float64, each with how far float32 leads from it
  nn4_torch.py serve VARIANT N THREADS step|step-bfloat16|embed   for each line on standard input, the numbers of images of
                                             some batches: runs a training step for each, or the forward pass in eval mode,
                                             and prints the milliseconds of each in a line; N is the largest number

VARIANT: nn4 | nn4_small1 | nn4_small2 | nn4_small2_v1 | nn2. Source: OpenFace's models/openface/*.def.lua.
"""
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

# name, towers (kernel, stride, reduce, out), pooling, its stride, its 1x1 (0: none), plain 1x1 (0: none)
A = [
    ("3a", [(3, 1, 96, 128), (5, 1, 16, 32)], "max", 1, 32, 64),
    ("3b", [(3, 1, 96, 128), (5, 1, 32, 64)], "l2", 1, 64, 64),
    ("3c", [(3, 2, 128, 256), (5, 2, 32, 64)], "max", 2, 0, 0),
    ("4a", [(3, 1, 96, 192), (5, 1, 32, 64)], "l2", 1, 128, 256),
]
B4 = ("4b", [(3, 1, 112, 224), (5, 1, 32, 64)], "l2", 1, 128, 224)
CD = [
    ("4c", [(3, 1, 128, 256), (5, 1, 32, 64)], "l2", 1, 128, 192),
    ("4d", [(3, 1, 144, 288), (5, 1, 32, 64)], "l2", 1, 128, 160),
]
E4 = ("4e", [(3, 2, 160, 256), (5, 2, 64, 128)], "max", 2, 0, 0)


def fives(reduce, pool, direct, five=()):
    towers = [(3, 1, reduce, 384)] + list(five)
    return [("5a", towers, "l2", 1, pool, direct), ("5b", towers, "max", 1, pool, direct)]


VARIANTS = {
    "nn4_small2": (96, A + [E4] + fives(96, 96, 256)),
    # the published weights' own pooling branches: max with stride 2, l2 with stride 3, no padding
    "nn4_small2_v1": (96, [(b[0], b[1], b[2] + "_v1", *b[3:]) for b in A + [E4] + fives(96, 96, 256)]),
    "nn4_small1": (96, A + [B4, E4] + fives(192, 128, 384)),
    "nn4": (96, A + [B4] + CD + [E4] + fives(192, 128, 384)),
    "nn2": (224, A + [B4] + CD + [E4] + fives(192, 128, 384, [(5, 1, 48, 128)])),
}


class Conv(nn.Module):
    def __init__(self, i, o, k, s=1):
        super().__init__()
        self.conv = nn.Conv2d(i, o, k, s, k // 2)
        self.bn = nn.BatchNorm2d(o)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Lrn(torch.autograd.Function):
    """LRN(5, 1e-4, 0.75) with its gradient by hand: several times faster than F.local_response_norm."""

    @staticmethod
    def window(q):
        c = q.shape[1]
        q = F.pad(q, (0, 0, 0, 0, 2, 2))
        return sum(q[:, i : i + c] for i in range(1, 5)) + q[:, 0:c]

    @staticmethod
    def factor(x):
        v = Lrn.window(x * x) * (1e-4 / 5) + 1
        r = v.rsqrt()
        return v, r * r.sqrt()

    @staticmethod
    def forward(ctx, x):
        v, p = Lrn.factor(x)
        ctx.save_for_backward(x, v, p)
        return x * p

    @staticmethod
    def backward(ctx, d):
        x, v, p = ctx.saved_tensors
        dp = d * p
        return dp - 2 * 0.75 * 1e-4 / 5 * x * Lrn.window(dp * x / v)


def lrn(x):
    return Lrn.apply(x) if torch.is_grad_enabled() else x * Lrn.factor(x)[1]


class Inception(nn.Module):
    def __init__(self, channels, towers, pooling, pool_stride, pool_out, direct):
        super().__init__()
        self.kernels = [t[0] for t in towers]
        for k, s, r, o in towers:
            self.add_module("%dx%d_reduce" % (k, k), Conv(channels, r, 1))
            self.add_module("%dx%d" % (k, k), Conv(r, o, k, s))
        self.pooling, self.pool_stride = pooling, pool_stride
        self.pool = Conv(channels, pool_out, 1) if pool_out else None
        if direct:
            self.add_module("1x1", Conv(channels, direct, 1))
        self.direct = direct
        self.out = sum(t[3] for t in towers) + (pool_out or channels) + direct

    def forward(self, x):
        m = self._modules
        parts = [m["%dx%d" % (k, k)](m["%dx%d_reduce" % (k, k)](x)) for k in self.kernels]
        if self.pooling == "max":
            p = F.max_pool2d(x, 3, self.pool_stride, 1)
        elif self.pooling == "max_v1":
            p = F.max_pool2d(x, 3, 2)
        else:
            p = (F.avg_pool2d(x * x, 3, 3 if self.pooling == "l2_v1" else 1) * 9 + 1e-12).sqrt()
        if self.pool is not None:
            p = self.pool(p)
        missing = parts[0].shape[2] - p.shape[2]
        if missing:
            p = F.pad(p, (missing // 2, missing - missing // 2) * 2)
        parts.append(p)
        if self.direct:
            parts.append(m["1x1"](x))
        return torch.cat(parts, 1)


class Net(nn.Module):
    def __init__(self, variant, embedding=128):
        super().__init__()
        self.side, blocks = VARIANTS[variant]
        self.conv1, self.conv2, self.conv3 = Conv(3, 64, 7, 2), Conv(64, 64, 1), Conv(64, 192, 3)
        channels = 192
        self.blocks = []
        for name, *rest in blocks:
            block = Inception(channels, *rest)
            self.add_module("inception_" + name, block)
            self.blocks.append(("inception_" + name, block))
            channels = block.out
        self.dense = nn.Linear(channels, embedding)

    def forward(self, x, block=lambda name, h: h):
        """block is called with the output of each block and returns it."""
        h = block("conv1", self.conv1(x))
        h = block("pool1", F.max_pool2d(h, 3, 2, 1))
        h = block("lrn1", lrn(h))
        h = block("conv2", self.conv2(h))
        h = block("conv3", self.conv3(h))
        h = block("lrn2", lrn(h))
        h = block("pool2", F.max_pool2d(h, 3, 2, 1))
        for name, inception in self.blocks:
            h = block(name, inception(h))
        h = block("mean", h.mean((2, 3)))
        h = block("dense", self.dense(h))
        return block("embedding", h / (h.pow(2).sum(1, keepdim=True) + 1e-10).sqrt())

    def tensors(self):
        """(our name, tensor), in our order."""
        return [(n.replace(".conv.", "."), p) for n, p in self.named_parameters()]


def uniform(stream, count):
    """SplitMix64 of (stream, index), as floats in [-1, 1): the same in Java."""
    with np.errstate(over="ignore"):
        z = (np.arange(count, dtype=np.uint64) + np.uint64(stream * 1000000007 + 1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(40)).astype(np.float64) / 2**23 - 1).astype(np.float32)


def set_by_formula(net):
    with torch.no_grad():
        for i, (name, p) in enumerate(net.tensors()):
            u = torch.from_numpy(uniform(i, p.numel())).reshape(p.shape)
            if ".bn.weight" in name:
                u = 1 + u / 2
            elif ".bn.bias" in name:
                u = u / 4
            elif p.dim() > 1:
                u = u * float(np.float32(1.7 / np.sqrt(p.numel() / p.shape[0])))
            else:
                u = u / 16
            p.copy_(u)


def formula_batch(net, n):
    """Pixels as ours, [image][row][column][channel], in [0, 1); and a gradient of the embeddings."""
    x = torch.from_numpy((uniform(1000, n * net.side * net.side * 3) + 1) / 2)
    x = x.reshape(n, net.side, net.side, 3).permute(0, 3, 1, 2).contiguous()
    return x, torch.from_numpy(uniform(1001, n * 128)).reshape(n, 128)


def set_statistics_by_formula(net):
    for i, (name, b) in enumerate((n, b) for n, b in net.named_buffers() if "running" in n):
        u = torch.from_numpy(uniform(5000 + i, b.numel()))
        b.copy_(u / 8 if name.endswith("mean") else 1 + u / 2)


def run_blocks(variant, n, dtype):
    """[(kind, block, tensor)] in float64."""
    found = []

    def keep(kind):
        def block(name, h):
            if h.requires_grad:
                h.retain_grad()
            found.append((kind, name, h))
            return h

        return block

    net = Net(variant)
    set_by_formula(net)
    set_statistics_by_formula(net)
    x, g = formula_batch(net, n)
    net.to(dtype)
    with torch.no_grad():
        net.eval()(x.to(dtype), keep("inference"))
    net.train()(x.to(dtype), keep("training")).backward(g.to(dtype))
    found += [("gradient", name, h.grad) for kind, name, h in found if kind == "training"]
    return [(kind, name, h.detach().double()) for kind, name, h in found]


def blocks(variant, n):
    print("variant", variant, "images", n)
    exact, single = (run_blocks(variant, n, t) for t in (torch.float64, torch.float32))
    for (kind, name, h), (_, _, approximate) in zip(exact, single):
        flat = h.flatten()
        weights = torch.from_numpy(uniform(6000, len(flat))).double()
        places = [len(flat) * i // 8 + 7 * i for i in range(8)]
        print(kind, name, "x".join(str(d) for d in h.shape[1:]), "%.2e" % ((approximate - h).norm() / h.norm()).item(),
              "%.12e" % h.norm().item(), "%.12e" % (flat * weights).sum().item(),
              *("%.12e" % flat[i % len(flat)].item() for i in places))


def reference(variant, n):
    net = Net(variant).train()
    set_by_formula(net)
    x, g = formula_batch(net, n)
    net.double()
    e = net(x.double())
    e.backward(g.double())
    print("variant", variant, "images", n, "parameters", sum(p.numel() for p in net.parameters()))
    print("embeddings", *("%.9e" % v for v in e.detach().flatten().tolist()))
    exact = {name: p.grad.clone() for name, p in net.tensors()}
    stats = {name: b.clone() for name, b in net.named_buffers()}
    net.eval()
    print("inference", *("%.9e" % v for v in net(x.double()).detach().flatten().tolist()))
    net = Net(variant).train()  # again in float32: how far rounding alone leads
    set_by_formula(net)
    net(x).backward(g)
    for i, (name, p) in enumerate(net.tensors()):
        d = exact[name]
        weights = torch.from_numpy(uniform(2000 + i, p.numel())).reshape(p.shape).double()
        rounding = ((p.grad.double() - d).norm() / (d.norm() + 1e-30)).item()
        head = d.flatten()[:6].tolist()
        print("gradient", name, "%.9e" % d.norm().item(), "%.9e" % (d * weights).sum().item(), "%.2e" % rounding,
              *("%.9e" % v for v in head))
    for name, b in stats.items():
        if "running" in name:
            print("statistic", name, *("%.9e" % v for v in b.flatten()[:6].tolist()))


def peak_megabytes():
    """Of this process alone: what getrusage() says is inherited from the one that started it."""
    try:
        with open("/proc/self/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmHWM")) // 1024
    except OSError:
        return -1


def fastest(ways, n):
    """The (name, function of the number of images) that takes the least time for n."""
    best = None
    for name, run in ways:
        for _ in range(3):
            run(n)
        t = time.time()
        for _ in range(3):
            run(n)
        t = time.time() - t
        if best is None or t < best[0]:
            best = t, name, run
    return best[1:]


def inference(variant, n):
    """(name, a function that embeds): of the ways PyTorch offers, the one that is fastest for so many images.

    One image takes ten times as long in the usual way, as PyTorch then computes small convolutions without oneDNN.
    """
    x = torch.rand(n, 3, VARIANTS[variant][0], VARIANTS[variant][0])
    net = Net(variant).eval()
    for m in net.modules():
        if isinstance(m, Conv):
            m.conv, m.bn = nn.utils.fusion.fuse_conv_bn_eval(m.conv, m.bn), nn.Identity()
    optimised = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(net, x)))
    net = net.to(memory_format=torch.channels_last)
    last = x.contiguous(memory_format=torch.channels_last)
    ways = [
        ("pytorch-torchscript", lambda k: optimised(x[:k]).numpy()),
        ("pytorch-channels_last", lambda k: net(last[:k]).numpy()),
    ]
    return fastest(ways, n)


def training(variant, n, bfloat16):
    """(name, a function that makes a step); with bfloat16 the faster of mixed precision and float32."""
    net = Net(variant).train().to(memory_format=torch.channels_last)
    x = torch.rand(n, 3, net.side, net.side).contiguous(memory_format=torch.channels_last)
    g = torch.randn(n, 128) / n
    opt = torch.optim.Adam(net.parameters(), 1e-4)

    def step(k, mixed=False):
        opt.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed):
            e = net(x[:k])
        e.float().backward(g[:k])
        opt.step()

    ways = [("pytorch-channels_last", step)]
    if bfloat16:
        ways.append(("pytorch-channels_last-autocast", lambda k: step(k, True)))
    return fastest(ways, n)


def serve(variant, n, threads, what):
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    torch.set_grad_enabled(what != "embed")
    name, run = inference(variant, n) if what == "embed" else training(variant, n, what == "step-bfloat16")
    print(torch.__version__, name, flush=True)
    for line in sys.stdin:
        times = []
        for k in line.split():
            t = time.time()
            run(int(k))
            times.append("%.4f" % ((time.time() - t) * 1e3))
        print(peak_megabytes(), *times, flush=True)


if __name__ == "__main__":
    command, variant = sys.argv[1:3]
    if command == "reference":
        reference(variant, int(sys.argv[3]))
    elif command == "blocks":
        blocks(variant, int(sys.argv[3]))
    else:
        serve(variant, int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
