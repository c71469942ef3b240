"""The small net learning from bytes in PyTorch on the CPU, as `convtape bench data` has it: windows moved by up to 2 pixels, mirror images,
scaled to floats, batch by batch. One JSON line: times of every repeat of STEPS steps.

usage: torch_epoch.py BATCH STEPS REPEATS
The views are made for a whole batch at once, as fast as PyTorch can make them; its DataLoader would make them image by image.
"""
import sys

import torch
import torch.nn.functional as F
from torch_common import learner, report, small

batch, steps, repeats = (int(a) for a in sys.argv[1:4])
images = torch.randint(0, 256, (batch * steps, 28, 28), dtype=torch.uint8)
labels = torch.randint(0, 10, (batch * steps,))
padded = F.pad(images, (2, 2, 2, 2))
span = torch.arange(28)
learn = learner(small())


def views(chosen):
    top, left = torch.randint(0, 5, (2, len(chosen)))
    columns = left[:, None] + span
    mirrored = torch.rand(len(chosen), 1) < 0.5
    columns = torch.where(mirrored, columns.flip(1), columns)
    rows = top[:, None] + span
    return padded[chosen[:, None, None], rows[:, :, None], columns[:, None, :]][:, None].float() / 255


def epoch():
    for chosen in torch.randperm(batch * steps).split(batch):
        learn(views(chosen), labels[chosen])


report("epoch", batch, repeats, epoch)
