"""Which tracks of a data set: a split of it, the first so many, or some by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from unmixcli.datasets.collection import Listing
from unmixcli.datasets.folder import folded
from unmixcli.errors import DatasetError, UsageError, nearest


def chosen(
    listings: Sequence[Listing],
    root: Path,
    *,
    split: str | None,
    subset: int | Sequence[str] | None,
) -> tuple[list[Listing], list[str]]:
    """Return the tracks that are wanted, sorted by name, and notes.

    Raises:
        DatasetError: There is no such split or track, or two of one name.
        UsageError: Fewer than one are wanted.
    """
    found = sorted(listings, key=lambda listing: (listing.name, listing.folder))
    found, notes = _without_links(found, root)
    if split is not None:
        found = _of_split(found, split)
    _require_unique(found, root)
    if subset is not None:
        found = _subset(found, subset)
    return found, notes


def _without_links(listings: list[Listing], root: Path) -> tuple[list[Listing], list[str]]:
    """Leave out links to folders that are tracks themselves: they would count twice."""
    linked = [listing for listing in listings if listing.folder and _is_link(root, listing)]
    if not linked:
        return listings, []
    names = {listing.folder for listing in linked}
    kept = [listing for listing in listings if listing.folder not in names]
    own = {(root / listing.folder).resolve(): listing.name for listing in kept}
    notes = []
    for listing in linked:
        target = (root / listing.folder).resolve()
        if target in own:
            notes.append(f"'{root / listing.folder}' leads to '{own[target]}', and is left out")
        else:
            own[target] = listing.name
            kept.append(listing)
    return sorted(kept, key=lambda listing: (listing.name, listing.folder)), notes


def _is_link(root: Path, listing: Listing) -> bool:
    return not listing.streams and (root / listing.folder).is_symlink()


def _of_split(listings: list[Listing], split: str) -> list[Listing]:
    there = Counter(listing.split for listing in listings if listing.split is not None)
    for wanted in split.split("+"):
        if wanted not in there:
            known = ", ".join(f"'{name}' ({there[name]} tracks)" for name in sorted(there))
            raise DatasetError(
                f"the data set has no split '{wanted}'",
                hint=f"it has {known}" if known else "it is not divided: leave out the split",
            )
    return [listing for listing in listings if listing.split in split.split("+")]


def _require_unique(listings: list[Listing], root: Path) -> None:
    seen: dict[str, Listing] = {}
    for listing in listings:
        other = seen.setdefault(folded(listing.name), listing)
        if other is not listing:
            raise DatasetError(
                f"two tracks have one name: '{root / other.folder}' and '{root / listing.folder}'",
                hint="choose one split, or rename one of them",
            )


def _subset(listings: list[Listing], subset: int | Sequence[str]) -> list[Listing]:
    if isinstance(subset, int):
        if subset < 1:
            raise UsageError(f"a subset of {subset} tracks", hint="give 1 or more, or names")
        return listings[:subset]
    wanted = [subset] if isinstance(subset, str) else list(subset)
    known = {folded(listing.name): listing for listing in listings}
    for name in wanted:
        if folded(name) not in known:
            raise DatasetError(
                f"the data set has no track '{name}'",
                hint=nearest(name, [listing.name for listing in listings])
                or f"it has {len(listings)} tracks",
            )
    names = {folded(name) for name in wanted}
    if not names:
        raise UsageError("a subset of no tracks", hint="name some, or leave it out")
    return [listing for listing in listings if folded(listing.name) in names]
