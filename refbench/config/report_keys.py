"""The settings of ``refbench report``: of its command line and of :func:`refbench.report`."""

from __future__ import annotations

from dataclasses import replace

from refbench.config.keys import OUT, TABLE, TRACKING_URI, Key

FORMATS = ("md", "latex", "paper", "crops", "csv", "html", "json", "figures", "parquet", "study")
STYLES = ("cvpr", "neurips", "page")
PUBLISHED = ("none", "own", "all")
PRINT = (
    Key("methods", "words", "paper, crops: only these, in this order", ()),
    Key("datasets", "words", "paper, crops: only these, in this order", ()),
    Key(
        "protocols",
        "words",
        "paper, crops: those whose id has this in it; all (default: undistorted ones)",
        (),
    ),
    Key("names", "words", "[datsr:Ours,cufed5:CUFED5]: what to call them in print", ()),
    Key("columns", "words", "paper: metrics (default: the first two)", ()),
    Key("digits", "words", "paper: decimals, one number or one per metric: [2,3]", ()),
    Key("layout", "choice", "paper: PSNR / SSIM in one cell, or a row per metric", "pair", ("pair", "rows")),
    Key("transpose", "bool", "paper: methods as columns", False),
    Key("interval", "choice", "paper: pm adds half the 95 % interval", "none", ("none", "pm")),
    Key(
        "marks",
        "choice",
        "paper: best and second where significant, or plainly by value",
        "significance",
        ("significance", "value"),
    ),
    Key(
        "width",
        "choice",
        "paper: one column or two (auto: what it needs)",
        "auto",
        ("auto", "column", "page"),
    ),
    Key("published", "choice", "numbers of the literature: of the own methods, or all", "none", PUBLISHED),
    Key(
        "crop",
        "text",
        'crops: ID:x,y,w,h in HR pixels, several with ";" (default: chosen)',
    ),
    Key("difference", "bool", "crops: add a row of difference maps", False),
    Key("figure.style", "choice", "crops, figures: widths and letters", "page", STYLES),
    Key("figure.serif", "bool", "crops, figures: serif letters or not (default: as the style)"),
)

STUDY = (
    Key(
        "study.pairs",
        "int",
        "study: questions that the page asks; 0: every pair on every image",
        60,
        minimum=0,
    ),
    Key("study.hr", "choice", "study: the original above each pair", "hidden", ("hidden", "shown")),
    Key("study.refs", "choice", "study: the references above each pair", "hidden", ("hidden", "shown")),
    Key("study.seed", "int", "study: of order and sides", 0, minimum=0),
    Key("study.protocol", "text", "study: the protocol (default: the undistorted one)"),
    Key("study.answers", "paths", "study: files that were handed back: writes the table instead", ()),
)

KEYS = (
    OUT,
    Key("format", "words", f"any of {','.join(FORMATS)}", ("md", "csv", "html")),
    Key("report.dir", "path", "folder for the files (default: report/ in the first results folder)"),
    TABLE,
    Key("metric", "name", "metric of curves and pictures (default: the first one, PSNR-Y)"),
    Key("report.samples", "int", "html: most samples per dataset in the gallery", 48, minimum=0),
    Key("data.root", "path", "html, crops: where the dataset is now, when it has moved"),
    Key("audits", "paths", "what refbench audit --json said of these results: tables name it", ()),
    replace(TRACKING_URI, help="MLflow server or database to fetch runs from, besides the folders named"),
    Key("experiment", "text", "tracking.uri: experiment there (default: refbench)"),
    Key("tracking.run", "words", "tracking.uri: only these parent runs, by id", ()),
    *PRINT,
    *STUDY,
)
