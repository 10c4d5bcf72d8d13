"""WGAN-GP: the discriminator and its terms (Gulrajani et al., 2017, eq. 3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Discriminator(nn.Module):
    """Strided convolutional critic with batch normalisation: (B, 3, H, W) -> scores (B, 1).

    Width ``ndf`` doubles at every halving up to 8 ndf. ``sigmoid`` ends it in (0, 1) as the official
    C2-Matching and DATSR recipes do.
    """

    def __init__(self, ndf: int = 32, sigmoid: bool = True) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, ndf, 3, 1, 1), nn.LeakyReLU(0.2)]
        width = ndf
        for target in (2 * ndf, 4 * ndf, 8 * ndf, 8 * ndf):
            layers += [
                nn.Conv2d(width, target, 3, 2, 1, bias=False),
                nn.BatchNorm2d(target, track_running_stats=False),
                nn.LeakyReLU(0.2),
            ]
            width = target
        layers += [
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(width, 4 * ndf),
            nn.LeakyReLU(0.2),
            nn.Linear(4 * ndf, 1),
        ]
        if sigmoid:
            layers.append(nn.Sigmoid())
        self.layers = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> Tensor:
        scores: Tensor = self.layers(image)
        return scores


def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """Mean of (||grad critic(x)|| - 1)^2 at x = mix * real + (1 - mix) * fake; mix (B, 1, 1, 1) in [0, 1]."""
    point = (mix * real + (1 - mix) * fake).detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(point).sum(), point, create_graph=True)
    penalty: Tensor = (gradient.flatten(1).norm(dim=1) - 1).square().mean()
    return penalty


def critic_loss(critic: nn.Module, real: Tensor, fake: Tensor, mix: Tensor, weight: float) -> Tensor:
    """mean critic(fake) - mean critic(real) + weight * gradient penalty."""
    fake = fake.detach()
    wasserstein: Tensor = critic(fake).mean() - critic(real).mean()
    return wasserstein + weight * gradient_penalty(critic, real, fake, mix)


def generator_loss(critic: nn.Module, fake: Tensor) -> Tensor:
    """-mean critic(fake)."""
    loss: Tensor = -critic(fake).mean()
    return loss
