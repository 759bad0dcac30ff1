"""How estimates are scored: plain data that the user chooses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from unmixcli.errors import ConfigError


class Style(StrEnum):
    """Which BSSEval.

    Vincent, Gribonval & Févotte 2006 (*sources*), Vincent et al. 2007 (*images*), Stöter,
    Liutkus & Ito 2018 (v4).
    """

    V4 = "v4"  # images; one set of distortion filters for the whole track
    V3_IMAGES = "v3-images"  # images; filters of each window, what museval calls mode v3
    V3 = "v3"  # sources; filters of each window, forgiven in the SDR too: the URMP protocol


class Engine(StrEnum):
    """Whose code computes SDR, ISR, SIR and SAR of windows."""

    OURS = "ours"
    MUSEVAL = "museval"


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to score a track.

    Attributes:
        window: Length of what is scored at once, in seconds.
        hop: From one window to the next, in seconds.
        full: SIR, SAR and ISR as well, which need distortion filters.
        museval_compat: Void a window for all stems of which one is silent, in the reference
            or the estimate, as museval does; pad or cut estimates of another length.
        engine: Ours, or museval itself, which has its own rules whatever is said here.
        style: Which BSSEval; v3 has no measure without filters, and so is always full.

    Raises:
        ConfigError: A value is impossible.
    """

    window: float = 1.0
    hop: float = 1.0
    full: bool = False
    museval_compat: bool = False
    engine: Engine = Engine.OURS
    style: Style = Style.V4

    def __post_init__(self) -> None:
        for name, seconds in (("window", self.window), ("hop", self.hop)):
            if not 0 < seconds < math.inf:
                raise ConfigError(f"{name} must be a positive number of seconds, got {seconds!r}")
        for name, kind in (("engine", Engine), ("style", Style)):
            value, known = str(getattr(self, name)), [member.value for member in kind]
            if value not in known:
                raise ConfigError(f"{name} must be one of {', '.join(known)}, got {value!r}")
            object.__setattr__(self, name, kind(value))

    @property
    def compat(self) -> bool:
        """Whether museval's rules of silence and length hold."""
        return self.museval_compat or self.engine is Engine.MUSEVAL

    @property
    def filtered(self) -> bool:
        """Whether the estimates are compared with filtered references."""
        return self.full or self.engine is Engine.MUSEVAL or self.style is Style.V3
