"""A page that holds its style, its script and its data, and asks nobody for anything."""

import base64
import hashlib
import json
import re
from html import escape
from importlib.resources import files
from string import Template

from skimgfeat import __version__

_PARTS = ("html", "css", "js")
# Line ends and other control characters, what has no width or turns the direction of the text around it, and halves of
# characters, which the bytes of names that are no text become. U+200C and U+200D stay, though they have no width:
# Persian words and emoji are joined and parted by them.
_HIDDEN = (
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
_ESCAPED = re.compile(_HIDDEN)
# A backslash that would read as one of these escapes, or as the first half of a doubled one.
_LIKE_ESCAPES = re.compile(rf"\\(?=[nrt\\]|x[0-9a-f]{{2}}|u[0-9a-f]{{4}}|U[0-9a-f]{{8}}|{_HIDDEN})")


def visible(text, *, distinct=False):
    """Return a text with escapes in place of characters that would show nothing, or reorder what stands beside them.

    Where they have to be ``distinct``, no two texts become one: backslashes that look like escapes are doubled.
    """
    text = _LIKE_ESCAPES.sub(r"\\\\", str(text)) if distinct else str(text)
    return _ESCAPED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def number(value):
    """Return a number as JSON takes it, integers as they are, others to six digits; None for what is not finite."""
    # Above, a script has not all integers.
    if abs(value) < 2**53 and value == int(value):
        return int(value)
    value = float(f"{value:.6g}")
    return value if abs(value) < float("inf") else None


def render(title, data):
    """Return the bytes of the page.

    No text of the data is ever markup: it stands as JSON in which no "<" is left, and the script makes text of it. What
    the policy allows to run is this script, by its hash; what it allows to be fetched is nothing.
    """
    folder = files(__package__).joinpath("report_page")
    parts = {suffix: folder.joinpath(f"report.{suffix}").read_text("utf-8") for suffix in _PARTS}
    encoded = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    policy = (
        f"default-src 'none'; script-src {_hash(parts['js'])}; style-src {_hash(parts['css'])}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    page = Template(parts["html"]).substitute(
        policy=policy,
        version=__version__,
        title=escape(visible(title)),
        style=parts["css"],
        data=encoded.replace("<", "\\u003c"),
        script=parts["js"],
    )
    return page.encode()


def _hash(text):
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
