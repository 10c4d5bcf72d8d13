"""Every recipe in docs/recipes is typed as it stands, against a script with the same command line.

A fenced block with ``title="path"`` is a file to write, a ``bash`` block is run, a ``text`` block is what it
must print. Other ``sh`` blocks make the foreign environment, which is not here: the stand-ins take its place.
They accept exactly the arguments that the recipe gives (argparse refuses others) and need their reference.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parents[2] / "docs" / "recipes"
FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
TITLE = re.compile(r'title="([^"]+)"')

ENLARGE = """
import argparse, glob, os
from PIL import Image

def enlarge(lr, ref, out):
    image, reference = Image.open(lr).convert("RGB"), Image.open(ref).convert("RGB")
    sr = image.resize((4 * image.width, 4 * image.height), Image.BICUBIC)
    os.makedirs(os.path.dirname(out), exist_ok=True)
    # a little of the reference: it must be there, and it must be an image
    Image.blend(sr, reference.resize(sr.size), 0.02).save(out)

parser = argparse.ArgumentParser()
def needs(*names):
    for name in names:
        parser.add_argument(name, required=True)
    return parser.parse_args()
"""
STAND_INS = {
    "ada_refsr": (
        "demo.py",
        """
args = needs("--config", "--lq_path", "--ref_path", "--output_path")
assert os.path.isfile(args.config), "runs in its own folder"
enlarge(args.lq_path, args.ref_path, args.output_path)
""",
    ),
    "refir": (
        "seesr/test_real.py",
        """
args = needs("--image_path", "--output_dir", "--pretrained_model_path", "--seesr_model_path", "--ram_ft_path",
             "--upscale", "--process_size", "--align_method", "--seed")
name = os.path.basename(args.image_path)
folder = os.path.dirname(args.image_path)
assert "CUFED5" in args.image_path and folder.endswith("Real_Deg/LR")
reference = os.path.join(folder.replace("Real_Deg/LR", "ref"), name.split("_")[0] + "_1.png")
enlarge(args.image_path, reference, os.path.join(args.output_dir, "sample00", name))
""",
    ),
    "irag": (
        "sr/inference.py",
        """
args = needs("--config", "--ckpt", "--vqgan_ckpt", "--init-img", "--ref-img", "--lr-img", "--outdir",
             "--ddim_steps", "--dec_w", "--colorfix_type", "--seed")
for name in os.listdir(args.init_img):
    assert Image.open(os.path.join(args.init_img, name)).size == (512, 512)
    enlarge(os.path.join(args.lr_img, name), os.path.join(args.ref_img, name),
            os.path.join(args.outdir, "samples", name))
""",
    ),
}


def missing_line(expected: str, printed: str) -> str | None:
    """The first expected line that does not come, in order; ``...`` stands for anything."""
    lines = iter([" ".join(line.split()) for line in printed.splitlines()])
    for wanted in filter(None, (" ".join(line.split()) for line in expected.splitlines())):
        pattern = re.compile(".*".join(map(re.escape, wanted.split("..."))))
        if wanted != "..." and not any(pattern.fullmatch(line) for line in lines):
            return wanted
    return None


def test_each_recipe_has_a_stand_in() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == set(STAND_INS)


@pytest.mark.parametrize("name", STAND_INS)
def test_recipe(name: str, tmp_path: Path) -> None:
    work, checkout, pairs = tmp_path / "work", tmp_path / "checkout", tmp_path / "pairs"
    script, source = STAND_INS[name]
    (checkout / script).parent.mkdir(parents=True)
    (checkout / "configs").mkdir()
    (checkout / "configs" / "demo_config.yaml").write_text("")
    (checkout / script).write_text(ENLARGE + source)
    work.mkdir()
    for number, folder in enumerate(("input", "ref")):
        (pairs / folder).mkdir(parents=True)
        noise = np.random.default_rng(number).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((512, 512), Image.Resampling.BICUBIC).save(pairs / folder / "a.png")
    short = {"ada_refsr": "ADA", "refir": "REFIR", "irag": "IRAG"}[name]
    variables = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "COLUMNS": "120",
        "PYTHONIOENCODING": "utf-8",
        short: str(checkout),
        f"{short}_PYTHON": sys.executable,
        f"{short}_MODELS": str(tmp_path),
        "PAIRS": str(pairs),
    }
    ran = 0
    printed = ""
    for found in FENCE.finditer((FOLDER / f"{name}.md").read_text(encoding="utf-8")):
        language, _, rest = found["info"].strip().partition(" ")
        title = TITLE.search(rest)
        if title:
            (work / title[1]).write_text(found["body"], encoding="utf-8")
        elif language == "bash":
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", found["body"]],
                cwd=work, env=variables, text=True, encoding="utf-8", check=False,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600,
            )  # fmt: skip
            printed, ran = done.stdout, ran + 1
            assert done.returncode == 0, printed
            assert " 0 errors" in printed
        elif language == "text":
            assert missing_line(found["body"], printed) is None, printed
    assert ran == 1
