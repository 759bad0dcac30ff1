"""Numbers of papers and of other programs, from material that lies beside the checkout."""

from __future__ import annotations

import csv
import gzip
import json
import math

import numpy as np
import pytest
import soundfile

from unmixcli.evaluation.aggregate import Aggregation, aggregate, mean_of_medians
from unmixcli.evaluation.museval_json import load_museval
from unmixcli.evaluation.options import Options, Style
from unmixcli.evaluation.scores import FrameScores, TrackScores
from unmixcli.evaluation.track import evaluate_track

MUSDB = ("vocals", "drums", "bass", "other")


def sisec(shared, method):
    """Return what a method of SiSEC 2018 scored, by track."""
    path = shared / "eval" / f"sisec18_{method}_frames.csv.gz"
    tracks: dict[str, dict[str, list]] = {}
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            windows = tracks.setdefault(row["track"], {}).setdefault(row["target"], [])
            windows.append([float(row[metric] or "nan") for metric in ("SDR", "SIR", "SAR", "ISR")])
    return [stored(name, stems) for name, stems in tracks.items()]


def stored(name, stems):
    unknown = dict.fromkeys(stems, math.nan)
    sources = {}
    for stem, windows in stems.items():
        sdr, sir, sar, isr = np.array(windows).T
        sources[stem] = FrameScores(sdr=sdr, sir=sir, sar=sar, isr=isr, window=1.0, hop=1.0)
    return TrackScores(
        name=name,
        sources=sources,
        sdr=unknown,
        si_sdr=unknown,
        energy_at_silence=unknown,
        options=Options(full=True),
    )


@pytest.mark.parametrize(
    ("method", "sdr", "mean"),
    [("STL2", (3.25, 4.22, 3.21, 2.25), 3.23), ("IRM2", (9.43, 8.45, 7.12, 7.85), 8.22)],
)
def test_the_median_of_medians_is_that_of_sisec_and_demucs(shared, method, sdr, mean):
    """Défossez, Usunier, Bottou & Bach 2019, table 1: Wave-U-Net and the IRM oracle."""
    table = aggregate(sisec(shared, method), Aggregation.MEDIAN_OF_MEDIANS)

    assert tuple(round(table[stem]["SDR"].median, 2) for stem in MUSDB) == sdr
    stems = {stem: table[stem] for stem in MUSDB}
    assert mean_of_medians(stems, "SDR") == pytest.approx(mean, abs=0.01)


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("vocals", (2.993, 2.755, -2.100, 15.409)),
        ("other", (2.037, 1.644, 1.684, 6.146)),
        ("bass", (2.912, 2.468, -0.304, 13.495)),
        ("drums", (4.155, 1.988, 2.878, 7.682)),
    ],
)
def test_pooled_windows_are_those_of_wave_u_net(shared, stem, expected):
    """Stoller, Ewert & Dixon 2018, table 3."""
    found = aggregate(sisec(shared, "STL2"), Aggregation.POOLED)[stem]["SDR"]

    assert (found.median, found.mad, found.mean, found.sd) == pytest.approx(expected, abs=5.1e-4)


def test_windows_of_sisec_are_void_for_all_stems_at_once(shared):
    table = aggregate(sisec(shared, "STL2"), Aggregation.POOLED)

    counts = {(table[stem]["SDR"].count, table[stem]["SDR"].void) for stem in MUSDB}
    assert counts == {(12439 - 3912, 3912)}


