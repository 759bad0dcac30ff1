"""The report shows the numbers of the summary, harms nobody, and is the same each time."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

from evaluation.fake_results import BAND, results
from html_page import Page
from unmixcli.errors import OutputError
from unmixcli.evaluation.aggregate import (
    Aggregation,
    aggregate,
    by_instrument,
    by_number_of_sources,
    describe,
)
from unmixcli.evaluation.report import write_report
from unmixcli.evaluation.report.wording import NOTHING, db, elided, shown, slug
from unmixcli.evaluation.results import Kind, SystemResults
from unmixcli.evaluation.summary import averaged

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><b>&amp;",
    "$\\frac{a}$",
    "{{ 7 * 7 }}",
    "]]> -->",
    "日本語の曲",
    "a\udcffb\x1b\n",
    "url(#a) #0072b2",
    "../../etc/passwd",
    "_hidden",
    "javascript:alert(1)",
)


def report(folder: Path, **about) -> Page:
    write_report(folder, results(folder, **about))
    return Page(folder / "report.html")


# --- What is written --------------------------------------------------------------------------


def test_files_are_where_they_are_said_to_be(tmp_path):
    given = results(tmp_path, full=True)

    written = write_report(tmp_path, given)

    names = {path.relative_to(tmp_path).as_posix() for path in written}
    plots = {"sdr", "sir", "sar", "isr", "void", *(f"tracks-{stem}" for stem in BAND)}
    assert names == {"report.html", *(f"plots/{plot}.svg" for plot in plots)}
    assert all(path.stat().st_size for path in written)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path not in written]


def test_equal_results_give_equal_bytes(tmp_path):
    texts = []
    for _ in range(2):
        given = results(tmp_path, tracks={"Song": ("drums", "vocals")}, audio=True)
        texts.append([path.read_bytes() for path in write_report(tmp_path, given)])

    assert texts[0] == texts[1]


def test_settings_of_the_users_matplotlib_stay_theirs(tmp_path, monkeypatch):
    given = results(tmp_path, tracks={"Song": ("vocals",)})
    plain = [path.read_bytes() for path in write_report(tmp_path, given)]
    for key, value in {"axes.facecolor": "black", "font.size": 30, "svg.fonttype": "path"}.items():
        monkeypatch.setitem(matplotlib.rcParams, key, value)
    before = dict(matplotlib.rcParams)

    assert [path.read_bytes() for path in write_report(tmp_path, given)] == plain
    assert dict(matplotlib.rcParams) == before


def test_a_large_report_is_small_enough_to_send(tmp_path):
    tracks = [f"Some Artist {number} - A Song of Usual Length" for number in range(50)]

    report(tmp_path, systems=("one", "two", "three", "four"), tracks=tracks, full=True)

    assert (tmp_path / "report.html").stat().st_size < 2_000_000


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "plots").write_text("a file")

    with pytest.raises(OutputError, match="plots"):
        write_report(tmp_path, results(tmp_path))


# --- The numbers ------------------------------------------------------------------------------


def test_medians_are_those_of_the_summary(tmp_path):
    given = results(tmp_path, full=True)
    write_report(tmp_path, given)
    page = Page(tmp_path / "report.html")

    for metric in ("SDR", "SIR", "SAR", "ISR"):
        caption = f"{metric}, median over tracks of each track's median, in dB"
        for system in given.systems:
            table = aggregate(system.scores, Aggregation.MEDIAN_OF_MEDIANS)
            medians = [db(table[stem][metric].median) for stem in BAND]
            assert page.row(caption, system.name) == [*medians, db(averaged(table, metric))]


def test_pooled_statistics_are_those_of_the_summary(tmp_path):
    given = results(tmp_path)
    write_report(tmp_path, given)
    page = Page(tmp_path / "report.html")

    for system in given.systems:
        for stem, row in aggregate(system.scores, Aggregation.POOLED).items():
            found = row["SDR"]
            shown_row = page.row("SDR of all windows of all tracks, in dB", stem, system.name)
            numbers = (found.median, found.mad, found.mean, found.sd)
            counts = (found.count, found.infinite, found.void)
            assert shown_row == [*map(db, numbers), *map(str, counts)]


def test_every_track_has_its_numbers(tmp_path):
    failure = ("wave-u-net", "Zeno - Signs", "cannot read it")
    given = results(tmp_path, failures=[failure])
    write_report(tmp_path, given)
    page = Page(tmp_path / "report.html")
    first, second = given.systems

    scores = first.tracks[1].scores
    assert page.row("Median SDR of a track's windows, in dB", "Zeno - Signs", "bass") == [
        db(describe(scores.sources["bass"].sdr).median),
        NOTHING,
    ]
    assert page.row(
        "Energy at silence of the whole track, in dB of full scale", *("Amber - Kite", "bass")
    ) == [db(system.tracks[0].scores.energy_at_silence["bass"]) for system in (first, second)]
    void = [frames.void for frames in (one.sources["bass"] for one in first.scores)]
    assert page.row("Void windows, of how many", "bass")[0] == f"{sum(void)} of 80"
    assert "cannot read it" in page.text
    assert "1 of 2 tracks scored" in page.text


def test_chamber_music_has_the_tables_of_its_paper(tmp_path):
    tracks = {"Duo": ("fl", "vn"), "Trio": ("cl", "fl", "vc")}
    given = results(tmp_path, tracks=tracks, full=True, layout="URMP")
    write_report(tmp_path, given)
    page = Page(tmp_path / "report.html")

    for system in given.systems:
        counts = by_number_of_sources(system.scores)
        metrics = ("SDR", "SIR", "SAR")
        caption = "Mean of all windows and stems, by how many stems a track has, in dB"
        assert page.row(caption, system.name) == [
            db(counts[count][metric].mean) for metric in metrics for count in (2, 3)
        ]
    caption = "SIR, mean of all windows of an instrument, in dB"
    means = [db(by_instrument(system.scores)["fl"]["SIR"].mean) for system in given.systems]
    assert page.row(caption, "fl") == means


def test_the_best_is_marked_and_oracles_do_not_compete(tmp_path):
    systems = {"one": Kind.MODEL, "two": Kind.ESTIMATES, "irm1": Kind.ORACLE}
    given = results(tmp_path, systems=systems, tracks={"Song": ("vocals",)})
    given = replace(given, systems=tuple(_level(one, k) for k, one in enumerate(given.systems)))

    write_report(tmp_path, given)

    rows = re.findall(r"<tr>.*?</tr>", (tmp_path / "report.html").read_text())
    marked = [row for row in rows if "<b>" in row]
    assert marked
    assert all("two" in row for row in marked)


def test_void_and_infinite_windows_are_shown_as_such(tmp_path):
    given = results(tmp_path, systems=("void", "perfect"), tracks={"Song": ("vocals",)})
    levels = (math.nan, math.inf)
    given = replace(
        given,
        systems=tuple(_level(one, k) for one, k in zip(given.systems, levels, strict=True)),
    )

    write_report(tmp_path, given)

    page = Page(tmp_path / "report.html")
    assert page.row("SDR, median over tracks of each track's median, in dB", "void") == [
        NOTHING,
        NOTHING,
    ]
    assert page.row("SDR, median over tracks of each track's median, in dB", "perfect")[0] == "∞"
    assert "all void" in page.text


def test_what_decides_the_numbers_is_said(tmp_path):
    text = " ".join(report(tmp_path, notes=("3 folders hold no stems",)).text.split())

    about = results(tmp_path).systems[0].about
    for said in ("/data/musdb18hq", "MUSDB18-HQ", "1 s, every 1 s", "3 folders hold no stems"):
        assert said in text
    for said in (about["sha256"][0], "licence: spdx MIT", "seed 0", "schedule: overlap 0.25"):
        assert said in text
    assert "schedule: shifts" not in text  # it is not set


def test_nothing_scored_is_a_report_of_failures(tmp_path):
    failures = [("demucs", "Song", "it is empty")]

    page = report(tmp_path, systems=("demucs",), tracks=("Song",), failures=failures)

    assert "Nothing was scored" in page.text
    assert "it is empty" in page.text


def _level(system: SystemResults, value: float) -> SystemResults:
    """Return a system whose windows all score the same."""
    tracks = []
    for track in system.tracks:
        flat = {
            stem: replace(frames, sdr=np.full_like(frames.sdr, value))
            for stem, frames in track.scores.sources.items()
        }
        tracks.append(replace(track, scores=replace(track.scores, sources=flat)))
    return replace(system, tracks=tuple(tracks))


# --- The pages --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["report.html", "listen.html"])
def test_a_page_asks_nothing_of_a_network(tmp_path, name):
    write_report(tmp_path, results(tmp_path, audio=True))
    page = Page(tmp_path / name)

    for tag, attributes in page.tags:
        for key in ("src", "href", "xlink:href", "action", "srcset", "poster"):
            assert not re.match(r"\s*([a-z]+:|//)", attributes.get(key) or "", re.I), (tag, key)
        assert tag not in ("link", "iframe", "object", "embed", "base")
    text = (tmp_path / name).read_text()
    assert not re.search(r"@import|url\((?!#)|fetch\(|XMLHttpRequest|WebSocket|import\(", text)
    policy = next(one["content"] for one in page.named("meta") if "http-equiv" in one)
    assert policy.startswith("default-src 'none'")


def test_names_are_text_whatever_they_say(tmp_path):
    given = results(
        tmp_path,
        systems=HOSTILE,
        tracks=dict.fromkeys(HOSTILE, HOSTILE[:2]),
        warnings={name: [name] for name in HOSTILE},
        failures=[(HOSTILE[0], HOSTILE[1], HOSTILE[2])],
        notes=HOSTILE,
        layout=HOSTILE[0],
        dataset=Path("/data") / HOSTILE[1],
    )

    written = write_report(tmp_path, given)

    page = Page(tmp_path / "report.html")
    assert [*page.named("script")] == [{}]
    assert not [*page.named("img", "b\udcff")]
    assert not [key for _, attributes in page.tags for key in attributes if key.startswith("on")]
    for name in HOSTILE:
        assert shown(name) in page.text
    inside = (tmp_path / "plots").resolve()
    for path in written:
        if path.suffix == ".svg":
            assert path.resolve().parent == inside
            ElementTree.fromstring(path.read_bytes())


def test_addresses_of_audio_lead_to_the_files(tmp_path):
    names = [name for name in HOSTILE if "/" not in name and "\udcff" not in name]
    given = results(
        tmp_path, systems=names[:2], tracks=dict.fromkeys(names, ("a#b?c",)), audio=True
    )

    write_report(tmp_path, given)

    assert len([*Page(tmp_path / "listen.html").named("script")]) == 2
    players = [*Page(tmp_path / "report.html").named("audio")]
    assert len(players) == len(names) * 4
    assert all(player["preload"] == "none" and player["aria-label"] for player in players)
    assert all((tmp_path / unquote(player["src"] or "")).is_file() for player in players)


def test_a_page_can_be_used_without_eyes(tmp_path):
    page = report(tmp_path, audio=True, warnings={"Amber - Kite": ["bass: no estimate"]})

    ids = [one["id"] for _, one in page.tags if "id" in one]
    assert len(ids) == len(set(ids))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    pictures = [*page.named("svg")]
    assert pictures
    assert all(one["role"] == "img" and len(one["aria-label"] or "") > 40 for one in pictures)
    assert all("scope" in one for one in page.named("th"))
    targets = {one["href"] for one in page.named("a") if (one["href"] or "").startswith("#")}
    assert {target[1:] for target in targets} <= set(ids)
    files = [one["href"] for one in page.named("a") if not (one["href"] or "").startswith("#")]
    assert all((tmp_path / (file or "")).is_file() for file in files)


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.14159, "3.14"), (-0.001, "0.00"), (-2.5, "-2.50"), (math.nan, NOTHING), (-math.inf, "-∞")],
)
def test_decibels_read_as_numbers(value, text):
    assert db(value) == text


def test_names_are_cut_in_the_middle_and_made_into_file_names():
    assert elided("short") == "short"
    assert len(elided("A very long name of a track by somebody - and its title")) <= 34
    assert slug("Vocals / Lead #2 é") == "vocals-lead-2-e"
    assert slug("日本") == ""
