"""Reference values and gradients of the losses, by PyTorch's automatic differentiation in float64.

    python3 losses.py > losses.tsv

Each line: name, value, then the gradient with respect to the embeddings, row by row; for a loss with parameters of its own
their gradient follows after a bar. The embeddings are exact in float32, see embeddings(). All ordered pairs and all triplets
of the batch count.
"""
import torch
import torch.nn.functional as F

IMAGES, DIMENSION, PER_IDENTITY, MARGIN = 12, 6, 3, 0.2
torch.set_default_dtype(torch.float64)


def embeddings():
    rows = [[((i * 7919 + k * 104729 + i * k * 31) % 2048 - 1024) / 1024 for k in range(DIMENSION)] for i in range(IMAGES)]
    # Images of one identity lean to one direction.
    for i in range(IMAGES):
        rows[i][(i // PER_IDENTITY) % DIMENSION] += 1
    return torch.tensor(rows, requires_grad=True)


identity = torch.arange(IMAGES) // PER_IDENTITY
same = (identity[:, None] == identity[None, :]) & ~torch.eye(IMAGES, dtype=torch.bool)
other = identity[:, None] != identity[None, :]


def squared(x):
    return ((x[:, None, :] - x[None, :, :]) ** 2).sum(-1)


def plain(x):
    d = squared(x)
    return torch.sqrt(torch.where(d > 0, d, torch.ones_like(d))) * (d > 0)


def cosine(x):
    u = F.normalize(x, dim=1)
    return u @ u.T


def triplets():
    return [(a, p, n) for a in range(IMAGES) for p in range(IMAGES) for n in range(IMAGES) if same[a, p] and other[a, n]]


def differences(d, swap=False):
    t = torch.tensor(triplets())
    ap = d[t[:, 0], t[:, 1]]
    an = d[t[:, 0], t[:, 2]]
    if swap:
        an = torch.minimum(an, d[t[:, 1], t[:, 2]])
    return ap - an


def nonzero_mean(losses):
    return losses.sum() / (losses > 0).sum()


def contrastive(x, margin):
    d = plain(x)
    return (d[same] ** 2).mean() + (torch.relu(margin - d[other]) ** 2).mean()


def per_anchor(x, of):
    s = cosine(x)
    return torch.stack([of(s[i][same[i]], s[i][other[i]]) for i in range(IMAGES)]).mean()


def multi_similarity(x, alpha, beta, base):
    return per_anchor(
        x,
        lambda p, n: torch.log(1 + torch.exp(-alpha * (p - base)).sum()) / alpha
        + torch.log(1 + torch.exp(beta * (n - base)).sum()) / beta,
    )


def circle(x, m, gamma):
    def of(p, n):
        ap = torch.relu(1 + m - p.detach())
        an = torch.relu(n.detach() + m)
        return F.softplus(
            torch.logsumexp(gamma * an * (n - m), 0) + torch.logsumexp(-gamma * ap * (p - (1 - m)), 0), threshold=1e9
        )

    return per_anchor(x, of)


def supervised(x, t):
    return per_anchor(x, lambda p, n: (-p / t + torch.logsumexp(torch.cat([p, n]) / t, 0)).mean())


def n_pair(x, t):
    def of(p, n):
        return torch.stack([-q / t + torch.logsumexp(torch.cat([q[None], n]) / t, 0) for q in p]).mean()

    return per_anchor(x, of)


def margin_loss(x, beta, alpha):
    d = plain(x)
    b = beta[identity][:, None].expand(IMAGES, IMAGES)
    losses = torch.cat([torch.relu(alpha + d[same] - b[same]), torch.relu(alpha - d[other] + b[other])])
    return nonzero_mean(losses)


LOSSES = {
    "margin": lambda x: torch.relu(differences(squared(x)) + MARGIN).mean(),
    "margin-sum": lambda x: torch.relu(differences(squared(x)) + MARGIN).sum(),
    "margin-nonzero": lambda x: nonzero_mean(torch.relu(differences(squared(x)) + MARGIN)),
    "margin-own": lambda x: torch.relu(differences(squared(x)) + 0.75).mean(),
    "margin-swapping": lambda x: torch.relu(differences(squared(x), True) + MARGIN).mean(),
    "margin-plain": lambda x: torch.relu(differences(plain(x)) + MARGIN).mean(),
    "margin-cosine": lambda x: torch.relu(differences(1 - cosine(x)) + MARGIN).mean(),
    "soft-margin": lambda x: F.softplus(differences(squared(x)), threshold=1e9).mean(),
    "soft-margin-plain": lambda x: F.softplus(differences(plain(x)), threshold=1e9).mean(),
    "contrastive": lambda x: contrastive(x, 1.0),
    "multi-similarity": lambda x: multi_similarity(x, 2, 50, 0.5),
    "multi-similarity-mild": lambda x: multi_similarity(x, 1, 4, 0.25),
    "circle": lambda x: circle(x, 0.25, 256),
    "circle-mild": lambda x: circle(x, 0.4, 4),
    "supervised": lambda x: supervised(x, 0.1),
    "n-pair": lambda x: n_pair(x, 0.1),
}

for name, loss in LOSSES.items():
    x = embeddings()
    value = loss(x)
    value.backward()
    print("\t".join([name, repr(value.item())] + [repr(v) for v in x.grad.flatten().tolist()]))

x = embeddings()
beta = torch.tensor([1.2, 1.3, 1.25, 1.15], requires_grad=True)
value = margin_loss(x, beta, 0.2)
value.backward()
print(
    "\t".join(
        ["learnt-margin", repr(value.item())]
        + [repr(v) for v in x.grad.flatten().tolist()]
        + ["|"]
        + [repr(v) for v in beta.grad.tolist()]
    )
)
