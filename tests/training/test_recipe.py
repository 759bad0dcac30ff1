import tomllib

import pytest
import torch

from unmixcli.errors import ConfigError
from unmixcli.training import recipe as recipes
from unmixcli.training.recipe import Recipe, load, names, to_dict, to_toml, with_overrides

WAVE_U_NETS = ("m1", "m2", "m3", "m4", "m5", "m5-highsr", "m6", "m7")
ALL = names()

# What the papers and their code say, by the key of a recipe.
WAVE_U_NET = {
    "seed": 1337,
    "precision": "fp32",
    "data.segment": 16_384,
    "data.batch_size": 16,
    "data.steps_per_epoch": 2000,
    "data.mixture": "sum",
    "data.normalise": "none",
    "data.pad": True,
    "data.sampling": "uniform",
    "augment": [{"name": "gain", "low": 0.7, "high": 1.0}],
    "loss": [{"name": "l2", "weight": 1.0}],
    "optim.name": "adam",
    "optim.lr": 1e-4,
    "optim.betas": [0.9, 0.999],
    "optim.eps": 1e-8,
    "optim.weight_decay": 0.0,
    "optim.clip": 0.0,
    "optim.ema": 0.0,
    "scheduler.name": "constant",
    "stages.0.lr": 1e-4,
    "stages.0.batch_size": 16,
    "stages.0.patience": 20,
    "stages.1.lr": 1e-5,
    "stages.1.batch_size": 32,
    "stages.1.patience": 20,
    "stages.1.start": "last",
    "validation.every": 1,
    "validation.metric": "loss",
    "validation.unit": "segments",
    "validation.split": "wave-u-net",
}
M7 = {"data.segment": 98_560, "data.batch_size": 4, "stages.0.batch_size": 4}
EXP = {
    "precision": "bf16",
    "data.segment": 16_384,
    "data.batch_size": 64,
    "data.mixture": "file",
    "data.pad": False,
    "augment": [],
    "loss": [{"name": "l2", "weight": 1.0, "reduction": "sum"}],
    "optim.name": "adam",
    "optim.lr": 1e-4,
    "scheduler.name": "constant",
    "scheduler.factor": 0.96,
    "scheduler.every": 2000,
    "stages.0.steps": 200_000,
    "stages.0.patience": 0,
}
WAVENET = {
    "seed": 1337,
    "data.segment": 1601,
    "data.batch_size": 10,
    "data.steps_per_epoch": 2000,
    "data.voiced_chunk": 800,
    "data.voiced_threshold": 0.1,
    "augment": [],
    "optim.name": "adam",
    "optim.lr": 1e-3,
    "optim.eps": 1e-8,
    "optim.weight_decay": 0.0,
    "scheduler.name": "constant",
    "stages.0.epochs": 250,
    "stages.0.patience": 16,
    "validation.steps": 500,
    "validation.metric": "loss",
    "validation.split": "wave-u-net",
}
SHIFT_TO_SWAP = [
    {"name": "shift", "samples": 44_100},
    {"name": "sign", "p": 0.5},
    {"name": "swap", "p": 0.5},
]
REPITCH = {
    "name": "repitch",
    "p": 0.2,
    "semitones": 2,
    "deviation": 5.0,
    "most": 12.0,
    "voices": ["vocals"],
}
GAIN, REMIX = {"name": "gain", "low": 0.25, "high": 1.25}, {"name": "remix", "group": 4}
DEMUCS = {
    "seed": 42,
    "precision": "fp32",
    "model.published": "demucs",
    "data.segment": 441_000,
    "data.stride": 44_100,
    "data.batch_size": 64,
    "data.repeat": 2,
    "data.steps_per_epoch": 0,
    "data.normalise": "track",
    "data.mixture": "sum",
    "augment": [REPITCH, *SHIFT_TO_SWAP, GAIN, REMIX],
    "loss": [{"name": "l1", "weight": 1.0}],
    "optim.name": "adam",
    "optim.lr": 3e-4,
    "optim.weight_decay": 0.0,
    "optim.clip": 0.0,
    "optim.ema": 0.0,
    "scheduler.name": "constant",
    "stages.0.epochs": 180,
    "stages.0.patience": 0,
    "validation.metric": "loss",
    "validation.unit": "tracks",
    "validation.split": "musdb",
}
TABLE = {
    **{f"wave-u-net-{name}": WAVE_U_NET for name in WAVE_U_NETS},
    "wave-u-net-m7": {**WAVE_U_NET, **M7, "stages.1.batch_size": 8},
    "exp-wave-u-net": EXP,
    "cexp-wave-u-net": EXP,
    "wavenet-vocals": {
        **WAVENET,
        "data.mixture": "file",
        "data.sampling": "voiced",
        "data.voiced_source": "vocals",
        "data.voiced_share": 0.5,
        "loss": [
            {"name": "l1", "weight": 1.0, "sources": ["vocals"]},
            {"name": "dissimilarity", "weight": 1.0, "alpha": 0.05, "sources": ["vocals"]},
        ],
    },
    "wavenet-multi": {
        **WAVENET,
        "data.mixture": "sum",
        "data.sampling": "uniform",
        "data.voiced_share": 0.0,
        "loss": [
            {"name": "l1", "weight": 1.0, "sources": ["vocals", "drums", "bass"]},
            {
                "name": "dissimilarity",
                "weight": 1.0,
                "alpha": 0.05,
                "sources": ["vocals", "drums", "bass"],
            },
        ],
    },
    "demucs": DEMUCS,
    "demucs-v1": {
        **DEMUCS,
        "model.published": "demucs-v1",
        "augment": [*SHIFT_TO_SWAP, REMIX],
        "stages.0.epochs": 120,
    },
    "conv-tasnet": {
        **DEMUCS,
        "model.published": "conv-tasnet",
        "data.segment": 80_000,
        "data.batch_size": 32,
    },
    "tdc-u-net": {
        "seed": 2020,
        "model.published": "tdc-vocals",
        "data.segment": 127 * 1024,  # 128 frames
        "data.batch_size": 16,
        "data.mixture": "sum",
        "data.normalise": "none",
        "augment": [{"name": "shift", "samples": 127 * 1024}, {"name": "remix", "group": 0}],
        "loss": [{"name": "l2", "weight": 1.0, "sources": ["vocals"]}],
        "optim.name": "adam",
        "optim.lr": 1e-3,
        "optim.weight_decay": 0.0,
        "scheduler.name": "constant",
        "stages.0.epochs": 2000,
        "stages.0.patience": 100,
        "validation.metric": "loss",
        "validation.split": "musdb",
    },
}