def test_the_medians_of_a_whole_campaign_are_those_of_its_tracks(shared):
    """Every metric of every target, against medians that others took."""
    tables = {
        method: aggregate(sisec(shared, method), Aggregation.MEDIAN_OF_MEDIANS)
        for method in ("STL2", "IRM2")
    }
    with (shared / "eval" / "sisec18_method_medians.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["method"] in tables]

    assert rows
    for row in rows:
        for metric in ("SDR", "SIR", "SAR", "ISR"):
            found = tables[row["method"]][row["target"]][metric].median
            assert found == pytest.approx(float(row[metric]), abs=5.1e-4)


MIR_EVAL = ("Source to Distortion", "Image to Spatial", "Source to Interference")
MIR_EVAL = (*MIR_EVAL, "Source to Artifact")
ORDER = ("SDR", "ISR", "SIR", "SAR")


def mono(folder):
    signals = [soundfile.read(path, always_2d=True) for path in sorted(folder.glob("*.wav"))]
    return [samples.mean(axis=1) for samples, _ in signals], signals[0][1]


def channels(signals, count, gain):
    """Return images as mir_eval's fixtures mean them: the first channel, and copies of it."""
    return [np.stack([signal] + [gain * signal] * (count - 1)) for signal in signals]


@pytest.mark.parametrize(
    ("number", "part"),
    [
        (number, part)
        for number in ("01", "02", "03", "05", "06", "07", "08", "09")
        for part in ("Sources", "Framewise")
    ]
    # Others have so many channels that they take a minute, and are no more singular.
    + [(number, "Images") for number in ("01", "03", "06", "09")]
    + [(number, "Images Framewise") for number in ("01", "03", "09")],
)
def test_version_3_is_that_of_mir_eval(shared, number, part):
    """Whose fixtures the MATLAB toolbox of BSSEval computed; its images are singular."""
    folder = shared / "eval" / "mir_eval" / "tests" / "data" / "separation"
    expected = json.loads((folder / f"output{number}.json").read_text())[part]
    (true, rate), (guess, _) = mono(folder / f"ref{number}"), mono(folder / f"est{number}")
    if "nchan" in expected:
        count = expected["nchan"]
        true, guess = channels(true, count, 1.0), channels(guess, count, expected["gain"])
    else:
        true, guess = channels(true, 1, 1.0), channels(guess, 1, 1.0)
    order = expected["Source permutation"]
    if not isinstance(order[0], list):  # of the whole; those of windows are never changed
        guess = [guess[index] for index in order]
    length = true[0].shape[-1]
    options = Options(
        window=expected.get("win", length) / rate,
        hop=expected.get("hop", length) / rate,
        full=True,
        museval_compat=True,
        style=Style.V3_IMAGES if "nchan" in expected else Style.V3,
    )
    names = [str(index) for index in range(len(true))]

    found = evaluate_track(
        dict(zip(names, true, strict=True)),
        dict(zip(names, guess, strict=True)),
        rate,
        options=options,
    )

    for metric, theirs in zip(ORDER, MIR_EVAL, strict=True):
        if theirs in expected:
            ours = np.array([frames.metrics()[metric] for frames in found.sources.values()])
            values = np.array(expected[theirs]).reshape(ours.shape)
            np.testing.assert_allclose(ours, values, rtol=0, atol=1e-3, err_msg=theirs)


def decoded(path, number):
    """Return a stream of an MP4 file as museval's authors decoded it: 16 bits, and all of it.

    What pads its last frame counts: to end a loud reference abruptly is a click, and what
    filters of noise make of it is 14 dB of SIR.
    """
    av = pytest.importorskip("av", reason="PyAV is not installed: nothing decodes .stem.mp4")
    with av.open(str(path)) as container:
        stream = container.streams.audio[number]
        samples = np.concatenate([frame.to_ndarray() for frame in container.decode(stream)], axis=1)
    return np.round(samples.astype(np.float64) * 32768) / 32768


def test_museval_s_own_regression_pair(shared):
    """Seven seconds of a lossy file, and two estimates that are noise of a known seed."""
    folder = shared / "eval" / "museval" / "tests" / "data"
    name = "Music Delta - 80s Rock"
    path = folder / "MUSDB18-7-SAMPLE" / "train" / f"{name}.stem.mp4"
    drums, bass, other, vocals = (decoded(path, number) for number in range(1, 5))
    rng = np.random.RandomState(0)  # of numpy's old kind, as the numbers of the file are
    noise = [rng.random_sample(vocals.shape[::-1]).T for _ in range(2)]
    expected = load_museval((folder / f"{name}.json").read_text(), name)

    found = evaluate_track(
        {"vocals": vocals, "accompaniment": drums + bass + other},
        dict(zip(("vocals", "accompaniment"), noise, strict=True)),
        44100,
        options=Options(full=True, museval_compat=True),
    )

    for stem, frames in expected.sources.items():
        for metric, values in frames.metrics().items():
            # Another decoder: SDR forgives it, and museval's own tolerance is 0.1 dB.
            tolerance = 1e-3 if metric == "SDR" else 0.1
            ours = found.sources[stem].metrics()[metric]
            np.testing.assert_allclose(ours, values, rtol=0, atol=tolerance, err_msg=metric)
