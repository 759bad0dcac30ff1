"""The listening test is blind, and both pages work in a real browser."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from browser import Browser
from evaluation.fake_results import BAND, results
from html_page import Page
from unmixcli.evaluation.report import write_report


def listening(folder: Path) -> dict:
    text = (folder / "listen.html").read_text()
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text)
    assert found is not None
    return json.loads(found[1])


def test_a_test_hides_every_system_and_the_reference(tmp_path):
    write_report(
        tmp_path,
        results(tmp_path, systems=("demucs", "spleeter", "tasnet"), tracks="abcdef", audio=True),
    )

    data = listening(tmp_path)
    orders = [
        tuple(candidate["system"] for candidate in item["candidates"]) for item in data["items"]
    ]
    assert len(orders) == 6 * len(BAND)
    assert all(
        sorted(map(str, order)) == ["None", "demucs", "spleeter", "tasnet"] for order in orders
    )
    assert len(set(orders)) > 6
    assert all([c["label"] for c in item["candidates"]] == [*"ABCD"] for item in data["items"])
    text = Page(tmp_path / "listen.html").text
    assert not [name for name in ("demucs", "spleeter", "tasnet") if name in text]


def test_an_excerpt_is_where_the_reference_sounds(tmp_path):
    given = results(tmp_path, systems=("one",), tracks={"Song": ("vocals",)}, audio=True)
    sdr = np.full(40, np.nan)
    sdr[21:29] = 5.0
    (system,) = given.systems
    (track,) = system.tracks
    frames = replace(track.scores.sources["vocals"], sdr=sdr)
    track = replace(track, scores=replace(track.scores, sources={"vocals": frames}))

    write_report(tmp_path, replace(given, systems=(replace(system, tracks=(track,)),)))

    assert listening(tmp_path)["items"][0]["excerpt"] == [21.0, 29.0]


def test_there_is_no_test_without_stems(tmp_path):
    write_report(tmp_path, results(tmp_path))

    assert not (tmp_path / "listen.html").exists()
    assert "listening" not in Page(tmp_path / "report.html").text


def test_a_browser_has_nothing_to_complain_of(tmp_path):
    folder = tmp_path / "results"
    given = results(folder, systems=("demucs", "<script>alert(1)</script>"), audio=True, full=True)
    write_report(folder, given)
    (tmp_path / "browser").mkdir()

    with Browser(tmp_path / "browser") as browser:
        _read_report(browser, folder / "report.html")
        _take_test(browser, folder / "listen.html")
        (file,) = browser.downloads.glob("*.json")
        ratings = json.loads(file.read_text())

    order = {one["label"]: one for one in ratings["order"][0]["candidates"]}
    (rating,) = ratings["ratings"]
    assert rating == {
        "item": 1,
        "track": "Amber - Kite",
        "source": "drums",
        **order["B"],
        "quality": 4,
        "contamination": 2,
    }
    assert ratings["listener"] == "me"
    assert ratings["seed"] == listening(folder)["seed"]
    assert [one["candidates"] for one in ratings["order"]] == [
        [
            {"label": c["label"], "system": c["system"], "reference": c["system"] is None}
            for c in item["candidates"]
        ]
        for item in listening(folder)["items"]
    ]


def _read_report(browser: Browser, page: Path) -> None:
    browser.open(page)
    heads = "[...document.querySelectorAll('.tall table')][0].tHead.rows[0].cells"
    column = "[...document.querySelectorAll('.tall table')][0].tBodies[0].rows"
    cells = f"[...{column}].map((row) => row.cells[2].textContent)"
    for direction in (-1, 1):
        browser.run(f"{heads}[2].querySelector('button').click()")
        values = [direction * float(text) for text in browser.run(cells)]
        assert values == sorted(values)
    assert browser.run(f"{heads}[2].ariaSort") == "ascending"
    browser.run(
        "filter.value = 'zeno'; filter.dispatchEvent(new Event('input', { bubbles: true }))"
    )
    shown_rows = f"[...{column}].filter((row) => !row.hidden).length"
    assert browser.run(shown_rows) == len(BAND)
    sounding = "document.querySelectorAll('audio')[1]"
    browser.run(f"{sounding}.play()")
    browser.wait_for(f"{sounding}.currentTime > 0.1")
    browser.run("document.querySelectorAll('audio')[2].play()")
    browser.wait_for(f"{sounding}.paused")
    assert browser.complaints() == []
    assert all(address.startswith("file://") for address in browser.requests())


def _take_test(browser: Browser, page: Path) -> None:
    browser.open(page)
    press = "document.dispatchEvent(new KeyboardEvent('keydown', {{ key: '{}', bubbles: true }}))"
    browser.run("document.querySelector('.candidate button').click()")
    browser.wait_for("playing && players[0].currentTime > span()[0] + 0.3")
    before = browser.run("players[0].currentTime")
    browser.run("document.querySelectorAll('.candidate button')[1].click()")
    after, others = browser.run("[players[1].currentTime, players.map((p) => p.currentTime)]")
    assert -0.3 < after - before < 2
    assert max(others) - min(others) < 0.3
    assert browser.run("players.map((player) => player.muted)") == [True, False, True, True]
    browser.run("document.querySelector('[name=B-quality][value=\"4\"]').click()")
    browser.run("document.querySelector('[name=B-contamination][value=\"2\"]').click()")
    assert "demucs" not in browser.run("document.body.innerText")
    browser.run("document.getElementById('play').click()")
    assert browser.run("players.every((player) => player.paused)")
    browser.run("document.body." + press.format("m").removeprefix("document."))
    browser.wait_for("playing && heard === 3")
    browser.run("document.getElementById('next').click()")
    assert browser.run("[item, playing]") == [1, False]
    browser.run(
        "listener.value = 'me'; listener.dispatchEvent(new Event('input', { bubbles: true }))"
    )
    assert browser.complaints() == []

    browser.open(page)
    assert browser.run("document.querySelector('[name=B-quality]:checked').value") == "4"
    assert browser.run("listener.value") == "me"
    browser.run("document.getElementById('download').click()")
    end = "new Promise((resolve) => setTimeout(resolve, 100))"
    while not [*browser.downloads.glob("*.json")]:
        browser.run(end)
    assert browser.complaints() == []
