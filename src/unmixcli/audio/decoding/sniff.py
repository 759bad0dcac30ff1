"""What a file holds, told by its first bytes and never by its name."""

from enum import StrEnum
from io import BufferedReader

from unmixcli.audio.decoding.mp3 import find_frame


class Container(StrEnum):
    """The file formats that are read."""

    WAV = "wav"
    RF64 = "rf64"
    W64 = "w64"
    AIFF = "aiff"
    CAF = "caf"
    AU = "au"
    FLAC = "flac"
    OGG = "ogg"
    MP3 = "mp3"


_W64_RIFF = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_ID3_HEADER = 10


def sniff(file: BufferedReader) -> Container | None:
    """Return the container of a file, or ``None`` for anything that is not audio.

    Text, pictures and random bytes never reach a decoder: fewer places to attack, and
    libmpg123 prints on standard error about each.
    """
    start = skip_id3(file)
    file.seek(start)
    head = file.read(16)
    if start == 0 and (found := _by_chunk(head)):
        return found
    if head.startswith(b"fLaC"):
        return Container.FLAC
    return Container.MP3 if find_frame(file, start) is not None else None


def skip_id3(file: BufferedReader) -> int:
    """Return the offset behind all ID3v2 tags at the start of a file."""
    start = 0
    while True:
        file.seek(start)
        header = file.read(_ID3_HEADER)
        if len(header) < _ID3_HEADER or not header.startswith(b"ID3"):
            return start
        length = 0
        for byte in header[6:]:  # 28 bits, seven to the byte
            length = length << 7 | byte & 0x7F
        footer = _ID3_HEADER if header[5] & 0x10 else 0
        start += _ID3_HEADER + length + footer


def _by_chunk(head: bytes) -> Container | None:
    kind, form = head[:4], head[8:12]
    found = None
    if kind in (b"RIFF", b"RIFX") and form == b"WAVE":
        found = Container.WAV
    elif kind == b"RF64" and form == b"WAVE":
        found = Container.RF64
    elif kind == b"FORM" and form in (b"AIFF", b"AIFC"):
        found = Container.AIFF
    elif head == _W64_RIFF:
        found = Container.W64
    else:
        found = _BY_MAGIC.get(kind)
    return found


_BY_MAGIC = {
    b"caff": Container.CAF,
    b".snd": Container.AU,
    b"dns.": Container.AU,
    b"OggS": Container.OGG,
}
