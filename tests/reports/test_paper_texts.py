"""numbers.tex, provenance.tex and appendix.tex: every number by a key, every claim from a record."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refbench.reports.options import PrintOptions
from refbench.reports.paper.compute import compute_of, duration
from refbench.reports.paper.numbers import defined, numbers_tex, safe_key
from refbench.reports.paper.write import tex_files
from refbench.reports.report import build_report
from refbench.results.cells import load_cells


def texts(folder: Path) -> dict[str, str]:
    return tex_files(build_report(load_cells([folder])), ("latex", "paper"), PrintOptions())


def test_every_number_of_the_tables_has_a_key(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path, dataset_label="cufed5")
    stored = load_cells([tmp_path])
    found = defined(numbers_tex(build_report(stored)))
    for cell in stored.cells:
        for alias, metric in cell.metrics.items():
            for method in (cell.method, cell.method_label):
                key = f"{safe_key(method)}/cufed5/{safe_key(cell.protocol)}/{alias}"
                assert found[key] == f"{metric.mean:.{metric.spec.decimals}f}"
                assert found[f"{key}/lo"] == f"{metric.lo:.{metric.spec.decimals}f}"
                assert found[f"{key}/n"] == str(metric.n)
    control = next(c for c in stored.cells if c.method == "datsr" and c.protocol == "canonical@1")
    base = next(c for c in stored.cells if c.method == "bicubic" and c.protocol == "canonical@1")
    gain = control.metrics["psnr_y"].mean - base.metrics["psnr_y"].mean
    assert float(found["datsr/cufed5/canonical@1/psnr_y/delta"]) == pytest.approx(gain, abs=0.006)


def test_a_short_key_means_one_number_or_is_not_there(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path / "one", protocols=made.instances()[:1], dataset_label="cufed5")
    one = defined(numbers_tex(build_report(load_cells([tmp_path / "one"]))))
    assert "datsr/cufed5/psnr_y" in one
    # canonical and c2_matching are both undistorted, with other numbers
    made.write_results(tmp_path / "two", dataset_label="cufed5")
    text = numbers_tex(build_report(load_cells([tmp_path / "two"])))
    assert "datsr/cufed5/psnr_y" not in defined(text)
    assert "% datsr/cufed5/psnr_y: 2 numbers; name the protocol or the label" in text


def test_two_weights_of_one_method_do_not_share_its_id(made: ModuleType, tmp_path: Path) -> None:
    for weights in ("mse", "gan"):
        made.write_results(
            tmp_path, protocols=made.instances()[:1], weights=weights, methods={"datsr": len(weights) * 1.0}
        )
    # the same values, so that only a doubled key could hide one of them
    found = defined(numbers_tex(build_report(load_cells([tmp_path]))))
    assert "datsr (mse)/cufed5-sample/psnr_y" in found
    assert "datsr (gan)/cufed5-sample/psnr_y" in found
    assert "datsr/cufed5-sample/psnr_y" not in found


@given(st.text(max_size=40))
def test_a_key_holds_nothing_that_tex_reads(text: str) -> None:
    assert not set(safe_key(text)) & set("\\{}$&#%~^/'\"`|<>")
    assert safe_key(text).isascii()


def test_the_appendix_says_what_the_records_say(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path, protocols=made.instances()[:1])
    files = texts(tmp_path)
    text = files["appendix.tex"]
    # prose of the card, signature, licence of the data that stood in, parameters, weights
    assert "LR is PIL bicubic (antialiased, 8 bit)" in " ".join(text.split())
    assert r"psnr\textbar{}\allowbreak space=y601" in text
    assert "Student's t" in text
    assert "0.45 M parameters" in text
    assert "self-reported" in files["provenance.tex"]
    # 3 methods x 10 images of 0.01, 0.05 and 0.05 s
    (compute,) = compute_of(load_cells([tmp_path]).cells)
    assert compute.trials == 30
    assert compute.method_seconds == pytest.approx(1.1)
    assert compute.total_seconds == pytest.approx(3.0)
    assert "30 trials" in text
    assert "to be added by the authors" in text


def test_the_sample_is_not_called_the_dataset_that_it_stands_for(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path, protocols=made.instances()[:1])
    text = texts(tmp_path)["appendix.tex"]
    data = text.split(r"\subsection*{Data}")[1].split(r"\subsection*")[0]
    assert r"\cite" not in data
    assert "Flickr photos" not in data


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.26, "0.3 s"), (42, "42 s"), (738, "12.3 min"), (16416, "4.56 h")]
)
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on the PATH (a documented check)")
def test_numbers_and_appendix_compile_and_a_missing_number_stops(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(
        tmp_path / "r",
        protocols=made.instances()[:1],
        methods={"bicubic": 0.0, "datsr": 1.2},
        label=r"o_u&r{s}%$\x#~^",
        dataset_label="ü_中 #%",
    )
    for name, text in texts(tmp_path / "r").items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    key = next(k for k in defined((tmp_path / "numbers.tex").read_text("utf-8")) if k.startswith("o_u-r-s"))

    def compiled(number: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "main.tex").write_text(
            r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{textcomp}\begin{document}"
            rf"\input{{numbers}}We reach \refbench{{{number}}} dB.\input{{appendix}}\input{{provenance}}"
            r"\bibliographystyle{plain}\bibliography{refs}\end{document}",
            encoding="utf-8",
        )
        return subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "main.tex"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )

    done = compiled(key)
    assert done.returncode == 0, done.stdout[-3000:]
    missing = compiled("nobody/nothing/psnr_y")
    assert missing.returncode != 0
    assert re.search(r"there is no\s+number 'nobody/nothing/psnr_y'", missing.stdout.replace("\n", ""))
