"""``unmixcli models``: what is listed, told, fetched, checked, removed and imported."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from places import ROOT
from unmixcli.cli import model_card, model_table
from unmixcli.weights import cache, catalogue, manifest, store
from unmixcli.weights.licence import Licence

REAL = json.loads((ROOT / manifest.FILE_NAME).read_text(encoding="utf-8"))["models"]
MINI = next(entry for entry in REAL if entry["name"] == "mini")

CONTENT = {
    "tiny": {"tiny.th": b"weights of tiny"},
    "pair": {"one.th": b"first of a pair", "two.th": b"second of a pair"},
    "loose": {"loose.th": b"weights that nobody vouches for"},
}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def file_of(model: str, name: str, **changes) -> dict:
    content = CONTENT[model][name]
    return {
        "kind": "url",
        "path": f"https://example.org/{model}/{name}",
        "format": "torch-state",
        "size": len(content),
        "sha256": digest(content),
        **changes,
    }


def member(*files: dict, shares=None, constructor=None) -> dict:
    return {"constructor": constructor, "shares": shares, "files": list(files)}


def model(name: str, *members: dict, **changes) -> dict:
    return {
        "name": name,
        "aliases": [],
        "summary": f"{name}, for tests",
        "architecture": "demucs",
        "sources": ["drums", "bass", "other", "vocals"],
        "sample_rate": 44_100,
        "channels": 2,
        "inference": {"segment": 441_000, "overlap": 0.25},
        "members": list(members),
        "parameters": None,
        "licence": {"spdx": "MIT"},
        "training": {"data": "songs", "musdb18_test": False},
        "paper": None,
        "scores": [],
        **changes,
    }


MODELS = [
    MINI,
    model(
        "tiny",
        member(
            file_of("tiny", "tiny.th"),
            constructor={
                "system": "demucs_v2",
                "class": "demucs.model.Demucs",
                "options": {"channels": 64},
            },
        ),
        aliases=["Tiny.th", "small"],
        sources=["vocals", "accompaniment"],
        licence={"spdx": "CC0-1.0", "note": '"Take it." (the author)', "source": "https://a.org/b"},
        scores=[
            {"protocol": "SDR of a kind", "source": "a paper", "values": {"vocals": 6.5}},
            {"protocol": "SDR of another kind", "source": "a page", "values": {"vocals": 7.25}},
        ],
        paper="Someone 2020, Something",
    ),
    model(
        "pair",
        member(file_of("pair", "one.th", size=None), shares=[1, 0, 0, 0]),
        member(
            file_of(
                "pair",
                "two.th",
                alternatives=[
                    {
                        "kind": "hub",
                        "path": "two.safetensors",
                        "repo": "a/b",
                        "revision": "c0ffee0c0ffee",
                    }
                    | {"format": "demucs-safetensors", "sha256": digest(b"in another form")}
                ],
            )
        ),
        member(file_of("pair", "one.th", size=None)),
        architecture="unheard_of",
        parameters=10,
        licence={"spdx": "CC-BY-NC-SA-4.0", "summary": "no commercial use"},
        training={"data": "everything", "musdb18_test": True},
        scores=[{"protocol": "SDR", "source": None, "values": {"vocals": 9.0, "all": 8.0}}],
    ),
    model(
        "loose",
        member(file_of("loose", "loose.th", kind="manual", size=None, sha256=None)),
        licence={"spdx": "not-stated"},
        inference=None,
        training={"data": None, "musdb18_test": None},
    ),
]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A cache, empty; a mirror with every file; and a manifest of four models."""
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({"schema": 1, "models": MODELS}))
    for name, files in CONTENT.items():
        folder = tmp_path / "mirror" / name
        folder.mkdir(parents=True)
        for file, content in files.items():
            (folder / file).write_bytes(content)
    monkeypatch.setenv("UNMIXCLI_MANIFEST", str(path))
    monkeypatch.setenv("UNMIXCLI_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("UNMIXCLI_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("UNMIXCLI_LICENCE_POLICY", raising=False)
    return tmp_path / "home"


@pytest.fixture
def models(run, home):
    """Run ``unmixcli models`` with arguments."""
    return lambda *arguments: run("models", *arguments)


def put(home, name: str, *files: str) -> None:
    """Lay files into the cache as a download does."""
    folder = home / "weights" / name
    folder.mkdir(parents=True, exist_ok=True)
    for file in files or CONTENT[name]:
        (folder / file).write_bytes(CONTENT[name][file])


def listed(finished) -> list[str]:
    assert finished.code == 0
    return [line.split("\t")[0] for line in finished.stdout.splitlines()]


def everything(folder) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())


