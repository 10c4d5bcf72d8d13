"""The settings of ``refbench export``: those of all formats, each saying which formats read it."""

from __future__ import annotations

from collections.abc import Mapping

from refbench.config.keys import Key

FORMATS: Mapping[str, str] = {
    "bundle": "one zip that audit, report, merge and site open",
    "eee": "Every Eval Ever 0.3 documents, one per cell",
    "hf": "`.eval_results/*.yaml` for a model repository on Hugging Face",
    "badge": "a shields.io endpoint document for a README",
    "codabench": "a competition bundle of a suite, scored by method=folder",
}
"""Name -> line of help; refbench.exchange has a module of each name. The first one is the default."""
RELATIONS = ("first_party", "third_party", "collaborative", "other")

KEYS = (
    Key(
        "format",
        "choice",
        "; ".join(f"{name}: {text}" for name, text in FORMATS.items()),
        next(iter(FORMATS)),
        tuple(FORMATS),
    ),
    Key("out", "path", "file or folder to write", required=True),
    Key("images", "text", "bundle: SR images, all, none, or how many of each result", "all"),
    Key("anonymous", "bool", "bundle: without host, user, paths, commands: for a blind review", False),
    Key("audits", "paths", "eee, hf, badge: what refbench audit --json said of these results", ()),
    Key("method", "name", "badge: the method, where there are several"),
    Key("dataset", "name", "badge: the dataset, where there are several"),
    Key("protocol", "text", "badge, hf: the protocol (default: the undistorted one)"),
    Key("metric", "name", "badge, hf: which metric (default: the first one, PSNR-Y)"),
    Key("developer", "text", "eee: who made the model, as on Hugging Face (default: unknown)"),
    Key("organisation", "text", "eee: who ran the evaluation (default: not stated)"),
    Key("relation", "choice", "eee: of who ran it to who made the model", "other", RELATIONS),
    Key("hf.dataset", "text", "hf: the benchmark's dataset on the Hub, USER/NAME"),
    Key("hf.task", "text", "hf: its task", "default"),
    Key("suite", "locator", "codabench: suite by name, or path/to/suite.yaml", "cufed5"),
    Key("data.root", "path", "codabench: the dataset's folder, which goes into the reference data"),
    Key("competition.image", "text", "codabench: Docker image with refbench in it"),
    Key("hf.source", "text", "hf: https address of where the results can be read"),
)