OURS = {"band-split-rnn", "mini", "mini-ensemble", "mini-ensemble-cexp"}

# Architecture, weights, rate, what is read, what is predicted, what is read before augmentation.
NETWORKS = {
    "wave-u-net-m1": ("wave_u_net", 10_263_028, 22_050, 16_384, 16_384, 16_384),
    "wave-u-net-m2": ("wave_u_net", 10_263_002, 22_050, 16_384, 16_384, 16_384),
    "wave-u-net-m3": ("wave_u_net", 10_263_002, 22_050, 147_443, 16_389, 147_443),
    "wave-u-net-m4": ("wave_u_net", 10_263_390, 22_050, 147_443, 16_389, 147_443),
    "wave-u-net-m5": ("wave_u_net", 10_265_550, 22_050, 147_443, 16_389, 147_443),
    "wave-u-net-m5-highsr": ("wave_u_net", 10_265_550, 44_100, 147_443, 16_389, 147_443),
    "wave-u-net-m6": ("wave_u_net", 10_263_498, 22_050, 147_443, 16_389, 147_443),
    "wave-u-net-m7": ("wave_u_net", 20_594_652, 8192, 233_459, 102_405, 233_459),
    "exp-wave-u-net": ("wave_u_net", 10_263_288, 22_050, 147_443, 16_389, 147_443),
    "cexp-wave-u-net": ("conditioned_wave_u_net", 15_654_648, 22_050, 147_443, 16_389, 147_443),
    "wavenet-vocals": ("wavenet", 3_277_249, 16_000, 9785, 1601, 9785),
    "wavenet-multi": ("wavenet", 3_277_763, 16_000, 9785, 1601, 9785),
    "demucs": ("demucs", 265_679_496, 44_100, 447_146, 441_686, 558_235),
    "demucs-v1": ("demucs", 648_548_208, 44_100, 451_924, 441_004, 496_024),
    "conv-tasnet": ("conv_tasnet", 10_977_872, 44_100, 80_000, 80_000, 141_023),
    "tdc-u-net": ("tdc_u_net", 535_924, 44_100, 134_144, 130_048, 264_192),
    "band-split-rnn": ("band_split_rnn", 2_130_448, 44_100, 264_600, 264_600, 264_600),
    "mini": ("harmonic_u_net", 1_771_968, 44_100, 132_300, 132_300, 132_300),
    "mini-ensemble": ("conditioned_harmonic_u_net", 1_816_684, 22_050, 66_150, 66_150, 66_150),
    "mini-ensemble-cexp": (
        *("conditioned_wave_u_net", 6_958_680, 22_050, 212_979, 81_925, 212_979),
    ),
}