# list


def test_a_list_on_a_pipe_is_a_line_of_fields_for_each_model(models, home):
    put(home, "pair")

    finished = models("list")

    assert finished.stdout.splitlines() == [
        "loose\tdrums,bass,other,vocals\t44100\t-\tnot-stated\t-\t-\t-\trunnable\t-",
        f"mini\tdrums,bass,other,vocals\t44100\t{MINI['members'][0]['files'][0]['size']}"
        "\tMIT\tpermissive\t-\t-\trunnable\tdownloaded",
        "tiny\tvocals,accompaniment\t44100\t15\tCC0-1.0\tpermissive\tvocals=6.5\tSDR of a kind"
        "\trunnable\t-",
        "pair\tdrums,bass,other,vocals\t44100\t~120\tCC-BY-NC-SA-4.0\t-\tall=8.0\tSDR\t-"
        "\tdownloaded",
    ]
    assert finished.stderr == "note: 4 models, 3 runnable, 2 downloaded\n"


def test_the_same_list_as_json(models):
    document = json.loads(models("list", "--json").stdout)

    assert document["schema"] == 1
    loose, mini, tiny, pair = document["models"]
    assert (loose["size"], loose["size_estimated"], loose["score"]) == (None, False, None)
    assert mini["downloaded"] is True
    assert tiny == {
        "name": "tiny",
        "sources": ["vocals", "accompaniment"],
        "sample_rate": 44_100,
        "size": 15,
        "size_estimated": False,
        "licence": {"spdx": "CC0-1.0", "permissive": True},
        "score": {
            "of": "vocals",
            "value": 6.5,
            "protocol": "SDR of a kind",
            "source": "a paper",
        },
        "runnable": True,
        "downloaded": False,
    }
    assert (pair["size"], pair["size_estimated"], pair["runnable"]) == (120, True, False)
    assert pair["score"]["of"] == "all"


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--sources", "vocals"], ["loose", "mini", "tiny", "pair"]),
        (["--sources", "Vocals, drums"], ["loose", "mini", "pair"]),
        (["--sources", "accompaniment,drums"], []),
        (["--licence", "permissive"], ["mini", "tiny"]),
        (["--licence", "cc0-1.0"], ["tiny"]),
        (["--licence", "not-stated"], ["loose"]),
        (["--architecture", "demucs"], ["loose", "tiny"]),
        (["--architecture", "unheard_of"], ["pair"]),
        (["--architecture", "conv_tasnet"], []),
        (["--downloaded"], ["mini", "tiny"]),
        (["--runnable"], ["loose", "mini", "tiny"]),
        (["--runnable", "--downloaded", "--sources", "accompaniment"], ["tiny"]),
    ],
    ids=str,
)
def test_filters_keep_what_they_say(models, home, arguments, names):
    put(home, "tiny")
    put(home, "pair", "one.th")  # half a model is none

    assert listed(models("list", *arguments)) == names


