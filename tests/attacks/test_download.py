"""Row 43: where an address may lead. What else a network can do belongs to downloads."""

from __future__ import annotations

import io
from email.message import Message
from urllib.request import Request

import pytest

from unmixcli.weights import download

SAFE = "https://example.org/a.th"


def redirected(old: str, new: str) -> Request | None:
    """Ask where the download's own handler would go from one address to another."""
    handler = download._SecureRedirects()  # what a server would need a certificate to reach
    return handler.redirect_request(Request(old), io.BytesIO(), 302, "Found", Message(), new)


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/a.th",
        "http://127.0.0.1/a.th",
        "http://localhost:8080/admin",
        "http://[::1]/a.th",
        "http://169.254.169.254/latest/meta-data",
        "ftp://example.org/a.th",
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "data:,x",
        "//example.org/a.th",
        "/a.th",
        "",
    ],
)
def test_row_43_nothing_leads_from_https_to_anything_else(address):
    with pytest.raises(OSError, match="is not an https address"):
        redirected(SAFE, address)


def test_row_43_https_may_lead_to_https():
    request = redirected(SAFE, "https://cdn.example.org/b.th")

    assert request is not None
    assert request.full_url == "https://cdn.example.org/b.th"


def test_row_43_this_computer_may_lead_only_to_itself_or_to_https():
    assert redirected("http://127.0.0.1:8000/a", "http://127.0.0.1:8001/b")
    assert redirected("http://127.0.0.1:8000/a", SAFE)
    with pytest.raises(OSError, match="is not an https address"):
        redirected("http://127.0.0.1:8000/a", "http://example.org/a")


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/a",
        "http://localhost.example.org/a",
        "http://127.0.0.1@example.org/a",
        "x",
    ],
)
def test_row_54_nothing_but_https_is_opened(attack, address):
    with pytest.raises(OSError, match="is not an https address"):
        attack.survives(download.download, address, attack.folder / "part")

    assert not (attack.folder / "part").exists()
