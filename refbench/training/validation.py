"""Scores on held-out photos during training: the same patches with a good, an unrelated, no reference."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .data.pair import SCALE, Pair, absent_reference, collate
from .data.photos import Photo
from .data.synthesis import ReferenceSynthesizer, SynthesisRecipe
from .data.view import Truth
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
    """Fixed patches drawn once from the validation photos, independent of the training seed.

    They are kept on the CPU and go to the net's device one by one.
    """

    def __init__(
        self,
        photos: tuple[Photo, ...],
        recipe: SynthesisRecipe,
        patch: int,
        count: int,
        references: int = 1,
    ) -> None:
        """``references`` over 1: the good references are also given with others, of the recipe's kinds."""
        synthesizer = ReferenceSynthesizer(photos, recipe, patch)
        pairs = [
            synthesizer.pair(np.random.default_rng([20260101, i]), "similar", references - 1)
            for i in range(count)
        ]
        self.good = [collate([self._alone(p, p.ref, p.truth)]) for p in pairs]
        self.several = [collate([p]) for p in pairs] if references > 1 else []
        # the reference of another pair: another photo or at least another place
        swapped = [p.ref for p in pairs[1:]] + [pairs[0].ref]
        self.unrelated = [collate([self._alone(p, ref)]) for p, ref in zip(pairs, swapped, strict=True)]
        self.none = [collate([self._alone(p, absent_reference(p.hr.shape))]) for p in pairs]
        bicubic = [collate([self._alone(p, bicubic_sr(p.lr))]) for p in pairs]
        self.baseline = [float(psnr_y(b.ref, b.hr)) for b in bicubic]

    @staticmethod
    def _alone(pair: Pair, ref: npt.NDArray[np.uint8], truth: Truth | None = None) -> Pair:
        return Pair(pair.hr, pair.lr, ref, "similar" if truth is not None else "unrelated", truth)

    def gains(self, net: Trainable) -> dict[str, float]:
        """Mean PSNR-Y over bicubic in dB for each kind of reference: good, unrelated, none, and several
        where the set has them and the net takes them."""
        kinds = {"good": self.good, "unrelated": self.unrelated, "none": self.none}
        if self.several and net.most_references > 1:
            kinds["several"] = self.several
        scores, device = {}, _device(net)
        for kind, batches in kinds.items():
            values = [
                float(psnr_y(net.restore_batch(b), b.hr)) - base
                for b, base in zip((b.to(device) for b in batches), self.baseline, strict=True)
            ]
            scores[kind] = float(np.mean(values))
        return scores

    def matching(self, net: Trainable, at_hr: bool = False) -> dict[str, float]:
        """PCK at 1, 2, 4 px of the coarsest level (a px is a cell: an LR pixel), on the good references.

        ``at_hr`` matches HR itself, as the teacher does, instead of the upsampled LR.
        """
        _, query, key = net.teaching if at_hr else net.matched
        errors, valid = [], []
        for batch in (b.to(_device(net)) for b in self.good):
            image = batch.hr if at_hr else upsample(batch.lr)
            found = match_errors(query(image)[-1], key(batch.ref)[-1], batch.homographies, batch.layer, SCALE)
            errors.append(found[0])
            valid.append(found[1])
        shares = pck(torch.cat(errors), torch.cat(valid), PCK_PIXELS, unit=SCALE)
        return {f"pck{int(t)}": share for t, share in zip(PCK_PIXELS, shares, strict=True)}


def _device(net: Trainable) -> torch.device:
    return next(net.model.parameters()).device