def test_nothing_to_list_is_nothing_on_stdout(models):
    finished = models("list", "--sources", "accompaniment,drums")

    assert finished.stdout == ""
    assert finished.stderr == "note: 0 models, 0 runnable, 0 downloaded\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--architecture", "demcus"], "did you mean 'demucs'?"),
        (["--architecture", "zzz"], "known are: band_split_rnn, "),
        (["--licence", "MTI"], "did you mean 'MIT'?"),
        (["--licence", "proprietary"], "CC-BY-NC-SA-4.0, CC0-1.0, MIT, not-stated, permissive"),
        (["--sources", "vocal"], "did you mean 'vocals'?"),
        (["--sources", ""], "known are: accompaniment, bass, drums, other, vocals"),
    ],
    ids=str,
)
def test_a_filter_that_nothing_can_meet_is_a_usage_error(models, arguments, said):
    finished = models("list", *arguments)

    assert finished.code == 2
    assert finished.stdout == ""
    assert said in finished.stderr.splitlines()[1]


def test_what_has_fewer_bits_has_no_size_that_follows_from_its_weights():
    changes = {"size": None, "format": "demucs-v2-diffq"}
    small = model("small", member(file_of("tiny", "tiny.th", **changes)), parameters=10)
    packed = model("packed", member(file_of("tiny", "tiny.th", size=None)), parameters=10)
    packed["members"][0]["files"][0]["path"] += ".gz"

    for values in (small, packed):
        entry = manifest.ManifestEntry.from_json(values)
        assert model_table.size_of(entry) == (None, False)


def test_no_field_breaks_a_line():
    # A manifest may not hold such a licence; the table does not rely on that.
    entry = manifest.ManifestEntry.from_json(MODELS[1])
    row = model_table.Row.of(replace(entry, licence=Licence(spdx="a\tb\nc\x1b[31m")))

    class Told(model_table.Printer):
        def lines(self, lines):
            [line] = lines
            assert len(line.split("\t")) == 10
            assert "\n" not in line
            assert "\x1b" not in line

    model_table.show(Told(), [row])


