"""Scores on held-out photos during training: the same patches with a good, an unrelated, no reference."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .data.pair import SCALE, Batch, Pair, absent_reference, collate
from .data.photos import Photo
from .data.synthesis import ReferenceSynthesizer, SynthesisRecipe
from .stage1.pck import match_errors, pck
from .trainable import Trainable, upsample

_Y = torch.tensor([65.481, 128.553, 24.966]) / 255.0
PCK_PIXELS = (1.0, 2.0, 4.0)


def psnr_y(sr: Tensor, hr: Tensor, crop: int = SCALE) -> Tensor:
    """PSNR of luma (ITU-R BT.601, unrounded, range 255) of RGB batches in [0, 1]; shape (B,), dB.

    SR is clamped and rounded to 8 bit first; ``crop`` border pixels are left out.
    """
    weight = _Y.to(hr.device).view(1, 3, 1, 1)
    sr = (sr.clamp(0, 1) * 255).round() / 255
    difference = ((sr - hr) * weight).sum(dim=1) * 255
    inner = difference[:, crop:-crop, crop:-crop]
    return 10 * torch.log10(255.0**2 / inner.square().mean(dim=(1, 2)).clamp(min=1e-10))


def bicubic_sr(lr: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Pillow's bicubic x4: the baseline that gains are measured from."""
    from PIL import Image

    height, width = lr.shape[:2]
    enlarged = Image.fromarray(lr).resize((width * SCALE, height * SCALE), Image.Resampling.BICUBIC)
    return np.asarray(enlarged)


class ValidationSet:
    """Fixed patches drawn once from the validation photos, independent of the training seed."""

    def __init__(self, photos: tuple[Photo, ...], recipe: SynthesisRecipe, patch: int, count: int) -> None:
        synthesizer = ReferenceSynthesizer(photos, recipe, patch)
        pairs = [synthesizer.pair(np.random.default_rng([20260101, i]), "similar") for i in range(count)]
        self.good = [collate([p]) for p in pairs]
        # the reference of another pair: another photo or at least another place
        swapped = [p.ref for p in pairs[1:]] + [pairs[0].ref]
        self.unrelated = [self._with(p, ref) for p, ref in zip(pairs, swapped, strict=True)]
        self.none = [self._with(p, absent_reference(p.hr.shape)) for p in pairs]
        bicubic = [collate([Pair(p.hr, p.lr, bicubic_sr(p.lr), "absent", None)]) for p in pairs]
        self.baseline = [float(psnr_y(b.ref, b.hr)) for b in bicubic]

    @staticmethod
    def _with(pair: Pair, ref: npt.NDArray[np.uint8]) -> Batch:
        return collate([Pair(pair.hr, pair.lr, ref, "unrelated", None)])

    def gains(self, restore: Callable[[Tensor, Tensor], Tensor]) -> dict[str, float]:
        """Mean PSNR-Y over bicubic in dB for each kind of reference: good, unrelated, none."""
        scores = {}
        for kind, batches in (("good", self.good), ("unrelated", self.unrelated), ("none", self.none)):
            values = [
                float(psnr_y(restore(b.lr, b.ref), b.hr)) - base
                for b, base in zip(batches, self.baseline, strict=True)
            ]
            scores[kind] = float(np.mean(values))
        return scores

    def matching(self, net: Trainable, at_hr: bool = False) -> dict[str, float]:
        """PCK at 1, 2, 4 px of the coarsest level (a px is a cell: an LR pixel), on the good references.

        ``at_hr`` matches HR itself, as the teacher does, instead of the upsampled LR.
        """
        errors, valid = [], []
        for batch in self.good:
            image = batch.hr if at_hr else upsample(batch.lr)
            found = match_errors(net.query(image)[-1], net.key(batch.ref)[-1], batch.homography, SCALE)
            errors.append(found[0])
            valid.append(found[1])
        shares = pck(torch.cat(errors), torch.cat(valid), PCK_PIXELS, unit=SCALE)
        return {f"pck{int(t)}": share for t, share in zip(PCK_PIXELS, shares, strict=True)}
