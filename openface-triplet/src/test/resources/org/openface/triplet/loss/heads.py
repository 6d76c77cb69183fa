"""Reference values, gradients and Adam steps of classification heads, by PyTorch in float64.

    python3 heads.py > heads.tsv

Each line: name, then after bars the value, the gradient by the embeddings, the gradient by the centres, and the centres after five
steps of Adam (1e-2) on 0.3 times the loss with the embeddings held fast. Images and centres are exact in float32.
"""
import math

import torch
import torch.nn.functional as F

IMAGES, DIMENSION, PER_IDENTITY, IDENTITIES = 12, 6, 3, 5
torch.set_default_dtype(torch.float64)
identity = torch.arange(IMAGES) // PER_IDENTITY


def pattern(rows, a, b, c):
    return torch.tensor(
        [[((i * a + k * b + i * k * c) % 2048 - 1024) / 1024 for k in range(DIMENSION)] for i in range(rows)],
        requires_grad=True,
    )


def head(x, w, centres, angle, cosine, scale):
    s = (F.normalize(x, dim=1) @ F.normalize(w, dim=1).T).view(IMAGES, IDENTITIES, centres).amax(2)
    own = s.gather(1, identity[:, None])
    if angle > 0:
        rotated = own * math.cos(angle) - torch.sqrt(1 - own**2) * math.sin(angle)
        own = torch.where(own > math.cos(math.pi - angle), rotated, own - math.sin(math.pi - angle) * angle)
    logits = scale * s.scatter(1, identity[:, None], own - cosine)
    return F.cross_entropy(logits, identity)


HEADS = {
    "softmax": (1, 0, 0, 8),
    "arcface": (1, 0.5, 0, 16),
    "arcface-wide": (1, 1.5, 0, 4),
    "cosface": (1, 0, 0.35, 16),
    "sub-centres": (3, 0.3, 0, 10),
}

for name, (centres, angle, cosine, scale) in HEADS.items():
    x = pattern(IMAGES, 7919, 104729, 31)
    w = pattern(IDENTITIES * centres, 6151, 20011, 53)
    value = head(x, w, centres, angle, cosine, scale)
    value.backward()
    fields = [[value.item()], x.grad.flatten().tolist(), w.grad.flatten().tolist()]
    adam = torch.optim.Adam([w], lr=1e-2)
    for step in range(5):
        adam.zero_grad()
        (0.3 * head(x.detach(), w, centres, angle, cosine, scale)).backward()
        adam.step()
    fields.append(w.flatten().tolist())
    print("\t|\t".join([name] + ["\t".join(repr(v) for v in field) for field in fields]))