def shown_on_a_terminal(columns: int, *arguments: str) -> str:
    """Run with stdout on a pseudo-terminal, and return what went there."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": str(columns)}
    process = subprocess.Popen(
        [sys.executable, "-m", "unmixcli", "models", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    os.close(theirs)
    shown = bytearray()
    while True:
        try:
            piece = os.read(ours, 65_536)
        except OSError:  # Linux says so when the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.wait(60) == 0
    return shown.decode()


@pytest.mark.parametrize(("columns", "scores"), [(80, False), (120, True)])
def test_a_list_on_a_terminal_is_a_table_that_fits(home, columns, scores):
    plain = shown_on_a_terminal(columns, "list").replace("\r", "")
    for code in ("\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[1;2m"):
        plain = plain.replace(code, "")
    lines = plain.splitlines()

    assert lines[0].split()[:5] == ["name", "sources", "size", "licence", "runs"]
    assert any(line.split()[:3] == ["mini", "4", "stems"] for line in lines)
    assert "4 stems: drums, bass, other, vocals" in lines
    assert "\t" not in plain
    assert all(len(line.rstrip()) <= columns for line in lines)
    assert ("[2] mean of the sources: SDR" in lines) == scores
    assert ("[1] vocals: SDR of a kind" in lines) == scores


def test_a_table_is_not_needed_for_no_models(home):
    assert shown_on_a_terminal(80, "list", "--sources", "accompaniment,drums") == ""


def test_a_list_takes_less_than_a_second_of_cpu():
    """The least of several runs: a busy machine makes some of them slower."""
    command = [sys.executable, "-m", "unmixcli", "models", "list"]
    used = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)

    assert min(used) < 1


@pytest.mark.parametrize("arguments", [["list"], ["show", "mini"], ["path"], ["verify"]], ids=str)
def test_looking_needs_no_torch(home, arguments):
    code = (
        "import sys; from unmixcli.cli.app import app; "
        f"app(['models', *{arguments}], standalone_mode=False); assert 'torch' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


# show


def test_show_tells_everything(models, home):
    put(home, "tiny")

    lines = models("show", "TINY").stdout.splitlines()

    assert lines[0] == "tiny: tiny, for tests"
    told = {line[2:13].strip(): line[14:] for line in lines[1:] if line[2:13].strip()}
    assert told["aliases"] == "Tiny.th, small"
    assert told["separates"] == "vocals, accompaniment"
    assert told["audio"] == "44,100 Hz, stereo"
    assert told["runs"] == told["here"] == "yes"
    assert told["size"] == "15 bytes"
    assert told["built by"] == "demucs.model.Demucs(channels=64) of demucs_v2"
    assert told["cut"] == "segments of 10 s, 25% shared, tail pad, context neighbours"
    assert told["licence"] == "CC0-1.0, permissive"
    assert told["scores"] == "vocals 6.5"
    assert told["paper"] == "Someone 2020, Something"
    assert told["file"] == "tiny.th, torch-state, 15 bytes"
    rest = [line.strip() for line in lines]
    for text in (
        '"Take it." (the author)',
        "https://a.org/b",
        "without MUSDB18's test set",
        "SDR of another kind",
        f"sha256 {digest(CONTENT['tiny']['tiny.th'])}",
        "https://example.org/tiny/tiny.th",
        f"here: {home / 'weights' / 'tiny' / 'tiny.th'}",
    ):
        assert text in rest


def test_show_warns_of_what_hinders(models, home):
    put(home, "pair", "one.th")

    shown = models("show", "pair").stdout

    assert "runs        no: its network, unheard_of, is not in this version" in shown
    assert "here        1 of 2 files" in shown
    assert "size        about 120 bytes" in shown
    assert "WARNING     MUSDB18's test set was in its training" in shown
    assert "CC-BY-NC-SA-4.0 (no commercial use), not permissive" in shown
    assert "weighs drums 1, bass 0, other 0, vocals 0 in the mean" in shown
    assert "or          two.safetensors, demucs-safetensors" in shown
    assert "https://huggingface.co/a/b/resolve/c0ffee0c0ffee/two.safetensors" in shown


def test_show_says_what_is_not_published(models):
    shown = models("show", "loose").stdout

    assert "size        not published" in shown
    assert "cut         as its files say, or not published" in shown
    assert "to be got by hand and imported: no hash of it is published" in shown
    assert "whether with MUSDB18's test set is not published" in shown


def test_show_as_json(models, home):
    put(home, "pair", "one.th")

    document = json.loads(models("show", "pair", "--json").stdout)

    assert document["schema"] == 1
    shown = document["model"]
    assert shown["obstacle"] == "its network, unheard_of, is not in this version"
    assert shown["licence"] == {
        "spdx": "CC-BY-NC-SA-4.0",
        "permissive": False,
        "summary": "no commercial use",
        "note": None,
        "source": None,
    }
    assert shown["training"] == {"data": "everything", "musdb18_test": True}
    assert shown["schedule"]["segment"] == 441_000
    first, second, _ = shown["members"]
    assert first["shares"] == [1, 0, 0, 0]
    assert first["files"] == [
        {
            "name": "one.th",
            "kind": "url",
            "format": "torch-state",
            "part": None,
            "size": None,
            "hashes": {"sha256": digest(b"first of a pair")},
            "address": "https://example.org/pair/one.th",
            "path": str(home / "weights" / "pair" / "one.th"),
            "downloaded": True,
            "alternatives": [],
        }
    ]
    [two] = second["files"]
    assert two["downloaded"] is False
    assert two["alternatives"][0]["kind"] == "hub"


@pytest.mark.parametrize("name", [entry["name"] for entry in REAL])
def test_every_model_of_the_manifest_can_be_shown(name):
    entry = catalogue.get(name)
    lines, document = model_card.lines(entry), model_card.document(entry)

    assert all("\n" not in line and not line.endswith(" ") for line in lines)
    assert document["conditioned"] == any(line.startswith("  is told ") for line in lines)
    assert ("WARNING" in "\n".join(lines)) == (entry.training["musdb18_test"] is True)
    assert json.loads(json.dumps(document)) == document
    assert len(document["members"]) == len(entry.members)


@pytest.mark.parametrize("command", ["show", "path", "download", "verify", "remove"])
def test_a_name_that_no_model_has(models, command):
    finished = models(command, "paris")

    assert finished.code == 5
    assert finished.stdout == ""
    assert finished.stderr.splitlines() == [
        "error: no model named 'paris' in the manifest",
        "hint: did you mean 'pair'?",
    ]


# download


def test_a_download_prints_where_its_files_are(models, home):
    finished = models("download", "small")

    path = home / "weights" / "tiny" / "tiny.th"
    assert finished.code == 0
    assert finished.stdout == f"{path}\n"
    assert finished.stderr == "note: model 'tiny', licence of the weights: CC0-1.0\n"
    assert path.read_bytes() == b"weights of tiny"


def test_all_files_of_a_bag_are_downloaded_once_each(models, home):
    finished = models("download", "pair")

    assert finished.code == 0
    folder = home / "weights" / "pair"
    assert finished.stdout.splitlines() == [str(folder / "one.th"), str(folder / "two.th")]
    assert everything(home) == ["weights/pair/one.th", "weights/pair/two.th"]
    assert "cannot run yet: its network, unheard_of, is not in this version" in finished.stderr


def test_quiet_prints_paths_only(models):
    assert models("download", "pair", "--quiet").stderr == ""


def test_what_is_here_is_not_fetched_again(models, home, tmp_path):
    put(home, "tiny")
    shutil.rmtree(tmp_path / "mirror")

    finished = models("download", "tiny", "mini")

    assert finished.code == 0
    assert len(finished.stdout.splitlines()) == 2


def test_a_download_does_not_vouch_for_a_damaged_file(models, home):
    put(home, "tiny")
    (home / "weights" / "tiny" / "tiny.th").write_bytes(b"weights of TINY")

    finished = models("download", "tiny")

    assert finished.code == 5
    assert finished.stdout == ""
    assert "is not what the manifest says" in finished.stderr


def test_another_copy_does_as_well(models, home):
    put(home, "pair", "one.th")
    (home / "weights" / "pair" / "two.safetensors").write_bytes(b"in another form")

    finished = models("download", "pair")

    assert finished.code == 0
    assert finished.stdout.splitlines()[1].endswith("two.safetensors")
    assert everything(home) == ["weights/pair/one.th", "weights/pair/two.safetensors"]


def test_one_failure_does_not_stop_the_others(models, home):
    finished = models("download", "nope", "loose", "tiny")

    assert finished.code == 9
    assert finished.stdout.splitlines() == [str(home / "weights" / "tiny" / "tiny.th")]
    errors = [line for line in finished.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 3
    assert errors[-1] == "error: 2 of 3 models failed"


def test_a_model_without_a_hash_is_not_downloaded(models, home):
    finished = models("download", "loose")

    assert finished.code == 5
    assert "no hash of 'loose.th' is published" in finished.stderr
    assert "unmixcli models import FILE" in finished.stderr
    assert everything(home) == []


def test_a_mirror_with_other_bytes_is_not_believed(models, home, tmp_path):
    (tmp_path / "mirror" / "tiny" / "tiny.th").write_bytes(b"weights of evil")

    finished = models("download", "tiny")

    assert finished.code == 5
    assert everything(home) == []


def test_offline_says_what_to_do(models, home, monkeypatch):
    monkeypatch.setenv("UNMIXCLI_OFFLINE", "0")
    monkeypatch.setenv("UNMIXCLI_MIRROR", "https://127.0.0.1:1")

    finished = models("download", "tiny", "--offline")

    assert finished.code == 5
    assert "UNMIXCLI_OFFLINE is set" in finished.stderr
    assert "https://example.org/tiny/tiny.th" in finished.stderr


def test_a_licence_that_is_not_accepted(models, home):
    finished = models("download", "pair", "tiny", "--licence-policy", "permissive")

    assert finished.code == 9
    assert "the licence of 'pair' is CC-BY-NC-SA-4.0 (no commercial use)" in finished.stderr
    assert everything(home) == ["weights/tiny/tiny.th"]


@pytest.mark.parametrize(
    ("policy", "option", "code"),
    [("permissive", [], 5), ("permissive", ["--licence-policy", "any"], 0), ("any", [], 0)],
    ids=str,
)
def test_the_environment_has_a_policy_too(models, monkeypatch, policy, option, code):
    monkeypatch.setenv("UNMIXCLI_LICENCE_POLICY", policy)

    assert models("download", "pair", *option).code == code


def test_a_policy_that_is_none(models, monkeypatch):
    assert models("download", "tiny", "--licence-policy", "free").code == 2
    monkeypatch.setenv("UNMIXCLI_LICENCE_POLICY", "free")

    finished = models("download", "tiny")

    assert finished.code == 2
    assert "choose one of: any, permissive" in finished.stderr


class Half(BaseHTTPRequestHandler):
    """Sends half of what it promises, and then nothing more."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(CONTENT["tiny"]["tiny.th"][:7])
        self.wfile.flush()
        self.server.enough.wait(30)

    def log_message(self, *_):
        pass


