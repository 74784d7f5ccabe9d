"""Words of strangers, made harmless for a screen: no escape sequence, no hidden turn of direction, no broken line."""

from __future__ import annotations

import unicodedata

MARK = "\ufffd"  # stands where a character was that is not seen but obeyed

_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # Unicode's categories: control, format, no character, line ends


def plain(text: str, keep: str = "") -> str:
    """The text with a mark for each character that is no visible one and not among `keep` (line feeds, say)."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(MARK if unicodedata.category(c) in _HIDDEN and c not in keep else c for c in text)