def looked_up(tables, key):
    for part in key.split("."):
        tables = tables[int(part)] if isinstance(tables, list) else tables[part]
    return tables


def written(tmp_path, text):
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_recipe_is_in_a_table():
    assert set(ALL) == {*TABLE, *OURS} == set(NETWORKS)


@pytest.mark.parametrize("name", TABLE)
def test_a_recipe_has_the_numbers_of_its_paper(name):
    tables = to_dict(load(name))

    assert {key: looked_up(tables, key) for key in TABLE[name]} == TABLE[name]
    assert len(tables["stages"]) == (2 if name.startswith("wave-u-net") else 1)


@pytest.mark.parametrize("name", ALL)
def test_a_recipe_builds_its_network(name):
    recipe = load(name)
    with torch.device("meta"):
        network = recipe.network.build()
    config = recipe.network.config
    geometry = network.geometry(recipe.data.samples(config.sample_rate))
    weights = sum(weight.numel() for weight in network.parameters())
    read = recipe.augmentation().reads(geometry.input_length)

    assert NETWORKS[name] == (
        recipe.network.architecture,
        weights,
        config.sample_rate,
        geometry.input_length,
        geometry.output_length,
        read,
    )


@pytest.mark.parametrize("name", ALL)
def test_a_recipe_written_down_is_the_same(name):
    recipe = load(name)

    assert recipes.from_dict(tomllib.loads(to_toml(recipe))) == recipe


def test_tracks_of_demucs_are_validated_up_to_15_million_samples():
    assert round(load("demucs").validation.longest * 44_100) == 15_000_000


def test_m7_and_the_second_stages_double_the_batch():
    for name in WAVE_U_NETS:
        first, second = load(f"wave-u-net-{name}").stages

        assert second.batch_size == 2 * first.batch_size
        assert (first.lr, second.lr) == (1e-4, 1e-5)


def test_every_architecture_with_a_recipe_has_a_usual_one():
    used = {load(name).network.architecture for name in ALL}

    assert {recipes.usual(name) for name in used} <= set(ALL)
    for name in used:
        assert load(recipes.usual(name)).network.architecture == name
    with pytest.raises(ConfigError, match="no recipe trains 'u_net'"):
        recipes.usual("u_net")


def test_values_are_overridden_one_by_one():
    changed = with_overrides(
        load("demucs"),
        [
            "optim.lr=1e-5",
            "data.batch_size = 8",
            "precision=bf16",
            "compile=true",
            "augment.4.high=2",
            'stages.0.start="best"',
            "model.config.width=8",
            'data.sources=["a", "b", "c", "d"]',
        ],
    )

    assert changed.optim.lr == 1e-5
    assert changed.data.batch_size == 8
    assert changed.precision == "bf16"
    assert changed.compile
    assert changed.augment[4].params == {"low": 0.25, "high": 2}
    assert changed.stages[0].start == "best"
    assert changed.network.config.width == 8
    assert changed.sources == ("a", "b", "c", "d")
    assert with_overrides(load("demucs"), ["augment=[]"]).augment == ()
    assert with_overrides(load("demucs"), []) == load("demucs")