@pytest.fixture
def slow_mirror(home, monkeypatch):
    """A mirror on this computer that never comes to an end."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Half) as server:
        server.enough = threading.Event()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("UNMIXCLI_MIRROR", f"http://127.0.0.1:{server.server_port}")
        yield
        server.enough.set()
        server.shutdown()
        thread.join()


def test_an_interrupted_download_leaves_nothing(slow_mirror, home, start):
    process = start("models", "download", "tiny")
    deadline = time.monotonic() + 30
    while not list(home.rglob("*.part")):
        assert time.monotonic() < deadline, "nothing ever came"
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)

    assert process.wait(30) == 130
    assert everything(home) == []


# verify


def test_verify_reads_all_that_is_here(models, home):
    put(home, "tiny")
    put(home, "pair")
    [file] = manifest.models()["mini"].files

    finished = models("verify")

    assert finished.code == 0
    assert finished.stdout.splitlines() == [
        f"ok\t{store.place(manifest.models()['mini'], file)}",
        f"ok\t{home / 'weights' / 'tiny' / 'tiny.th'}",
        f"ok\t{home / 'weights' / 'pair' / 'one.th'}",
        f"ok\t{home / 'weights' / 'pair' / 'two.th'}",
    ]


@pytest.mark.parametrize("content", [b"weights of TINY", b"short", b"<html>404</html>"])
def test_verify_says_what_is_damaged(models, home, content):
    put(home, "tiny")
    put(home, "pair")
    path = home / "weights" / "tiny" / "tiny.th"
    path.write_bytes(content)

    finished = models("verify", "tiny", "pair")

    assert finished.code == 5
    assert f"damaged\t{path}" in finished.stdout.splitlines()
    assert finished.stdout.count("ok\t") == 2
    if b"html" not in content:
        assert digest(content) in finished.stderr
        assert digest(b"weights of tiny") in finished.stderr


def test_verify_misses_what_is_not_here(models, home):
    finished = models("verify", "tiny")

    assert finished.code == 5
    assert finished.stdout == f"absent\t{home / 'weights' / 'tiny' / 'tiny.th'}\n"
    assert finished.stderr.splitlines() == [
        "error: 'tiny' is not downloaded: 1 of its 1 files are missing",
        "hint: type 'unmixcli models download tiny'",
    ]


def test_half_a_model_is_missed_without_being_named(models, home):
    put(home, "pair", "two.th")

    finished = models("verify")

    assert finished.code == 5
    assert f"absent\t{home / 'weights' / 'pair' / 'one.th'}" in finished.stdout
    assert "'pair' is not downloaded whole: 1 of its 2 files are missing" in finished.stderr


def test_a_link_that_leads_out_of_the_cache_is_not_right(models, home, tmp_path):
    folder = home / "weights" / "tiny"
    folder.mkdir(parents=True)
    (folder / "tiny.th").symlink_to(tmp_path / "mirror" / "tiny" / "tiny.th")

    finished = models("verify", "tiny")

    assert finished.code == 5
    assert "damaged\t" in finished.stdout
    assert "link to a file outside the cache" in finished.stderr


# remove


def test_remove_frees_what_a_model_takes(models, home):
    put(home, "tiny")
    put(home, "pair")
    (home / "weights" / "tiny" / ".tiny.th.0123.part").write_bytes(b"left by a kill")

    finished = models("remove", "small")

    assert finished.code == 0
    assert finished.stdout == "removed 'small': 29 bytes are free again\n"
    assert everything(home) == ["weights/pair/one.th", "weights/pair/two.th"]
    again = models("remove", "tiny")
    assert again.code == 5
    assert "'tiny' is not downloaded, so that there is nothing to remove" in again.stderr


def test_the_embedded_model_stays(models):
    finished = models("remove", "mini")

    assert finished.code == 5
    assert "'mini' is part of the package and is not removed" in finished.stderr
    assert listed(models("list", "--downloaded")) == ["mini"]


def test_some_can_be_removed_and_others_not(models, home):
    put(home, "tiny")

    finished = models("remove", "pair", "tiny")

    assert finished.code == 9
    assert everything(home) == []


@pytest.mark.parametrize("link", ["model", "folder"])
def test_nothing_outside_the_cache_is_removed(models, home, tmp_path, link):
    theirs = tmp_path / "theirs"
    (theirs / "tiny").mkdir(parents=True)
    (theirs / "tiny" / "diary.txt").write_text("dear diary")
    if link == "model":
        (home / "weights").mkdir(parents=True)
        (home / "weights" / "tiny").symlink_to(theirs / "tiny")
    else:
        home.mkdir()
        (home / "weights").symlink_to(theirs)

    finished = models("remove", "tiny")

    assert finished.code == 5
    assert "outside the cache: nothing is removed" in finished.stderr
    assert (theirs / "tiny" / "diary.txt").read_text() == "dear diary"


def test_a_link_in_a_models_folder_goes_but_not_what_it_leads_to(models, home, tmp_path):
    put(home, "tiny")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "diary.txt").write_text("dear diary")
    (home / "weights" / "tiny" / "link").symlink_to(theirs)

    finished = models("remove", "tiny")

    assert finished.code == 0
    assert not (home / "weights" / "tiny").exists()
    assert (theirs / "diary.txt").exists()


def test_a_cache_that_is_itself_behind_a_link_is_the_cache(models, home, tmp_path):
    (tmp_path / "disk").mkdir()
    home.symlink_to(tmp_path / "disk")
    put(home, "tiny")

    assert models("verify", "tiny").code == 0
    assert models("remove", "tiny").code == 0
    assert everything(tmp_path / "disk") == []


@pytest.mark.parametrize("name", ["..", "../weights", "weights/tiny", ".", "", "/", "~"])
def test_no_name_leads_anywhere_else(models, home, name):
    put(home, "tiny")

    finished = models("remove", name)

    assert finished.code == 5
    assert everything(home) == ["weights/tiny/tiny.th"]


# path


def test_path_is_the_cache(models, home):
    assert models("path").stdout == f"{home}\n"


def test_path_of_a_model(models, home):
    put(home, "pair")
    folder = home / "weights" / "pair"

    finished = models("path", "pair")

    assert finished.stdout.splitlines() == [str(folder / "one.th"), str(folder / "two.th")]


def test_path_of_a_model_that_is_not_here(models, home):
    put(home, "pair", "one.th")

    finished = models("path", "pair")

    assert finished.code == 5
    assert finished.stdout == ""
    assert finished.stderr.splitlines()[1] == "hint: type 'unmixcli models download pair'"


# import


@pytest.fixture
def imported(models, home, tmp_path):
    """A model of one's own, made of the embedded one."""
    bundled = manifest.models()["mini"]
    source = tmp_path / "published.safetensors"
    shutil.copyfile(store.place(bundled, bundled.files[0]), source)

    def imported(*arguments):
        return models("import", source, "--name", "mine", *arguments)

    return imported


