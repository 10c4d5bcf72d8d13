"""What stage 1 minimises for one batch: teacher at HR, student with the upsampled LR as image 1."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..data.pair import Batch
from ..recipe import Stage1Recipe
from ..trainable import Trainable, upsample
from .distill import correlation_kl
from .positions import cell_centres, features_at, in_reference, inside
from .triplet import hardest_triplet
from .window import window_contrast

STRIDE = 4
"""HR pixels per cell of the matched (coarsest) level."""
FINE_STRIDE = 2


def correlations(first: Tensor, key: Tensor) -> Tensor:
    """Cosine of unit descriptors (B, N, C) with every cell of a map (B, C, h, w): (B, N, h*w)."""
    cells = nn.functional.normalize(key.flatten(2), dim=1)
    return first @ cells


class EncoderObjective(nn.Module):
    """Triplet on known homographies; with a ``teacher`` also the KL to its correlations.

    The module owns the student's encoder only; the teacher is held outside of its parameters.
    """

    def __init__(self, student: Trainable, recipe: Stage1Recipe, teacher: Trainable | None = None) -> None:
        super().__init__()
        self.encoder = student.matched.encoder
        self.recipe = recipe
        self._parts = (student, teacher)

    def forward(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """``loss`` and its terms. Batches hold pairs with a true match only."""
        recipe, (student, teacher) = self.recipe, self._parts
        patch = batch.hr.shape[-1]
        image1 = batch.hr if teacher is None else upsample(batch.lr)
        _, query, key = student.teaching if teacher is None else student.matched
        queries, keys = query(image1), key(batch.ref)
        count = batch.hr.shape[0]
        height, width = queries[-1].shape[-2:]
        points1 = cell_centres(height, width, STRIDE, batch.hr.device).expand(count, -1, -1)
        points2 = in_reference(batch.homographies, batch.layer, points1)
        valid = (batch.layer >= 0) & inside(points1, patch, patch, recipe.border)
        valid &= inside(points2, patch, patch, recipe.border)
        first = features_at(queries[-1], points1, STRIDE)
        second = features_at(keys[-1], points2, STRIDE)
        terms = {
            "triplet": hardest_triplet(
                first, second, points1, points2, valid, recipe.margin, recipe.safe_radius * STRIDE
            )
        }
        loss = terms["triplet"]
        if recipe.fine:
            # a cell of the HR/2 level lies half a cell up and left of the centre of its LR cell
            fine1 = points1 - FINE_STRIDE / 2
            fine2 = in_reference(batch.homographies, batch.layer, fine1)
            terms["fine"] = window_contrast(queries[1], keys[1], fine1, fine2, valid, FINE_STRIDE)
            loss = loss + recipe.fine * terms["fine"]
        if teacher is not None:
            with torch.no_grad():
                knows = teacher.teaching
                wise = features_at(knows.query(batch.hr)[-1], points1, STRIDE)
                target = correlations(wise, knows.key(batch.ref)[-1])
            terms["kl"] = correlation_kl(correlations(first, keys[-1]), target, valid, recipe.temperature)
            loss = loss + recipe.kl * terms["kl"]
        return {"loss": loss, **terms}
