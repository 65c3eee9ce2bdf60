from __future__ import annotations

import pytest

from jupyter_agents.domain.filenames import clean_filename, expiry, mime_type, output_filename
from jupyter_agents.errors import InvalidRequest


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("data.csv", "data.csv"),
        ("/etc/passwd", "passwd"),
        ("C:\\x\\report.pdf", "report.pdf"),
        ("dir/", "unnamed.csv"),
        (None, "unnamed.csv"),
        ("", "unnamed.csv"),
        ("日本.txt", "日本.txt"),
        ("x" * 255, "x" * 255),
    ],
)
def test_only_the_last_part_of_a_name_is_kept(given: str | None, name: str) -> None:
    assert clean_filename(given, "text/csv") == name


@pytest.mark.parametrize(
    "given", ["a<b", 'a"b', "a|b", "a?b", "a*b", "a:b", "a\x00b", "a\nb", "\x1f", "x" * 256]
)
def test_a_name_that_cannot_be_is_refused(given: str) -> None:
    with pytest.raises(InvalidRequest, match="file"):
        clean_filename(given, "text/csv")


@pytest.mark.parametrize("name", ["a:b?.txt", "\n.txt", "x" * 300, "\udcff.bin", "outputs/a"])
def test_an_output_may_have_any_name(name: str) -> None:
    found = output_filename(f"outputs/{name}")
    assert clean_filename(found, "text/plain") == found


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("text/csv", "text/csv"),
        ("Text/HTML; charset=utf-8", "text/html"),
        (None, "application/octet-stream"),
        ("", "application/octet-stream"),
        ("nonsense", "application/octet-stream"),
        ("text/html\r\nx: y", "application/octet-stream"),
        ("a/" + "b" * 200, "application/octet-stream"),
    ],
)
def test_a_media_type_is_one_or_any_bytes(given: str | None, found: str) -> None:
    assert mime_type(given) == found


@pytest.mark.parametrize("text", ["3599", "7776001", "soon", "-1", "", "٣٦٠٠", "9" * 5000])
def test_an_expiry_out_of_bounds_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="expires_in_seconds: expected 3600 to 7776000"):
        expiry(text)


def test_an_expiry_within_its_bounds() -> None:
    assert [expiry(None), expiry("3600"), expiry("7776000")] == [None, 3600, 7776000]
