#!/usr/bin/python3
"""Reads a Torch7 file (binary or ascii) and, where PyTorch is there, runs the network in it: shares no code with the library.

  read_t7.py FILE SIDE IMAGES   prints "tensors COUNT values COUNT", then a line of embeddings for each image,
                                of pixels made by a formula
"""
import array
import struct
import sys


class File:
    def __init__(self, data):
        self.data, self.at, self.seen = data, 0, {}
        self.ascii = data[:2] == b"4\n"

    def word(self):
        data = self.data
        while data[self.at] in b" \n":
            self.at += 1
        end = self.at
        while end < len(data) and data[end] not in b" \n":
            end += 1
        word = data[self.at : end]
        self.at = end + 1 if data[end : end + 1] == b"\n" else end
        return word

    def fixed(self, form, size):
        self.at += size
        return struct.unpack_from("<" + form, self.data, self.at - size)[0]

    def int(self):
        return int(self.word()) if self.ascii else self.fixed("i", 4)

    def longs(self, n):
        return [int(self.word()) if self.ascii else self.fixed("q", 8) for _ in range(n)]

    def text(self):
        n = self.int()
        s = self.data[self.at : self.at + n]
        self.at += n + (1 if self.ascii and n else 0)
        return s.decode("latin-1")

    def floats(self, n):
        if self.ascii:
            return array.array("f", [float(self.word()) for _ in range(n)])
        self.at += 4 * n
        return array.array("f", self.data[self.at - 4 * n : self.at])

    def object(self):
        kind = self.int()
        if kind == 0:
            return None
        if kind == 1:
            return float(self.word()) if self.ascii else self.fixed("d", 8)
        if kind == 2:
            return self.text()
        if kind == 5:
            return self.int() == 1
        index = self.int()
        if index in self.seen:
            return self.seen[index]
        if kind == 3:
            table = self.seen[index] = {}
            for _ in range(self.int()):
                key = self.object()
                table[key] = self.object()
            return table
        assert kind == 4, kind
        assert self.text().startswith("V ")
        name = self.text()
        if name.endswith("Storage"):
            (n,) = self.longs(1)
            self.seen[index] = self.floats(n) if "Float" in name else self.longs(n)
            return self.seen[index]
        result = self.seen[index] = {"class": name}
        if name.endswith("Tensor"):
            n = self.int()
            result["size"], result["stride"] = self.longs(n), self.longs(n)
            result["offset"] = self.longs(1)[0] - 1
            result["storage"] = self.object()
        else:
            result.update(self.object())
        return result


def visit(value, tensors, seen):
    if isinstance(value, dict) and id(value) not in seen:
        seen.add(id(value))
        if value.get("class", "").endswith("Tensor"):
            tensors.append(value)
        else:
            for part in value.values():
                visit(part, tensors, seen)


def run(m, x):
    import torch
    import torch.nn.functional as F

    def tensor(name, shape=None):
        t = m[name]
        return torch.tensor(t["storage"]).as_strided(t["size"], t["stride"], t["offset"]).reshape(shape or t["size"])

    def children():
        return [m["modules"][float(i + 1)] for i in range(len(m["modules"]))]

    kind = m["class"][3:]
    window = lambda: ((int(m["kH"]), int(m["kW"])), (int(m["dH"]), int(m["dW"])), (int(m["padH"]), int(m["padW"])))
    if kind in ("Sequential", "Inception", "SpatialLPPooling"):
        for child in children():
            x = run(child, x)
        return x
    if kind == "DepthConcat":
        parts = [run(child, x) for child in children()]
        side = max(p.shape[2] for p in parts)
        gaps = [side - p.shape[2] for p in parts]
        return torch.cat([F.pad(p, (g // 2, g - g // 2) * 2) for p, g in zip(parts, gaps)], 1)
    if kind.startswith("SpatialConvolution"):
        k, s, p = window()
        shape = (int(m["nOutputPlane"]), int(m["nInputPlane"])) + k
        return F.conv2d(x, tensor("weight", shape), tensor("bias"), s, p)
    if kind == "SpatialBatchNormalization":
        return F.batch_norm(x, *(tensor(n) for n in ("running_mean", "running_var", "weight", "bias")), eps=m["eps"])
    if kind == "SpatialMaxPooling":
        return F.max_pool2d(x, *window())
    if kind == "SpatialAveragePooling":
        return F.avg_pool2d(x, *window())
    if kind == "SpatialCrossMapLRN":
        return F.local_response_norm(x, int(m["size"]), m["alpha"], m["beta"], m["k"])
    if kind == "Linear":
        return F.linear(x, tensor("weight"), tensor("bias"))
    if kind == "View":
        return x.reshape(-1, *m["size"])
    return {
        "ReLU": lambda: F.relu(x),
        "Square": lambda: x * x,
        "MulConstant": lambda: x * m.get("constant_scalar", 0),
        "Sqrt": lambda: x.sqrt(),
        "Normalize": lambda: F.normalize(x, p=m.get("p")),
    }[kind]()


def pixels(count):
    mask = 2**64 - 1
    for i in range(count):
        z = (i + 1000 * 1000000007 + 1) * 0x9E3779B97F4A7C15 & mask
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & mask
        yield ((z ^ (z >> 31)) >> 40) / 2**24


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as f:
        network = File(f.read()).object()
    found = []
    visit(network, found, set())
    print("tensors", len(found), "values", sum(len(t["storage"] or ()) for t in found))
    try:
        import torch
    except ImportError:
        sys.exit()
    side, images = int(sys.argv[2]), int(sys.argv[3])
    x = torch.tensor(list(pixels(images * side * side * 3))).reshape(images, side, side, 3).permute(0, 3, 1, 2)
    for row in run(network, x.contiguous()).tolist():
        print(*("%.9g" % v for v in row))
