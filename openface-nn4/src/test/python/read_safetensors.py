#!/usr/bin/python3
"""Reads a safetensors file by the description of its format: shares no code with the library.

  read_safetensors.py FILE    checks openface.sha256 if it is there, and prints "metadata KEY VALUE" and "tensor NAME DIMxDIM... SHA-256 OF ITS BYTES" in lines
"""
import hashlib
import json
import struct
import sys

with open(sys.argv[1], "rb") as f:
    (length,) = struct.unpack("<Q", f.read(8))
    header = json.loads(f.read(length).decode("utf-8"))
    data = f.read()
metadata = header.pop("__metadata__", {})
for key, value in metadata.items():
    print("metadata", key, value)
checksum = metadata.pop("openface.sha256", None)
manifest = ["%s=%s\n" % entry for entry in metadata.items()]
end = 0
for name, tensor in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
    start, stop = tensor["data_offsets"]
    count = 1
    for side in tensor["shape"]:
        count *= side
    # The format allows no holes and no overlap.
    assert tensor["dtype"] == "F32" and start == end and stop - start == 4 * count, name
    end = stop
    sha256 = hashlib.sha256(data[start:stop]).hexdigest()
    shape = ",".join(map(str, tensor["shape"]))
    manifest.append("%s %s [%s] %s\n" % (name, tensor["dtype"], shape, sha256))
    print("tensor", name, "x".join(map(str, tensor["shape"])), sha256)
assert end == len(data)
assert checksum in (None, hashlib.sha256("".join(sorted(manifest)).encode("utf-8")).hexdigest())
