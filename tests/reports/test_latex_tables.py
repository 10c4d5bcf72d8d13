"""LaTeX: what is data stays data, and it compiles where a TeX engine is."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refbench.reports.latex import latex_files
from refbench.reports.latex_text import latex_text
from refbench.reports.report import build_report
from refbench.results.cells import load_cells

HOSTILE = r"\input{x} $&%#_{}~^ [1] 50% é Ü 中文 <b>"


def test_tables_have_rules_units_marks_and_footers(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path)
    files = latex_files(build_report(load_cells([tmp_path]), published=True))
    assert sorted(files) == ["tables.tex", "tables_document.tex"]
    text = files["tables.tex"]
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == text.count(r"\begin{table}")
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}")
    assert "PSNR-Y / dB" in text
    assert re.search(r"\\textbf\{\d+\.\d\d\}", text)
    assert re.search(r"\\underline\{\d+\.\d\d\}", text)
    assert r"psnr\textbar{}space=y601" in text
    assert "oracle: leaks HR" in text
    assert "28.72" in text
    assert r"\input{tables}" in files["tables_document.tex"]
    assert r"\usepackage{booktabs}" in files["tables_document.tex"]


def test_every_row_has_as_many_columns_as_its_table(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path)
    text = latex_files(build_report(load_cells([tmp_path])))["tables.tex"]
    for table in re.findall(r"\\toprule\n(.*?)\\bottomrule", text, re.DOTALL):
        rows = [r for r in table.split("\n") if r.endswith(r"\\") and "multicolumn" not in r]
        assert len({len(re.findall(r"(?<!\\)&", row)) for row in rows}) == 1


def test_every_metric_has_its_own_difference_and_drop(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path)
    report = build_report(load_cells([tmp_path]))
    text = latex_files(report)["tables.tex"]
    (jitter,) = [t for g, t in report.tables if g.kind == "jitter@1"]
    start = text.index(jitter.title.replace("_", r"\_"))
    head, body = text[start:].split(r"\midrule", 1)
    assert head.index(r" &  & \multicolumn{3}{c}{PSNR-Y / dB} & \multicolumn{3}{c}{SSIM-Y} \\") < head.index(
        r"\cmidrule(lr){3-5}\cmidrule(lr){6-8}"
    )
    assert head.rstrip().endswith(r"method & $n$ & mean & vs bicubic & drop & mean & vs bicubic & drop \\")
    level = jitter.sections[-1].entries[-1]
    ssim = level.scores[1]
    assert ssim.delta is not None
    assert ssim.drop is not None
    assert ssim.summary is not None
    mean = f"{ssim.summary.mean:.4f}"
    row = next(line for line in body.splitlines() if level.cell.method_label in line and mean in line)
    fields = [re.sub(r"\{\\scriptsize.*", "", field).strip() for field in row.removesuffix(r" \\").split("&")]
    assert fields[6] == f"{ssim.delta.difference.mean:+.4f}"
    assert fields[7] == f"{ssim.drop.difference.mean:+.4f}"


def test_no_table_is_scaled_and_every_one_has_a_label(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path, metrics=("psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb"))
    text = latex_files(build_report(load_cells([tmp_path]), published=True))["tables.tex"]
    assert "resizebox" not in text
    labels = re.findall(r"\\label\{([^}]*)\}", text)
    assert len(labels) == len(set(labels)) == text.count(r"\begin{table}")
    assert all(re.fullmatch(r"tab:refbench-[a-z0-9._-]+", label) for label in labels)
    # four metrics with differences and drops do not fit side by side: whole metrics go on in a further table
    titles = [t for t in re.findall(r"\\caption\{([^}]*)\}", text) if "jitter" in t and "(" in t]
    named = [name for title in titles for name in re.findall(r"(?:PSNR|SSIM)-\w+", title)]
    assert named == ["PSNR-Y", "SSIM-Y", "PSNR-RGB", "SSIM-RGB"]
    assert len(titles) > 1


@given(st.text(max_size=60))
def test_no_data_is_a_command(text: str) -> None:
    shown = latex_text(text)
    for command in (
        "textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar",
        "textquotedbl", "textasciigrave", "textquotesingle",
    ):  # fmt: skip
        shown = shown.replace(f"\\{command}{{}}", "")
    shown = re.sub(r"\\[{}$&#%_]", "", shown).replace("{[}", "").replace("{]}", "")
    assert not set(shown) & set("\\{}$&#%_~^[]")
    assert all(c.isascii() or 0xC0 <= ord(c) <= 0xFF for c in shown)


def test_long_labels_are_cut_and_unknown_letters_named() -> None:
    assert latex_text("x" * 300).endswith("...")
    assert len(latex_text("x" * 300)) == 80
    assert latex_text("中é") == "U+4E2Dé"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on the PATH (a documented check)")
def test_the_document_compiles_as_it_is(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path / "r", dataset_label=HOSTILE, label=HOSTILE)
    for name, text in latex_files(build_report(load_cells([tmp_path / "r"]), published=True)).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "tables_document.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert (tmp_path / "tables_document.pdf").stat().st_size > 10_000
    assert "Overfull" not in done.stdout
