#!/usr/bin/python3
"""Reads a safetensors file by the description of its format: shares no code with the library.

  read_safetensors.py FILE    prints "metadata KEY VALUE" and "tensor NAME DIMxDIM... SHA-256 OF ITS BYTES" in lines
"""
import hashlib
import json
import struct
import sys

with open(sys.argv[1], "rb") as f:
    (length,) = struct.unpack("<Q", f.read(8))
    header = json.loads(f.read(length).decode("utf-8"))
    data = f.read()
for key, value in header.pop("__metadata__", {}).items():
    print("metadata", key, value)
end = 0
for name, tensor in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
    start, stop = tensor["data_offsets"]
    count = 1
    for side in tensor["shape"]:
        count *= side
    # The format allows no holes and no overlap.
    assert tensor["dtype"] == "F32" and start == end and stop - start == 4 * count, name
    end = stop
    print("tensor", name, "x".join(map(str, tensor["shape"])), hashlib.sha256(data[start:stop]).hexdigest())
assert end == len(data)
