"""Secrets: blanked in what is kept and shown, wherever they enter; ordinary text is left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refbench.cli.main import main
from refbench.store import SampleRow
from refbench.untrusted.redact import clean_config, without_credentials

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("https://me:hunter2@host/x", "https://***@host/x"),
        ("https://me:hunter2@hunter2@host/x", "https://***@host/x"),
        ("postgresql+psycopg://u:hunter2@db:5432/m", "postgresql+psycopg://***@db:5432/m"),
        ("tracking.uri=https://hunter2@host", "tracking.uri=https://***@host"),
        ("method.api_key=hunter2 with blanks, hunter2", "method.api_key=***"),
        ("python x.py --token hunter2 --lr {lr}", "python x.py --token *** --lr {lr}"),
        ("python x.py --api-key=hunter2 {out}", "python x.py --api-key=*** {out}"),
        ("python x.py --password 'hunter2 hunter2' {lr}", "python x.py --password *** {lr}"),
        ("env HF_TOKEN=hunter2 python x.py", "env HF_TOKEN=*** python x.py"),
        ('{"token": "hunter2", "scale": 4}', '{"token": *** "scale": 4}'.replace("*** ", "***, ")),
        (
            "get https://host/x?sig=1&token=hunter2&y=2 failed",
            "get https://host/x?sig=***&token=***&y=2 failed",
        ),
        ("Authorization: Bearer hunter2hunter2", "Authorization: ***"),
        ("sent Bearer hunter2hunter2", "sent Bearer ***"),
        ("Authorization: token hunter2", "Authorization: ***"),
        ("postgresql://bob:hunter2/er2@127.0.0.1:9/db", "postgresql://***@127.0.0.1:9/db"),
        ("postgresql://bob:1/hunter2@127.0.0.1:9/db", "postgresql://***@127.0.0.1:9/db"),
        ("https://bob:hunter2/er2@host/a@b", "https://***@b"),
        ("tracking.uri=https://bob:1/hunter2@host", "tracking.uri=https://***@host"),
        ("at postgresql://bob:a hunter2 b@host/db: refused", "at postgresql://***@host/db: refused"),
        ("password: hunter2 and hunter2", "password: ***"),
        ("{user: me, password: hunter2, port: 1}", "{user: me, password: ***, port: 1}"),
        ("x-api-key: hunter2", "x-api-key: ***"),
        ("host=h pwd=hunter2 dbname=d", "host=h pwd=*** dbname=d"),
        ("a passphrase=hunter2", "a passphrase=***"),
        ("https://h/x?X-Amz-Signature=hunter2&a=1", "https://h/x?X-Amz-Signature=***&a=1"),
    ],
)
def test_secrets_are_blanked_by_their_place(text: str, kept: str) -> None:
    assert SECRET not in without_credentials(text)
    assert without_credentials(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "out=a@b", "https://host/a@b", "mail@example.org", "method=datsr", "a token is missing; give one",
        "basic authentication", "--tokenizer", "python x.py --token --lr {lr}", "secrets are blanked",
        "damaged (Unexpected token: x)", "https://host:8080/a@b", "signature=psnr|v1", "sigma=2",
        "/data/passwords: is empty", "/data/passwords/001.png: is empty (0 bytes)",
    ],
)  # fmt: skip
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert without_credentials(text) == text


@given(st.text(max_size=80))
def test_blanking_twice_is_blanking_once(text: str) -> None:
    once = without_credentials(text)
    assert without_credentials(once) == once


@given(
    st.text(st.characters(codec="ascii", exclude_characters="/ \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f"), min_size=1)
)
def test_no_user_part_survives(password: str) -> None:
    shown = without_credentials(f"cannot reach https://me:{password}@host.example/x: refused")
    assert shown == "cannot reach https://***@host.example/x: refused"


def test_a_configuration_is_cleaned_in_depth() -> None:
    config = {"tracking": {"uri": "http://u:hunter2@h", "password": "hunter2"}, "levels": (1, 0.5),
              "nan": float("nan"), "none": None, "list": ["ftp://hunter2@h"],
              "params": {"cmd": "x --token hunter2 {lr}", "args": '{"api_key": "hunter2"}'}}  # fmt: skip
    cleaned = clean_config(config)
    assert SECRET not in json.dumps(cleaned)
    assert cleaned["tracking"] == {"uri": "http://***@h", "password": "***"}
    assert cleaned["levels"] == [1, 0.5]


def test_rows_hold_no_secrets_in_their_error() -> None:
    row = SampleRow("a", status="error", error="https://me:hunter2@host: refused; x --token hunter2")
    assert row.error == "https://***@host: refused; x --token ***"
    assert SampleRow.from_json(row.to_json()) == row


@pytest.mark.parametrize("words", [
    ["run", "method=bicubic", "tracking.uri=https://me:hunter2@host", "--cfg"],
    ["run", "method=bicubic", "tracking.uri=https://me:hunter2@host", "--cfg", "--json"],
    ["run", "method=bicubic", "tracking.uri=https://me:hunter2@host", "tracking.uri=https://hunter2@x"],
    ["run", "method=bicubic", "api_token=hunter2"],
    ["report", "https://me:hunter2@host"],
])  # fmt: skip
def test_nothing_printed_holds_a_secret(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    main(words)
    shown = capsys.readouterr()
    assert SECRET not in shown.out + shown.err
    assert shown.out + shown.err


def test_values_of_secret_variables_are_blanked_wherever_they_turn_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LAB_API_KEY", SECRET)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:correct horse@host")
    monkeypatch.setenv("LAB_COLOUR", "turquoise")
    shown = without_credentials("refused: hunter2 (LAB_API_KEY), horse correct horse, turquoise")
    assert shown == "refused: *** (LAB_API_KEY), horse ***, turquoise"


def test_password_with_slash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No line and no file holds a part of it, whatever parses the address and fails."""
    uri = "postgresql://bob:hunt/er2@127.0.0.1:9/db"
    words = ["run", "method=bicubic", "suite=cufed5", "limit=1", "against=none", f"out={tmp_path}"]
    assert main([*words, f"tracking.uri={uri}"]) == 0
    shown = capsys.readouterr()
    assert "postgresql://***@127.0.0.1:9/db" in shown.err
    kept = [path.read_bytes().decode("utf-8", "replace") for path in tmp_path.rglob("*.json*")]
    assert any("127.0.0.1" in text for text in kept)
    for text in (shown.out, shown.err, *kept):
        assert "hunt" not in text
        assert "er2" not in text
