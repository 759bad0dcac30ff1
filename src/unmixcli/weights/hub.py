"""Files of the Hugging Face hub, at a pinned revision. The only importer of its library."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from unmixcli.weights.download import Progress
from unmixcli.weights.manifest import WeightFile


def download_from_hub(file: WeightFile, part: Path, progress: Progress | None = None) -> None:
    """Write a file of the hub to a new file.

    The library checks a file's size but not its hash, and keeps what came; so it
    gets a folder of its own, and nothing that it keeps is ever read again.

    Args:
        file: Of kind ``hub``.
        part: Where to write it.
        progress: Told of the bytes that have come.

    Raises:
        OSError: It cannot be had.
    """
    # Imported here: it takes a second, and separating offline needs none of it.
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]

    class Told(tqdm):
        """Tells our own progress instead of drawing a bar."""

        def __init__(self, *args: Any, **options: Any) -> None:
            options["disable"] = True
            super().__init__(*args, **options)  # type: ignore[no-untyped-call]
            self.done = 0

        def update(self, n: float | None = 1) -> bool | None:
            self.done += int(n or 0)
            if progress:
                progress(self.done, file.size)
            return None

    with TemporaryDirectory(prefix=".hub-", dir=part.parent) as folder:
        try:
            found = hf_hub_download(
                str(file.repo),
                file.path,
                revision=file.revision,
                local_dir=folder,
                tqdm_class=Told,
            )
        except (HfHubHTTPError, LocalEntryNotFoundError) as error:
            raise OSError(_reason(error)) from error
        Path(found).replace(part)


def _reason(error: Exception) -> str:
    """Return the first line of what the library says, which can be a page."""
    cause = error.__cause__ or error
    return (str(cause) or type(cause).__name__).strip().splitlines()[0]
