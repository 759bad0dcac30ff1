"""Plots are readable, whatever they show, and by every eye."""

from __future__ import annotations

import math
import re
from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import pytest

from evaluation.fake_results import results
from unmixcli.evaluation.report import figures, plots, write_report
from unmixcli.evaluation.report.palette import INK, PAPER, SYSTEMS
from unmixcli.evaluation.report.svg import render


@pytest.mark.parametrize(("systems", "stems"), [(1, 1), (1, 13), (8, 4), (8, 13)])
def test_pictures_grow_with_what_they_show(tmp_path, systems, stems):
    names = [f"system-{number}" for number in range(systems)]
    sources = [f"source {number}" for number in range(stems)]
    given = results(tmp_path, systems=names, tracks=dict.fromkeys("abc", sources))

    (plot,) = plots.distributions(given)

    windows = ElementTree.fromstring(plot.file)
    width, height = map(float, windows.attrib["viewBox"].split()[2:])
    columns = 1 if stems == 1 else 2 if stems <= 4 else 3
    panels = -(-stems // columns)
    assert width == 648
    assert 24 * systems * panels < height < 24 * systems * panels + 50 * panels + 40
    texts = ["".join(one.itertext()) for one in windows.findall(".//{*}text")]
    assert {*names, *sources} <= set(texts)
    assert len(plot.file) < 400_000


def test_what_is_far_away_is_a_number_and_squeezes_nothing(tmp_path):
    systems = [one.name for one in results(tmp_path).systems]

    text = render(lambda: figures.bars(["a", "b"], [[3.0, 262.6], [-80.0, 7.0]], systems, "SAR"))

    texts = ["".join(one.itertext()) for one in ElementTree.fromstring(text).findall(".//{*}text")]
    assert {"262.60 →", "← -80.00"} <= set(texts)
    assert not {"50", "100", "200"} & set(texts)


def test_pictures_in_a_page_take_its_colours_and_font(tmp_path):
    write_report(tmp_path, results(tmp_path))
    text = (tmp_path / "report.html").read_text()

    pictures = re.findall(r"<svg .*?</svg>", text, re.DOTALL)
    assert pictures
    for picture in pictures:
        bare = re.sub(r"var\([^)]*\)", "", picture)
        assert not re.search(r"#[0-9a-f]{6}", bare)
        assert "DejaVu" not in picture


def test_colours_are_told_apart_by_every_eye():
    for background, mode in ((PAPER, "light"), (PAPER, "dark")):
        colours = [getattr(paint, mode) for paint in SYSTEMS]
        for vision in VISIONS.values():
            seen = [_lab(vision @ _linear(colour)) for colour in colours]
            assert min(math.dist(one, other) for one, other in combinations(seen, 2)) > 10
        for colour in colours:
            assert _contrast(colour, getattr(background, mode)) > 2.2
        assert _contrast(getattr(INK, mode), getattr(background, mode)) > 7


# What is left of linear light in the severest cases, by Machado, Oliveira & Fernandes 2009.
VISIONS = {
    "all": np.eye(3),
    "no red": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "no green": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "no blue": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def _linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _lab(light: np.ndarray) -> tuple[float, float, float]:
    matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    ratios = np.array(matrix) @ np.clip(light, 0, 1) / [0.9505, 1, 1.089]
    x, y, z = np.where(ratios > 0.008856, np.cbrt(ratios), 7.787 * ratios + 16 / 116)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _contrast(one: str, other: str) -> float:
    levels = sorted(float(_linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (levels[1] + 0.05) / (levels[0] + 0.05)


def test_sources_that_files_cannot_tell_apart_have_files_of_their_own(tmp_path):
    written = write_report(tmp_path, results(tmp_path, tracks={"a": ("A b", "a-B", "曲", "歌")}))

    assert len({path.name for path in written if "tracks" in path.name}) == 4
