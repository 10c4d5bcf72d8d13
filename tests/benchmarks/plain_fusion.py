"""Plain builds of MRefSR and EDVR, written from their specification: one operation after the other.

All references or frames are held at once, as the official code does. Sizes are equal, as it demands.
"""

from __future__ import annotations

import plain_nets as nets
import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import deform_conv2d

State = dict[str, Tensor]
conv, lrelu, blocks = nets.conv, nets.lrelu, nets.blocks


def prelu(state: State, name: str, x: Tensor) -> Tensor:
    return functional.prelu(x, state[f"{name}.weight"])


def head(state: State, name: str, x: Tensor, sources: Tensor) -> Tensor:
    """MRefSR's fusion of ``sources`` (1, K, C, H, W) with ``x`` (1, 64, H, W)."""
    _, count, channels, height, width = sources.shape
    missing = (0, -width % 4, 0, -height % 4)
    x = functional.pad(x, missing, mode="reflect")
    s = functional.pad(sources[0], missing, mode="reflect")
    q = prelu(state, f"{name}.conv_emb1.1", conv(state, f"{name}.conv_emb1.0", x)) * channels**-0.5
    e = prelu(state, f"{name}.conv_emb2.1", conv(state, f"{name}.conv_emb2.0", s))
    v = conv(state, f"{name}.conv_ass", s)
    w = torch.softmax((q * e).sum(1, keepdim=True), dim=0)
    r = (w * v).sum(0, keepdim=True)
    assert w.shape[0] == count
    a = lrelu(conv(state, f"{name}.spatial_attn", torch.cat([x, r], 1)))
    m = conv(state, f"{name}.spatial_attn_mul2", lrelu(conv(state, f"{name}.spatial_attn_mul1", a)))
    b = conv(state, f"{name}.spatial_attn_add2", lrelu(conv(state, f"{name}.spatial_attn_add1", a)))
    r = r * torch.sigmoid(m) * 2 + b
    return lrelu(conv(state, f"{name}.feat_fusion", torch.cat([x, r], 1)))[:, :, :height, :width]


def plain_mrefsr(
    extractor: State, texture: State, net: State, lr: Tensor, upsampled: Tensor, references: list[Tensor]
) -> Tensor:
    """MRefSR's SR (1, 3, 4H, 4W); LR up and all references of equal size."""
    maps = [nets.textures_of(texture, one) for one in references]
    flows = [nets.flow_of(nets.match_features(extractor, upsampled, one)[0]) for one in references]
    base = functional.interpolate(lr, scale_factor=4, mode="bilinear", align_corners=False)
    x = blocks(net, "content_extractor.body", lrelu(conv(net, "content_extractor.conv_first", lr)))
    d = "dyn_agg_restore."
    for level, (name, scale) in reversed(list(enumerate(nets.LEVELS))):
        gathered = []
        for textures, flow in zip(maps, flows, strict=True):
            source = textures[level]
            _, pre = nets.at_scale(flow, scale)
            o = lrelu(conv(net, f"{d}{name}_offset_conv1", torch.cat([x, source], 1)))
            o = lrelu(conv(net, f"{d}{name}_offset_conv2", o))
            gathered.append(lrelu(nets.dyn_agg(net, f"{d}{name}_dyn_agg", source, o, pre, None)))
        h = blocks(net, f"{d}body_{name}", head(net, f"{d}head_{name}", x, torch.stack(gathered, 1))) + x
        if name == "large":
            x = conv(net, f"{d}tail_{name}.2", lrelu(conv(net, f"{d}tail_{name}.0", h)))
        else:
            x = lrelu(functional.pixel_shuffle(conv(net, f"{d}tail_{name}.0", h), 2))
    return x + base


