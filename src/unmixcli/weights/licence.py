"""On what terms weights may be used, and which terms a user accepts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum

from unmixcli.errors import ConfigError, UsageError, WeightsError
from unmixcli.weights.plain import brief

VARIABLE = "UNMIXCLI_LICENCE_POLICY"

PERMISSIVE = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC-BY-3.0",
        "CC-BY-4.0",
        "CC0-1.0",
        "ISC",
        "MIT",
        "Unlicense",
    }
)
"""SPDX identifiers of terms that allow any use, also commercial, at most with a credit."""


class Policy(StrEnum):
    """Which terms a user accepts."""

    ANY = "any"
    PERMISSIVE = "permissive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """On what terms weights may be used.

    Attributes:
        spdx: SPDX identifier, ``not-stated`` or ``conflicting``.
        summary: In a few words, where the identifier does not say it.
        note: What the authors said, where that is not a plain licence.
        source: Where they said it.
    """

    spdx: str
    summary: str | None = None
    note: str | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        texts = (self.spdx, self.summary or "", self.note or "", self.source or "")
        if not all(isinstance(text, str) for text in texts):
            raise ConfigError("what is said of a licence is no text")

    @property
    def permissive(self) -> bool:
        """Whether any use is allowed, by a statement that nobody contradicts."""
        return self.spdx in PERMISSIVE

    def __str__(self) -> str:
        return brief(f"{self.spdx} ({self.summary})" if self.summary else self.spdx)


def chosen(policy: Policy | str | None = None) -> Policy:
    """Return the policy given, or else the one of the environment.

    Raises:
        UsageError: There is no such policy.
    """
    value = policy or os.environ.get(VARIABLE) or Policy.ANY
    try:
        return Policy(value)
    except ValueError as error:
        raise UsageError(
            f"no licence policy '{value}'", hint=f"choose one of: {', '.join(Policy)}"
        ) from error


def require(name: str, licence: Licence, policy: Policy) -> None:
    """Refuse weights on terms that the user does not accept.

    Raises:
        WeightsError: The policy asks for a permissive licence, and this is none.
    """
    if policy is Policy.ANY or licence.permissive:
        return
    raise WeightsError(
        f"the licence policy is 'permissive', but the licence of '{name}' is {licence}",
        hint="see 'unmixcli models list --licence permissive', or allow it with "
        "--licence-policy any",
    )
