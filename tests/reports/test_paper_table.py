"""The paper's table: numbers, marks, columns, caption and bibliography, compiled where TeX is at hand."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from refbench.errors import UserError
from refbench.registry import Registry
from refbench.reports.options import PrintOptions
from refbench.reports.paper.citations import Bibliography, cited, shipped
from refbench.reports.paper.model import PaperTable, paper_table
from refbench.reports.paper.table_tex import table_tex
from refbench.reports.paper.write import tex_files
from refbench.reports.report import build_report
from refbench.reports.selection import Names, Selection, parse_names
from refbench.results.cells import load_cells
from refbench.results.record import CellRecord
from refbench.store import SampleRow


def built(folder: Path, options: PrintOptions) -> tuple[PaperTable, str, list[str]]:
    registry = Registry.discover()
    cites = Bibliography(registry)
    names = Names(registry, options.selection.names)
    table = paper_table(load_cells([folder]).cells, options, names, cites, registry)
    return table, *table_tex(table, options, cites)


def body(tex: str) -> list[list[str]]:
    """Fields of the rows between the last head line and the bottom."""
    inside = tex.split(r"\midrule", 1)[1].split(r"\bottomrule")[0]
    rows = [line for line in inside.splitlines() if line.endswith(r"\\")]
    return [[field.strip() for field in re.split(r"(?<!\\)&", row.removesuffix(r" \\"))] for row in rows]


def test_methods_stand_against_protocols_as_pairs_with_the_tables_marks(
    made: ModuleType, tmp_path: Path
) -> None:
    made.write_results(tmp_path)
    table, tex, _ = built(tmp_path, PrintOptions())
    # one column for each undistorted protocol: canonical and c2_matching
    assert [column.protocol for column in table.columns] == ["canonical@1", "c2_matching@1"]
    rows = body(tex)
    assert [row[0].partition("~")[0] for row in rows] == ["Bicubic", "DATSR (compact)", "TTSR (compact)"]
    cell = next(c for c in table.cells if c.method == "datsr" and c.protocol == "canonical@1")
    psnr, ssim = (cell.metrics[alias].mean for alias in ("psnr_y", "ssim_y"))
    assert rows[1][1] == rf"\textbf{{{psnr:.2f}}} / \textbf{{{ssim:.4f}}}"
    assert rows[2][1].startswith(r"\underline{")
    assert "only where significantly better" in tex
    assert r"\label{tab:refbench}" in tex
    assert "resizebox" not in tex
    assert r"DATSR (compact)~\cite{cao2022datsr}" in tex


def test_marks_by_value_say_so_and_need_no_significance(made: ModuleType, tmp_path: Path) -> None:
    # three images can decide nothing
    made.write_results(tmp_path, ids=("a", "b", "c"), protocols=made.instances()[:1])
    _, tex, _ = built(tmp_path, PrintOptions())
    assert r"\textbf" not in tex
    assert "No method is significantly better than all others" in tex
    _, tex, _ = built(tmp_path, PrintOptions(marks="value"))
    assert body(tex)[1][1].startswith(r"\textbf{")
    assert "by value, not by a test" in tex


def test_layouts_hold_the_same_numbers(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path)
    pairs = body(built(tmp_path, PrintOptions())[1])
    rows = body(built(tmp_path, PrintOptions(layout="rows"))[1])
    turned = body(built(tmp_path, PrintOptions(transpose=True))[1])
    assert [row[1] for row in rows[:2]] == ["PSNR-Y", "SSIM-Y"]
    assert [f"{rows[0][2]} / {rows[1][2]}", f"{rows[0][3]} / {rows[1][3]}"] == pairs[0][1:]
    assert [[row[k] for row in pairs] for k in (1, 2)] == [row[3:] for row in turned]


def test_choices_of_methods_columns_names_digits_and_intervals(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path)
    selection = Selection(
        methods=("ttsr", "bicubic"), protocols=("jitter",), names=parse_names(["ttsr:Ours & Co"])
    )
    options = PrintOptions(selection=selection, columns=("ssim_y",), digits=("3",), interval="pm")
    table, tex, _ = built(tmp_path, options)
    assert [column.protocol.partition("jitter@1")[2] for column in table.columns] == [
        "[level=x0.5]", "[level=x1]", "[level=x2]"
    ]  # fmt: skip
    rows = body(tex)
    assert [row[0].partition("~")[0] for row in rows] == [r"Ours \& Co (compact)", "Bicubic"]
    cell = next(c for c in table.cells if c.method == "ttsr" and "x2" in c.protocol)
    summary = cell.metrics["ssim_y"]
    assert f"{summary.mean:.3f}" in rows[0][3]
    assert rf"$\pm${(summary.hi - summary.lo) / 2:.3f}" in rows[0][3]
    assert "half the 95" in tex
    assert "jitter x0.5" in tex


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (PrintOptions(columns=("psnr",)), "no metric in these runs 'psnr'; did you mean 'psnr_y'?"),
        (PrintOptions(digits=("2", "3", "4")), "digits=2,3,4: give one number"),
        (PrintOptions(selection=Selection(methods=("dasr",))), "no method in these runs 'dasr'; did you"),
        (PrintOptions(selection=Selection(protocols=("flop",))), "no protocol 'flop'"),
    ],
)
def test_a_wrong_choice_is_one_line(
    made: ModuleType, tmp_path: Path, options: PrintOptions, says: str
) -> None:
    made.write_results(tmp_path)
    with pytest.raises(UserError) as told:
        built(tmp_path, options)
    assert says in str(told.value)


def test_published_numbers_stand_above_and_never_in_the_samples_column(
    made: ModuleType, tmp_path: Path
) -> None:
    made.write_results(tmp_path / "sample", protocols=made.instances()[:1])
    table, tex, _ = built(tmp_path / "sample", PrintOptions(published="all"))
    assert [column.dataset for column in table.columns] == ["CUFED5-sample", "CUFED5"]
    above = [row for row in table.rows if row.literature is not None]
    assert all(column != table.columns[0].key for row in above for column, _ in row.values)
    assert all(not value.mark for row in above for value in row.values.values())
    # one row for each method and variant
    assert len({row.name for row in above}) == len(above) > 20
    lines = body(tex)
    assert lines[0][0] == r"SRCNN-rec$^{\dagger}$~\cite{dong2014srcnn}"
    assert lines[0][1:] == ["--", "25.33 / 0.745"]
    assert next(line for line in lines if line[0].startswith("DATSR-rec"))[2] == "28.72 / 0.856"
    assert "read by eye" in tex
    # on the whole set they share a column
    made.write_results(tmp_path / "whole", protocols=made.instances()[:1], dataset_label="cufed5")
    whole, _, _ = built(tmp_path / "whole", PrintOptions(published="own"))
    assert [column.dataset for column in whole.columns] == ["CUFED5"]
    named = {row.literature.method for row in whole.rows if row.literature is not None}
    assert named == {"DATSR", "TTSR"}


def test_no_published_number_stands_under_a_distorted_reference(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path, dataset_label="cufed5")
    options = PrintOptions(published="all", selection=Selection(protocols=("jitter",)))
    table, _, _ = built(tmp_path, options)
    jittered = {column.key for column in table.columns if "jitter" in column.protocol}
    assert not any(key in jittered for row in table.rows if row.literature for key, _ in row.values)


@pytest.mark.parametrize("published", ["none", "own", "all"])
def test_the_bibliography_has_what_the_texts_cite_and_nothing_else(
    made: ModuleType, tmp_path: Path, published: str
) -> None:
    made.write_results(tmp_path, protocols=made.instances()[:1])
    files = tex_files(build_report(load_cells([tmp_path])), ("paper",), PrintOptions(published=published))
    bib = files.pop("refs.bib")
    entries = re.findall(r"^@\w+\{([^,]+),", bib, re.MULTILINE)
    assert entries == cited(files.values())
    assert len(entries) == len(set(entries))
    assert "cao2022datsr" in entries


def test_every_key_that_a_spec_or_card_carries_is_shipped() -> None:
    from refbench.metrics import METRICS
    from refbench.protocols.card import card_names, load_card
    from refbench.reports.paper.citations import METHODS, SOURCES
    from refbench.reports.published import load_published

    registry = Registry.discover()
    carried = [
        *(registry.method(name).bibtex for name in registry.names("methods")),
        *(registry.dataset(name).bibtex for name in registry.names("datasets")),
        *(spec.bibtex for spec in METRICS),
        *(load_card(name).bibtex for name in card_names()),
        *METHODS.values(),
        *SOURCES.values(),
    ]
    assert {key for key in carried if key} <= shipped().keys()
    published = load_published()
    assert METHODS.keys() <= {number.method for number in published}
    assert SOURCES.keys() <= {number.source for number in published}
    for entry in shipped().values():
        assert entry.count("{") == entry.count("}")


def test_what_has_a_paper_has_an_entry() -> None:
    registry = Registry.discover()
    for kind in ("methods", "datasets"):
        for entry in registry.entries(kind):
            assert entry.spec is not None
            assert bool(entry.spec.paper) == bool(entry.spec.bibtex), entry.name


def test_a_plugins_own_entry_is_cited() -> None:
    cites = Bibliography(Registry.discover())
    assert cites.key("@article{me2026ours,\n  title = {Ours}\n}") == "me2026ours"
    assert cites.key("no entry") == ""
    assert "title = {Ours}" in cites.bib([r"text~\cite{me2026ours}"])


def test_a_table_that_is_too_wide_is_told(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path)
    options = PrintOptions(selection=Selection(protocols=("all",)), width="column")
    _, tex, notes = built(tmp_path, options)
    assert r"\begin{table}[t]" in tex
    assert len(notes) == 1
    assert "transpose=true" in notes[0]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on the PATH (a documented check)")
@pytest.mark.parametrize(
    "options",
    [
        PrintOptions(published="all", interval="pm"),
        PrintOptions(layout="rows", selection=Selection(protocols=("jitter", "flip"))),
        PrintOptions(transpose=True, marks="value"),
    ],
    ids=["literature", "rows", "transposed"],
)
def test_the_page_compiles_without_an_overfull_line(
    made: ModuleType, tmp_path: Path, options: PrintOptions
) -> None:
    made.write_results(tmp_path / "r", label=r"o_u&r{s}%$")
    for name, text in tex_files(build_report(load_cells([tmp_path / "r"])), ("paper",), options).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    latex = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper_document.tex"]
    for command in (latex, ["bibtex", "paper_document"], latex, latex):
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False
        )
        assert done.returncode == 0, done.stdout[-3000:]
    assert "Overfull" not in done.stdout
    assert "undefined" not in done.stdout


def test_lines_without_a_number_are_left_out_and_a_page_is_not_overrun(
    made: ModuleType, tmp_path: Path
) -> None:
    made.write_results(tmp_path, protocols=made.instances()[:1])
    _, tex, notes = built(tmp_path, PrintOptions(layout="rows", published="all"))
    above = tex.split(r"\midrule")[1].splitlines()
    literature = [line for line in above if line.endswith(r"\\")]
    assert any(r"& PSNR-Y &" in line for line in literature)
    assert any(set(re.sub(r"[^\d]", "", line)) for line in literature)
    assert not [line for line in literature if not re.search(r"\d", line.partition(" & ")[2])]
    assert any("more than a page holds: choose with methods=" in note for note in notes)
    _, _, notes = built(tmp_path, PrintOptions(published="all"))
    assert not any("more than a page holds" in note for note in notes)


def test_variants_with_the_same_pixels_are_one_row(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path, protocols=made.instances()[:1], methods={"bicubic": 0.0, "datsr": 1.0})
    bicubic, datsr = load_cells([tmp_path]).cells
    rows = tuple(replace(row, sr_sha256=f"{k:064x}") for k, row in enumerate(datsr.rows))

    def variant(how: str, *own: SampleRow) -> CellRecord:
        assert datsr.run is not None
        return replace(datsr, method_label=f"datsr (compact) [multi={how}]", run=replace(datsr.run, rows=own))

    first, second = variant("first", *rows), variant("per_patch", *rows)
    chosen = Selection().of([bicubic, first, second])
    assert [cell.method_label for cell in chosen] == ["bicubic", "datsr (compact)"]
    # other pixels, or pixels that nobody knows: both stay, and are told apart
    for sha in ("f" * 64, None):
        other = variant("per_patch", replace(rows[0], sr_sha256=sha), *rows[1:])
        assert [cell.method_label for cell in Selection().of([first, other])] == [
            "datsr (compact) [multi=first]",
            "datsr (compact) [multi=per_patch]",
        ]
