"""Teacher-student correlation distillation across resolutions (C2-Matching, CVPR 2021, section 3.3)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def correlation_kl(student: Tensor, teacher: Tensor, valid: Tensor, temperature: float = 0.15) -> Tensor:
    """KL(teacher || student) of row-softmaxed correlations, mean over valid rows, a scalar.

    student, teacher: cosine correlations (B, N, M) of N points of image 1 (LR upsampled for the student, HR
    for the teacher) with M cells of image 2; valid: (B, N) rows whose point has a partner in image 2. The
    teacher gets no gradient.
    """
    log_student = F.log_softmax(student / temperature, dim=-1)
    log_teacher = F.log_softmax(teacher.detach() / temperature, dim=-1)
    rows = (log_teacher.exp() * (log_teacher - log_student)).sum(dim=-1)
    weight = valid.to(rows.dtype)
    return (rows * weight).sum() / weight.sum().clamp(min=1.0)