def test_an_imported_model_is_a_model(imported, models, home, run, track, tmp_path):
    finished = imported("--architecture", "harmonic_u_net")

    assert finished.code == 0
    [path] = finished.stdout.splitlines()
    assert path.startswith(str(home / "models" / "mine"))
    assert "'mine' separates drums, bass, other, vocals: --model mine" in finished.stderr
    assert listed(models("list", "--downloaded")) == ["mine", "mini"]
    assert models("verify", "mine").stdout == f"ok\t{path}\n"
    assert models("path", "mine").stdout == f"{path}\n"
    assert "runs        yes" in models("show", "mine").stdout
    assert run("separate", track, "-o", tmp_path / "out", "-m", "mine").code == 0


def test_an_imported_model_can_be_removed(imported, models, home):
    imported()

    assert models("remove", "mine").code == 0
    assert everything(home) == []
    assert models("show", "mine").code == 5
    assert imported().code == 0


@pytest.mark.parametrize("damage", ["entry", "weights"])
def test_a_damaged_imported_model_can_be_removed(imported, models, home, damage):
    [path] = imported().stdout.splitlines()
    folder = home / "models" / "mine"
    if damage == "entry":
        (folder / catalogue.ENTRY).write_text("{")
    else:
        (folder / path.rsplit("/", 1)[1]).unlink()
        missed = models("verify")
        assert missed.code == 5
        assert "hint: type 'unmixcli models remove mine' and import it again" in missed.stderr

    assert models("remove", "mine").code == 0
    assert everything(home) == []


