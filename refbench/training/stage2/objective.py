"""What stage 2 minimises: the pixel term, and with it the perceptual and adversarial ones when asked for."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from refbench.errors import UserError

from ..data.pair import Batch
from ..recipe import LossRecipe
from ..trainable import Trainable
from .adversarial import Discriminator, critic_loss, generator_loss
from .perceptual import load_vgg19, perceptual
from .pixel import pixel_loss


class RestorationObjective(nn.Module):
    """Loss of the restoration net; ``critic`` and VGG19 exist only when their terms have a weight."""

    def __init__(self, trainable: Trainable, recipe: LossRecipe, vgg19: str = "") -> None:
        super().__init__()
        self.model = trainable.model
        self.recipe = recipe
        self._trainable = trainable
        # held in a tuple: neither is a part of what this module optimises or what DDP averages
        self._frozen = (load_vgg19(vgg19),) if recipe.perceptual else ()
        self._critic = (Discriminator(),) if recipe.adversarial else ()
        if recipe.transferal and trainable.perceives_transfer is None:
            raise UserError("train.stage2.loss.transferal: only ttsr defines the transferal perceptual loss")

    @property
    def critic(self) -> Discriminator | None:
        """The discriminator, when there is an adversarial term."""
        return self._critic[0] if self._critic else None

    @property
    def helpers(self) -> tuple[nn.Module, ...]:
        """Modules outside of the parameters, to be moved to the device."""
        return (*self._frozen, *self._critic)

    def forward(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """``loss`` and its terms."""
        recipe = self.recipe
        sr = self._trainable.restore_batch(batch)
        terms = {"pixel": pixel_loss(recipe.pixel, sr.float(), batch.hr)}
        loss = terms["pixel"]
        if step >= recipe.start:
            for vgg in self._frozen:
                terms["perceptual"] = perceptual(vgg(sr), vgg(batch.hr), recipe.perceptual_norm)
                loss = loss + recipe.perceptual * terms["perceptual"]
            if recipe.transferal and self._trainable.perceives_transfer is not None:
                terms["transferal"] = self._trainable.perceives_transfer(sr)
                loss = loss + recipe.transferal * terms["transferal"]
            if self.critic is not None:
                terms["adversarial"] = generator_loss(self.critic, sr)
                loss = loss + recipe.adversarial * terms["adversarial"]
        return {"loss": loss, **terms}


class CriticTrainer:
    """Updates the discriminator before each step of the net."""

    def __init__(self, trainable: Trainable, critic: Discriminator, recipe: LossRecipe) -> None:
        self.trainable, self.critic, self.recipe = trainable, critic, recipe
        self.optimizer = torch.optim.Adam(critic.parameters(), lr=recipe.critic_lr, betas=recipe.critic_betas)

    def __call__(self, batch: Batch, step: int) -> dict[str, float]:
        """``critic_steps`` updates on this batch once the pixel-only start is over."""
        if step < self.recipe.start:
            return {}
        with torch.no_grad():
            fake = self.trainable.restore_batch(batch)
        last = 0.0
        for _ in range(self.recipe.critic_steps):
            mix = torch.rand(fake.shape[0], 1, 1, 1, device=fake.device)
            loss = critic_loss(self.critic, batch.hr, fake, mix, self.recipe.gradient_penalty)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            last = float(loss.detach())
        return {"critic": last}

    def state_dict(self) -> dict[str, object]:
        """Critic and its optimiser, for a resume."""
        return {"critic": self.critic.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, dict[str, object]]) -> None:
        """Restore what :meth:`state_dict` gave."""
        self.critic.load_state_dict(state["critic"])
        self.optimizer.load_state_dict(state["optimizer"])