@pytest.mark.parametrize(
    ("assignment", "says", "hint"),
    [
        ("optim.lrr=1", "unknown key 'optim.lrr'", "'lr'"),
        ("optin.lr=1", "unknown key 'optin.lr'", "'optim'"),
        ("precison=fp32", "unknown key 'precison'", "'precision'"),
        ("optim.lr=fast", "optim.lr must be a number", None),
        ("optim.lr=0", r"optim.lr must be in \(0, 10\]", None),
        ("optim.lr=-1e-4", r"optim.lr must be in \(0, 10\]", None),
        ("optim.lr=1e9", r"optim.lr must be in \(0, 10\]", None),
        ("optim.lr=nan", r"optim.lr must be in \(0, 10\]", None),
        ("optim.betas=[0.9]", "optim.betas must have 2 entries", None),
        ("optim.betas=[0.9, 1.0]", "optim.betas must be two numbers in", None),
        ("optim.clip=true", "optim.clip must be a number", None),
        ("optim.name=adan", "optim.name must be one of", "'adam'"),
        ("data.batch_size=0", "data.batch_size must be an integer in 1", None),
        ("data.batch_size=1.5", "data.batch_size must be an integer", None),
        ("data.segment=0", "one of data.segment and data.seconds", None),
        ("data.seconds=2", "one of data.segment and data.seconds", None),
        ("data.sources=[1, 2]", "data.sources.0 must be a string", None),
        ('data.sources=["a", "b"]', "as many as the network's 4", "model.config.sources"),
        ("data.mixture=file", "data.mixture must be 'sum'", "augment"),
        ("data=3", "data must be a table", None),
        ("data.pad.x=3", "leads nowhere", None),
        ("stages=[]", "stages must have at least one entry", None),
        ("stages.7.lr=1e-3", "'7' is not one of the 1 entries", None),
        ("loss=[]", "loss must have at least one entry", None),
        ("loss.0.name=l3", "loss.0: no loss named 'l3'", "l1, l2"),
        ("loss.0.reduction=max", r"loss.0 \(l1\): reduction must be one of", None),
        ("loss.0.alpha=1", r"loss.0 \(l1\): unknown key 'alpha'", None),
        ('loss.0.sources=["voice"]', "no source named 'voice'", "there are"),
        ('loss.0.sources=["vocal"]', "no source named 'vocal'", "'vocals'"),
        ("augment.0.name=repich", "augment.0: no augmentation named 'repich'", "'repitch'"),
        ("augment.4.lw=1", r"augment.4 \(gain\): unknown key 'lw'", "'low'"),
        ("augment.4.low=9", r"augment.4 \(gain\): low to high must not go down", None),
        ("augment.5.group=two", r"augment.5 \(remix\): group must be an integer", None),
        ("augment.0.p=1.1", r"augment.0 \(repitch\): p must be in 0..1", None),
        ("augment=gain", "augment must be a list", None),
        ("model.published=M44", "no network named 'M44'", "'M4'"),
        ("model.config.widht=3", "unknown key 'model.config.widht'", "'width'"),
        ("model.config.width=0", "model.config: width must be in 1", None),
        ("model.schedule.segmant=3", "unknown key 'model.schedule.segmant'", "'segment'"),
        ("model.schedule.segment=0", "model.schedule: segment must be", None),
        ("model.architecture=demucs", "either a published network or an architecture", None),
        ("seed=-1", "seed must be an integer", None),
        ("precision=fp8", "precision must be one of fp32, bf16, fp16", None),
        ("compile=1", "compile must be true or false", None),
        ("optim.lr", "'optim.lr' is no assignment", "key=value"),
        ("=3", "'=3' is no assignment", "key=value"),
    ],
)
def test_a_wrong_value_is_named(assignment, says, hint):
    with pytest.raises(ConfigError, match=says) as caught:
        with_overrides(load("demucs"), [assignment])

    assert hint is None or hint in caught.value.hint
    assert "\n" not in str(caught.value)


def test_a_file_is_laid_over_a_recipe_of_the_package(tmp_path):
    path = written(tmp_path, 'base = "mini"\n[optim]\nlr = 1e-3\n[[loss]]\nname = "l1"\n')
    recipe, base = load(path), load("mini")

    assert recipe.optim.lr == 1e-3
    assert recipe.optim.clip == base.optim.clip
    assert [term.name for term in recipe.loss] == ["l1"]
    assert recipe.augment == base.augment


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[model", "is no TOML"),
        ("[data]\nsegment = 5\n", "model is missing"),
        ('base = "minni"\n', "base: no recipe named 'minni'"),
        ("base = 3\n", "base: no recipe named 3"),
        ('base = "mini"\n[optin]\n', "unknown key 'optin'"),
        ("x = " + 2000 * "[", "is no TOML"),
    ],
)
def test_a_wrong_file_is_named(tmp_path, text, says):
    path = written(tmp_path, text)

    with pytest.raises(ConfigError, match=says) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_what_is_no_file_of_text_is_named(tmp_path):
    binary, huge = tmp_path / "a.toml", tmp_path / "b.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    huge.write_bytes(b"#" * (recipes.BIGGEST + 1))

    for path, says in (
        (binary, "is no text"),
        (huge, "is larger"),
        (tmp_path / "c.toml", "cannot be read"),
        (tmp_path, "none of that name"),
    ):
        with pytest.raises(ConfigError, match=says):
            load(path)


def test_an_unknown_name_brings_the_nearest():
    with pytest.raises(ConfigError, match="recipe 'demuks'") as caught:
        load("demuks")

    assert "'demucs'" in caught.value.hint


def test_a_config_without_a_publication_has_the_usual_schedule():
    recipe = with_overrides(load("mini"), ["model.schedule={}"])

    assert isinstance(recipe, Recipe)
    assert recipe.network.schedule.segment == 441_000
    assert load("mini").network.schedule.segment == 264_600