def test_an_import_needs_a_name_of_its_own(imported, models, tmp_path):
    assert models("import", tmp_path / "published.safetensors").code == 2
    finished = models("import", tmp_path / "published.safetensors", "--name", "tiny")

    assert finished.code == 5
    assert "there is a model named 'tiny'" in finished.stderr


def test_an_import_of_nothing(models, tmp_path):
    finished = models("import", tmp_path / "absent.th", "--name", "mine")

    assert finished.code == 5
    assert "absent.th" in finished.stderr


# the group


@pytest.mark.parametrize("arguments", [[], ["--help"]], ids=str)
def test_the_group_alone_says_what_it_can(models, arguments):
    finished = models(*arguments)

    assert finished.code == 0
    assert finished.stderr == ""
    for command in ("list", "show", "download", "verify", "remove", "path", "import"):
        assert command in finished.stdout


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["lst"], "hint: see 'unmixcli models --help'"),
        (["show"], "hint: see 'unmixcli models show --help'"),
        (["list", "--nope"], "hint: see 'unmixcli models list --help'"),
    ],
    ids=str,
)
def test_a_usage_error_points_to_the_right_help(models, arguments, hint):
    finished = models(*arguments)

    assert finished.code == 2
    assert finished.stderr.splitlines()[1] == hint


def test_a_file_that_members_share_counts_once(home):
    assert [copy.path.name for copy in cache.copies(catalogue.get("pair"))] == ["one.th", "two.th"]
