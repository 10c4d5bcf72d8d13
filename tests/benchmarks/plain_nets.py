"""The three nets written plainly from the specification: what the fast ones are timed against.

Nothing here is shared with refbench.nets but the weights, which are read by their official names:
window partition by copies, masks made in every block, separate softmax, torchvision's deformable
convolution on whole maps, the official matchers, the dead content extractor evaluated. It also serves
as the independent reference for sizes that the golden vectors do not have.
"""

from __future__ import annotations

import plain_matching as matching
import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import deform_conv2d

State = dict[str, Tensor]
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
LEVELS = (("large", 4), ("medium", 2), ("small", 1))


def conv(state: State, name: str, x: Tensor, stride: int = 1) -> Tensor:
    """A convolution by its key, 'same' padding."""
    weight = state[f"{name}.weight"]
    return functional.conv2d(x, weight, state[f"{name}.bias"], stride, (weight.shape[-1] - 1) // 2)


def lrelu(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, 0.1)


def blocks(state: State, name: str, x: Tensor) -> Tensor:
    """All residual blocks under ``name``."""
    i = 0
    while f"{name}.{i}.conv1.weight" in state:
        x = x + conv(state, f"{name}.{i}.conv2", functional.relu(conv(state, f"{name}.{i}.conv1", x)))
        i += 1
    return x


def vgg(state: State, name: str, image: Tensor) -> list[Tensor]:
    """relu1_1, relu2_1 and conv3_1 (before its ReLU)."""
    x = functional.relu(
        conv(state, f"{name}.conv1_1", (image - MEAN.to(image.device)) / STD.to(image.device))
    )
    first = x
    x = functional.max_pool2d(functional.relu(conv(state, f"{name}.conv1_2", x)), 2)
    x = functional.relu(conv(state, f"{name}.conv2_1", x))
    second = x
    x = functional.max_pool2d(functional.relu(conv(state, f"{name}.conv2_2", x)), 2)
    return [first, second, conv(state, f"{name}.conv3_1", x)]


def textures_of(state: State, reference: Tensor) -> list[Tensor]:
    first, second, third = vgg(state, "vgg.vgg_net", reference)
    return [first, second, functional.relu(third)]


def match_features(extractor: State, upsampled: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    query = vgg(extractor, "feature_extraction_image1.model", upsampled)[2]
    key = vgg(extractor, "feature_extraction_image2.model", reference)[2]
    return matching.plain_c2(query[0], key[0])


def grid_of(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """(y, x) of every position."""
    y, x = torch.meshgrid(
        torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij"
    )
    return y, x


def flow_of(index: Tensor) -> Tensor:
    """The official index_to_flow: decodes with the query's width, so sizes must be equal."""
    height, width = index.shape
    gy, gx = grid_of(height, width, index.device)
    flow = torch.stack((index % width - gx, index // width - gy), dim=2).float()
    return functional.pad(flow, (0, 0, 0, 2, 0, 2))


def shift(flow: Tensor, down: int, right: int) -> Tensor:
    out = torch.zeros_like(flow)
    out[down:, right:] = flow[: flow.shape[0] - down, : flow.shape[1] - right]
    return out


def at_scale(flow: Tensor, scale: int) -> tuple[Tensor, Tensor]:
    """(flow, nine shifted copies) at ``scale`` times the matched resolution."""
    flow = flow.repeat_interleave(scale, 0).repeat_interleave(scale, 1) * scale
    return flow, torch.stack([shift(flow, i * scale, j * scale) for i in range(3) for j in range(3)])


def dyn_agg(
    state: State, name: str, source: Tensor, feature: Tensor, pre: Tensor, similarity: Tensor | None
) -> Tensor:
    groups = 8
    out = conv(state, f"{name}.conv_offset_mask", feature)
    raw, logit = out[:, : 18 * groups], out[:, 18 * groups :]
    tiled = pre[None].repeat(1, groups, 1, 1, 1)
    offset = torch.zeros_like(raw)
    if similarity is not None:
        raw = 10 * torch.tanh(raw)
        logit = logit * similarity
    offset[:, 0::2] = raw[:, 0::2] + tiled[..., 1]
    offset[:, 1::2] = raw[:, 1::2] + tiled[..., 0]
    mask = torch.sigmoid(logit)
    return deform_conv2d(source, offset, state[f"{name}.weight"], state[f"{name}.bias"], 1, 1, 1, mask)


def plain_c2_matching(
    extractor: State, texture: State, net: State, lr: Tensor, upsampled: Tensor, reference: Tensor
) -> Tensor:
    """C2-Matching's SR (1, 3, 4H, 4W); LR up and reference of equal size."""
    maps = textures_of(texture, reference)
    index, _ = match_features(extractor, upsampled, reference)
    flow = flow_of(index)
    base = functional.interpolate(lr, scale_factor=4, mode="bilinear", align_corners=False)
    x = blocks(net, "content_extractor.body", lrelu(conv(net, "content_extractor.conv_first", lr)))
    d = "dyn_agg_restore."
    for (name, scale), source in reversed(list(zip(LEVELS, maps, strict=True))):
        _, pre = at_scale(flow, scale)
        o = lrelu(conv(net, f"{d}{name}_offset_conv1", torch.cat([x, source], 1)))
        o = lrelu(conv(net, f"{d}{name}_offset_conv2", o))
        s = lrelu(dyn_agg(net, f"{d}{name}_dyn_agg", source, o, pre, None))
        h = blocks(net, f"{d}body_{name}", lrelu(conv(net, f"{d}head_{name}.0", torch.cat([x, s], 1)))) + x
        if name == "large":
            x = conv(net, f"{d}tail_{name}.2", lrelu(conv(net, f"{d}tail_{name}.0", h)))
        else:
            x = lrelu(functional.pixel_shuffle(conv(net, f"{d}tail_{name}.0", h), 2))
    return x + base


def norm(state: State, name: str, x: Tensor) -> Tensor:
    return functional.layer_norm(x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"])


def linear(state: State, name: str, x: Tensor) -> Tensor:
    return functional.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])


def partition(x: Tensor, window: int) -> Tensor:
    """(B, H, W, C) -> (B * windows, window, window, C)."""
    batch, height, width, channels = x.shape
    x = x.view(batch, height // window, window, width // window, window, channels)
    return x.permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, window, window, channels)


def merge(windows: Tensor, window: int, height: int, width: int) -> Tensor:
    batch = windows.shape[0] // (height * width // window // window)
    x = windows.view(batch, height // window, width // window, window, window, -1)
    return x.permute(0, 1, 3, 2, 4, 5).contiguous().view(batch, height, width, -1)


def attention_mask(height: int, width: int, window: int, amount: int) -> Tensor:
    """(windows, window^2, window^2), made by labelling the regions of the shifted image."""
    labels = torch.zeros(1, height, width, 1)
    parts = (slice(0, -window), slice(-window, -amount), slice(-amount, None)) if amount else (slice(None),)
    for i, rows in enumerate(parts):
        for j, columns in enumerate(parts):
            labels[:, rows, columns] = 3 * i + j
    tokens = partition(labels, window).view(-1, window * window)
    difference = tokens.unsqueeze(1) - tokens.unsqueeze(2)
    return torch.zeros_like(difference).masked_fill(difference != 0, -100.0)


def swin_block(state: State, name: str, z: Tensor, size: tuple[int, int], amount: int) -> Tensor:
    """z (B, H*W, C)."""
    (height, width), window, heads = size, 8, 4
    batch, _, channels = z.shape
    x = norm(state, f"{name}.norm1", z).view(batch, height, width, channels)
    if amount:
        x = torch.roll(x, (-amount, -amount), (1, 2))
    x = partition(x, window).view(-1, window * window, channels)
    qkv = linear(state, f"{name}.attn.qkv", x).view(x.shape[0], -1, 3, heads, channels // heads)
    query, key, value = qkv.permute(2, 0, 3, 1, 4)
    scores = query * (channels // heads) ** -0.5 @ key.transpose(-2, -1)
    table = state[f"{name}.attn.relative_position_bias_table"]
    place = state[f"{name}.attn.relative_position_index"].view(-1)
    bias = table[place].view(window**2, window**2, heads).permute(2, 0, 1).contiguous()
    scores = scores + bias.unsqueeze(0)
    mask = attention_mask(height, width, window, amount).to(z.device)
    scores = scores.view(batch, -1, heads, window**2, window**2) + mask.unsqueeze(1).unsqueeze(0)
    scores = torch.softmax(scores.view(-1, heads, window**2, window**2), dim=-1)
    x = (scores @ value).transpose(1, 2).reshape(-1, window**2, channels)
    x = merge(linear(state, f"{name}.attn.proj", x).view(-1, window, window, channels), window, height, width)
    if amount:
        x = torch.roll(x, (amount, amount), (1, 2))
    z = z + x.view(batch, height * width, channels)
    hidden = functional.gelu(linear(state, f"{name}.mlp.fc1", norm(state, f"{name}.norm2", z)))
    return z + linear(state, f"{name}.mlp.fc2", hidden)


def swin(state: State, name: str, x: Tensor) -> Tensor:
    batch, channels, height, width = x.shape
    z = norm(state, f"{name}.patch_embed.norm", x.flatten(2).transpose(1, 2))
    for r in range(2):
        start = z
        for b in range(4):
            block = f"{name}.layers.{r}.residual_group.blocks.{b}"
            z = swin_block(state, block, z, (height, width), 0 if b % 2 == 0 else 4)
        image = z.transpose(1, 2).reshape(batch, channels, height, width)
        z = conv(state, f"{name}.layers.{r}.conv", image).flatten(2).transpose(1, 2) + start
    return norm(state, f"{name}.norm", z).transpose(1, 2).reshape(batch, channels, height, width)


def warp(source: Tensor, flow: Tensor) -> Tensor:
    """(1, C, H, W) sampled at grid + flow (H, W, 2)."""
    height, width = flow.shape[:2]
    gy, gx = grid_of(height, width, flow.device)
    grid = torch.stack((gx, gy), 2).float() + flow
    grid = torch.stack(
        (2 * grid[..., 0] / max(width - 1, 1) - 1, 2 * grid[..., 1] / max(height - 1, 1) - 1), 2
    )
    return functional.grid_sample(source, grid[None], "bilinear", "zeros", align_corners=True)


def plain_datsr(
    extractor: State, texture: State, net: State, lr: Tensor, upsampled: Tensor, reference: Tensor
) -> Tensor:
    """DATSR's SR (1, 3, 4H, 4W), K=1; equal sizes, multiples of 32 at HR."""
    maps = textures_of(texture, reference)
    index, value = match_features(extractor, upsampled, reference)
    flow = flow_of(index)
    similarity = functional.pad(value, (1, 1, 1, 1))[None, None]
    blocks(net, "content_extractor.body", lrelu(conv(net, "content_extractor.conv_first", lr)))
    base = functional.interpolate(lr, scale_factor=4, mode="bilinear", align_corners=False)
    d = "dyn_agg_restore."
    flows, pres, sims, warped = {}, {}, {}, {}
    for (name, scale), source in zip(LEVELS, maps, strict=True):
        flows[name], pres[name] = at_scale(flow, scale)
        sims[name] = similarity.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
        warped[name] = warp(source, flows[name])
    sources = dict(zip(("large", "medium", "small"), maps, strict=True))

    def step(side: str, name: str, x: Tensor, skip: Tensor | None = None) -> Tensor:
        o = lrelu(conv(net, f"{d}{side}_{name}_offset_conv1", torch.cat([x, warped[name], sources[name]], 1)))
        o = lrelu(conv(net, f"{d}{side}_{name}_offset_conv2", o))
        s = lrelu(dyn_agg(net, f"{d}{side}_{name}_dyn_agg", sources[name], o, pres[name], sims[name]))
        y = x if skip is None else x + skip
        h = lrelu(conv(net, f"{d}{side}_head_{name}.0", torch.cat([y, s], 1)))
        return swin(net, f"{d}{side}_body_{name}", h) + x

    x0 = conv(net, f"{d}unet_head", base)
    x1 = conv(net, f"{d}down_tail_large", step("down", "large", x0), 2)
    x2 = conv(net, f"{d}down_tail_medium", step("down", "medium", x1), 2)
    x = lrelu(functional.pixel_shuffle(conv(net, f"{d}up_tail_small.0", step("up", "small", x2)), 2))
    x = step("up", "medium", x, x1)
    x = lrelu(functional.pixel_shuffle(conv(net, f"{d}up_tail_medium.0", x), 2))
    x = step("up", "large", x, x0)
    return conv(net, f"{d}up_tail_large.2", lrelu(conv(net, f"{d}up_tail_large.0", x))) + base


def lte(state: State, image: Tensor) -> list[Tensor]:
    """TTSR's texture features of an image in [-1, 1]."""
    x = functional.conv2d((image + 1) / 2, state["LTE.sub_mean.weight"], state["LTE.sub_mean.bias"])
    first = functional.relu(conv(state, "LTE.slice1.0", x))
    x = functional.max_pool2d(functional.relu(conv(state, "LTE.slice2.2", first)), 2)
    second = functional.relu(conv(state, "LTE.slice2.5", x))
    x = functional.max_pool2d(functional.relu(conv(state, "LTE.slice3.7", second)), 2)
    return [first, second, functional.relu(conv(state, "LTE.slice3.10", x))]


def up(x: Tensor, factor: int) -> Tensor:
    return functional.interpolate(x, scale_factor=factor, mode="bicubic", align_corners=False)


def plain_ttsr_net(state: State, lr: Tensor, upsampled: Tensor, reference: Tensor, blurred: Tensor) -> Tensor:
    """TTSR's SR (1, 3, 4H, 4W) in [-1, 1]; the reference may have another size."""
    v1, v2, v3 = lte(state, reference)
    index, value = matching.plain_ttsr(lte(state, upsampled)[2][0], lte(state, blurred)[2][0])
    s = value[None, None]
    t3, t2, t1 = (matching.plain_transfer(v, index[None], scale=k) for v, k in ((v3, 1), (v2, 2), (v1, 4)))
    m, relu = "MainNet.", functional.relu

    def c(name: str, x: Tensor, stride: int = 1) -> Tensor:
        return conv(state, m + name, x, stride)

    def cat(*parts: Tensor) -> Tensor:
        return torch.cat(parts, 1)

    head = relu(c("SFE.conv_head", lr))
    x = head + c("SFE.conv_tail", blocks(state, m + "SFE.RBs", head))
    x11 = x + c("conv11_head", cat(x, t3)) * s
    x11 = x11 + c("conv11_tail", blocks(state, m + "RB11", x11))
    x22 = relu(functional.pixel_shuffle(c("conv12", x11), 2))
    x22 = x22 + c("conv22_head", cat(x22, t2)) * up(s, 2)
    a, b = relu(c("ex12.conv12", up(x11, 2))), relu(c("ex12.conv21", x22, 2))
    r21, r22 = relu(c("ex12.conv_merge1", cat(x11, b))), relu(c("ex12.conv_merge2", cat(x22, a)))
    x21 = x11 + c("conv21_tail", blocks(state, m + "RB21", r21))
    x22 = x22 + c("conv22_tail", blocks(state, m + "RB22", r22))
    x33 = relu(functional.pixel_shuffle(c("conv23", x22), 2))
    x33 = x33 + c("conv33_head", cat(x33, t1)) * up(s, 4)
    e = "ex123."
    y12, y13 = relu(c(e + "conv12", up(x21, 2))), relu(c(e + "conv13", up(x21, 4)))
    y21, y23 = relu(c(e + "conv21", x22, 2)), relu(c(e + "conv23", up(x22, 2)))
    y31 = relu(c(e + "conv31_2", relu(c(e + "conv31_1", x33, 2)), 2))
    y32 = relu(c(e + "conv32", x33, 2))
    r31 = relu(c(e + "conv_merge1", cat(x21, y21, y31)))
    r32 = relu(c(e + "conv_merge2", cat(x22, y12, y32)))
    r33 = relu(c(e + "conv_merge3", cat(x33, y13, y23)))
    x31 = x21 + c("conv31_tail", blocks(state, m + "RB31", r31))
    x32 = x22 + c("conv32_tail", blocks(state, m + "RB32", r32))
    x33 = x33 + c("conv33_tail", blocks(state, m + "RB33", r33))
    t = "merge_tail."
    z13, z23 = relu(c(t + "conv13", up(x31, 4))), relu(c(t + "conv23", up(x32, 2)))
    out = relu(c(t + "conv_merge", cat(x33, z13, z23)))
    return c(t + "conv_tail2", c(t + "conv_tail1", out)).clamp(-1, 1)
