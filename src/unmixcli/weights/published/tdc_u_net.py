"""The TDC U-Net for singing voice separation, as its authors call it.

Source: ws-choi/ISMIR2020_U_Nets_SVS, whose files of weights hold a state and nothing
else. The files' names say vocals and 17 blocks; the defaults here are what fits the states.
"""

from __future__ import annotations

from typing import Any

from unmixcli.errors import ConfigError
from unmixcli.network import require_count
from unmixcli.schedule import Schedule, Tail
from unmixcli.weights.published.constructor import (
    Constructors,
    Published,
    published,
    renamed,
)

# Their keyword -> ours. What is not listed has the same name.
NAMES = {
    "hop_length": "hop",
    "internal_channels": "growth",
    "num_layers": "layers",
    "kf": "kernel_size",
}
FRAMES = 64  # of a chunk


def _vocals(options: dict[str, Any]) -> Published:
    blocks = options.pop("num_blocks", 17)
    require_count("num_blocks", blocks, 3)
    if blocks % 2 == 0:
        raise ConfigError(f"num_blocks must be odd, with one in the middle, got {blocks}")
    hop = options.setdefault("hop_length", 1024)
    config = {
        "sample_rate": 44_100,
        "channels": 2,
        "depth": blocks // 2,
        **renamed(options, NAMES),
    }
    return published("tdc_u_net", config, lambda _: _schedule(hop))


CONSTRUCTORS: Constructors = {("tdc_u_net", "tdc_u_net.vocals"): _vocals}


def _schedule(hop: int) -> Schedule:
    """Whole hops, joined hard: what the authors get from the whole track at once.

    Any number of frames gives the same result. Of 64, each costs half of what it does of
    ten seconds' 430: what a block holds then stays in the processor's cache. Shifts are
    not the authors'; beyond a hop they would only repeat.
    """
    return Schedule(segment=FRAMES * hop, power=0.0, tail=Tail.SHORTEN, max_shift=hop)