def up(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def deform(state: State, name: str, source: Tensor, feature: Tensor) -> Tensor:
    out = conv(state, f"{name}.conv_offset", feature)
    split = out.shape[1] // 3 * 2
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    return deform_conv2d(source, out[:, :split], weight, bias, 1, 1, 1, torch.sigmoid(out[:, split:]))


def align(state: State, neighbour: list[Tensor], centre: list[Tensor]) -> Tensor:
    """PCD."""
    p = "pcd_align."
    offset = feature = None
    for level in (3, 2, 1):
        l, own, other = f"l{level}", neighbour[level - 1], centre[level - 1]  # noqa: E741
        o = lrelu(conv(state, f"{p}offset_conv1.{l}", torch.cat([own, other], 1)))
        if offset is None or feature is None:
            o = lrelu(conv(state, f"{p}offset_conv2.{l}", o))
            f = lrelu(deform(state, f"{p}dcn_pack.{l}", own, o))
        else:
            o = lrelu(conv(state, f"{p}offset_conv2.{l}", torch.cat([o, up(offset) * 2], 1)))
            o = lrelu(conv(state, f"{p}offset_conv3.{l}", o))
            f = deform(state, f"{p}dcn_pack.{l}", own, o)
            f = conv(state, f"{p}feat_conv.{l}", torch.cat([f, up(feature)], 1))
            f = lrelu(f) if level > 1 else f
        offset, feature = o, f
    assert feature is not None
    o = lrelu(conv(state, f"{p}cas_offset_conv1", torch.cat([feature, centre[0]], 1)))
    o = lrelu(conv(state, f"{p}cas_offset_conv2", o))
    return lrelu(deform(state, f"{p}cas_dcnpack", feature, o))


def pool(x: Tensor) -> Tensor:
    return torch.cat([functional.max_pool2d(x, 3, 2, 1), functional.avg_pool2d(x, 3, 2, 1)], 1)


def attention(state: State, aligned: list[Tensor]) -> Tensor:
    """TSA."""
    f = "fusion."
    middle = conv(state, f"{f}temporal_attn1", aligned[len(aligned) // 2])
    weighed = []
    for one in aligned:
        p = torch.sigmoid((conv(state, f"{f}temporal_attn2", one) * middle).sum(1, keepdim=True))
        weighed.append(one * p)
    y = torch.cat(weighed, 1)
    feature = lrelu(conv(state, f"{f}feat_fusion", y))
    a = lrelu(conv(state, f"{f}spatial_attn2", pool(lrelu(conv(state, f"{f}spatial_attn1", y)))))
    b = lrelu(conv(state, f"{f}spatial_attn_l2", pool(lrelu(conv(state, f"{f}spatial_attn_l1", a)))))
    b = up(lrelu(conv(state, f"{f}spatial_attn_l3", b)))
    a = lrelu(conv(state, f"{f}spatial_attn3", a)) + b
    a = conv(state, f"{f}spatial_attn5", up(lrelu(conv(state, f"{f}spatial_attn4", a))))
    added = conv(state, f"{f}spatial_attn_add2", lrelu(conv(state, f"{f}spatial_attn_add1", a)))
    return feature * torch.sigmoid(a) * 2 + added


def plain_edvr(state: State, frames: Tensor) -> Tensor:
    """EDVR's SR (1, 3, 4H, 4W) of the middle of ``frames`` (1, T, 3, H, W)."""
    x = blocks(state, "feature_extraction", lrelu(conv(state, "conv_first", frames[0])))
    second = lrelu(conv(state, "conv_l2_2", lrelu(conv(state, "conv_l2_1", x, 2))))
    third = lrelu(conv(state, "conv_l3_2", lrelu(conv(state, "conv_l3_1", second, 2))))
    count = frames.shape[1]
    pyramids = [[x[i : i + 1], second[i : i + 1], third[i : i + 1]] for i in range(count)]
    aligned = [align(state, pyramid, pyramids[count // 2]) for pyramid in pyramids]
    if "fusion.weight" in state:
        fused = conv(state, "fusion", torch.cat(aligned, 1))
    else:
        fused = attention(state, aligned)
    y = blocks(state, "reconstruction", fused)
    y = lrelu(functional.pixel_shuffle(conv(state, "upconv1", y), 2))
    y = lrelu(functional.pixel_shuffle(conv(state, "upconv2", y), 2))
    y = conv(state, "conv_last", lrelu(conv(state, "conv_hr", y)))
    middle = frames[:, count // 2]
    return y + functional.interpolate(middle, scale_factor=4, mode="bilinear", align_corners=False)
