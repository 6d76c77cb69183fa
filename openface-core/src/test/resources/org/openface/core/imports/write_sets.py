"""Writes face sets as MXNet's recordio and insightface's pickles have them, independently of the library.

Arguments: a folder of images named IDENTITY-NAME.png, and a folder to write to.
"""
import base64
import os
import pickle
import struct
import sys

images, out = sys.argv[1], sys.argv[2]
names = sorted(os.listdir(images))
contents = [open(os.path.join(images, name), "rb").read() for name in names]
labels = [int(name.split("-")[0]) for name in names]
MAGIC = struct.pack("<I", 0xCED7230A)


def chunk(cflag, data):
    head = MAGIC + struct.pack("<I", cflag << 29 | len(data))
    return head + data + b"\0" * (-len(data) % 4)


def record(data):
    # dmlc-core splits a record where its content has the magic number at a multiple of four
    cuts = [i for i in range(0, len(data) - 3, 4) if data[i:i + 4] == MAGIC]
    parts, at = [], 0
    for cut in cuts:
        parts.append(data[at:cut])
        at = cut + 4
    parts.append(data[at:])
    if len(parts) == 1:
        return chunk(0, data)
    flags = [1] + [2] * (len(parts) - 2) + [3]
    return b"".join(chunk(flag, part) for flag, part in zip(flags, parts))


def header(label, number):
    if isinstance(label, list):
        return struct.pack("<IfQQ", len(label), 0.0, number, 0) + struct.pack("<%df" % len(label), *label)
    return struct.pack("<IfQQ", 0, label, number, 0)


with open(os.path.join(out, "train.rec"), "wb") as rec, open(os.path.join(out, "train.idx"), "w") as idx:
    def write(number, data):
        idx.write("%d\t%d\n" % (number, rec.tell()))
        rec.write(record(data))

    write(0, header([float(len(names) + 1), float(len(names) + 2)], 0))
    for i, content in enumerate(contents):
        label = float(labels[i]) if i % 2 else [float(labels[i]), 0.0]
        write(i + 1, header(label, i + 1) + content)
    write(len(names) + 1, header([1.0, float(len(names))], len(names) + 1))

with open(os.path.join(out, "faces.tsv"), "w") as tsv:
    for i, content in enumerate(contents):
        image = base64.b64encode(content).decode()
        tsv.write("\t".join(["m.%05d" % labels[i], str(i), "http://a", "http://b", "FaceId-0", "AAAA", image]) + "\n")

pairs = contents[:len(contents) // 2 * 2]
same = [i % 3 == 0 for i in range(len(pairs) // 2)]
for protocol in range(5):
    if protocol == 0 or protocol == 1:
        continue  # Python 3 writes bytes there in another way than Python 2 did, whose files there are
    with open(os.path.join(out, "pairs-%d.bin" % protocol), "wb") as file:
        pickle.dump((pairs, same), file, protocol=protocol)
