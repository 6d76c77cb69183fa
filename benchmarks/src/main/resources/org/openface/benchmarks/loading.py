"""PyTorch's DataLoader on the same faces: files with PIL, or all pixels in one mapped array. One line a round."""
import sys
import time

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

listing, pixels, rounds, batch, workers = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
torch.set_num_threads(1)
files = [line.rstrip("\n") for line in open(listing)]


class Files(Dataset):
    def __len__(self):
        return len(files)

    def __getitem__(self, i):
        return torch.from_numpy(np.asarray(Image.open(files[i]).convert("RGB"), dtype=np.float32)) / 255


class Mapped(Dataset):
    def __init__(self):
        self.all = None

    def __len__(self):
        return len(files)

    def __getitem__(self, i):
        if self.all is None:
            self.all = np.memmap(pixels, dtype=np.uint8, mode="r").reshape(len(files), 96, 96, 3)
        return torch.from_numpy(self.all[i].astype(np.float32)) / 255


class Gathered:
    """No workers: whole batches at once, as who knows numpy would."""

    def __iter__(self):
        all = np.memmap(pixels, dtype=np.uint8, mode="r").reshape(len(files), 96, 96, 3)
        order = np.random.permutation(len(files))
        for at in range(0, len(files), batch):
            yield torch.from_numpy(all[np.sort(order[at:at + batch])]).to(torch.float32).div_(255)


def loader(faces):
    return DataLoader(faces, batch_size=batch, shuffle=True, num_workers=workers, persistent_workers=workers > 0)


cases = {"pytorch": loader(Files()), "pytorch-mapped": loader(Mapped()), "numpy-mapped": Gathered()}
for name in cases:
    for _ in cases[name]:
        pass
print("ready", torch.__version__, flush=True)
for line in sys.stdin:
    name = line.strip()
    start = time.perf_counter()
    for _ in range(rounds):
        count = sum(len(images) for images in cases[name])
        assert count == len(files)
    print(rounds * len(files) / (time.perf_counter() - start), flush=True)
