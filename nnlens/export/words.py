"""Texts of strangers on their way into files that other programs read."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

from nnlens.schema import UNLABELLED

UNNAMED = "(no name)"
UNKNOWN = "unlabelled"
LONGEST = 200
LONGEST_ENDING = 12
FORMULA = "=+-@＝＋－＠"
"""What makes a spreadsheet compute a cell, also as the wide signs that some of them take for the same."""
UNSAFE = re.compile(r"[/\\:*?\"<>|]|\.\.+")
"""What no file is called by, or only somewhere."""
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
"""What Windows keeps for itself, whatever the ending."""


def one_line(text: object, limit: int = LONGEST) -> str:
    """Make a text fit for one cell of one line: no tab, no newline, no sign that is not seen, never empty.

    Signs that are not seen go, because programs that trim lines count some of them as space and then drop the line.
    """
    signs = (" " if sign.isspace() else sign for sign in str(text)[: 4 * limit])
    seen = "".join(sign for sign in signs if unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    words = " ".join(seen.split()) or UNNAMED
    return words if len(words) <= limit else words[: limit - 1] + "…"


def unformula(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would take for a formula; other texts stay as they are."""
    return f"'{text}" if text.lstrip()[:1] in FORMULA and text.strip() else text


def file_stem(*words: object) -> str:
    """Make the stem of a file's name of words: letters, digits, dots and hyphens that every system takes."""
    text = unicodedata.normalize("NFKD", "-".join(str(word) for word in words if str(word)))
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")[:80] or "nnlens"


def member_namer() -> Callable[[str], str]:
    """Return what names the files of one zip: fit for every system to unpack, and each another than those before.

    No folder, drive, ``..`` or sign that is not seen is left, nor a name that Windows keeps for a device. Names that
    differ only in case are told apart too, as they are one file there. Others stay as they are.
    """
    taken: set[str] = set()

    def named(name: str) -> str:
        stem, ending = _parts(name)
        more = itertools.chain([""], (f" ({place})" for place in itertools.count(2)))
        found = next(each for end in more if _same(each := f"{stem}{end}{ending}") not in taken)
        taken.add(_same(found))
        return found

    return named


def _parts(name: str) -> tuple[str, str]:
    """Return what may be a file's stem, and its ending with the dot."""
    seen = one_line(UNSAFE.sub("-", name), 4 * LONGEST).strip(". ")
    stem, dot, ending = seen.rpartition(".")
    if not stem.strip(". ") or len(ending.encode()) > LONGEST_ENDING:
        stem, dot, ending = seen, "", ""
    stem = stem.encode()[:LONGEST].decode(errors="ignore").strip(". ") or UNNAMED
    return f"-{stem}" if DEVICES.match(stem) else stem, f"{dot}{ending}"


def _same(name: str) -> str:
    """Return what is equal of two names that some system takes for one."""
    return unicodedata.normalize("NFKC", name).casefold()


def distinct_names(names: Sequence[str]) -> list[str]:
    """Name every class so that no two names are alike; ``name (7)`` where they were."""
    lines = [one_line(name) for name in names]
    twice = (
        {line for line in lines if lines.count(line) > 1} | {UNKNOWN}
        if len(set(lines)) < len(lines)
        else {UNKNOWN}
    )
    return [f"{line} ({code})" if line in twice else line for code, line in enumerate(lines)]


def class_words(codes: Iterable[int], names: Sequence[str]) -> list[str]:
    """Name the class of each sample; one that cannot be is called by its number."""
    known = dict(enumerate(distinct_names(names))) | {UNLABELLED: UNKNOWN}
    return [known.get(int(code)) or f"class {int(code)}" for code in codes]
