"""Transfer of a file from a URL, resumed where it broke off if the server can tell that it is still the same.

What has arrived lies in a hidden file beside the destination, ``.<name>.part``, with a record of the server's
validator (a strong ETag, else Last-Modified) and size. The rest is asked for with ``Range`` and ``If-Range``,
also by a later run. Without a validator, or if the server sends the whole file, the transfer starts anew.
"""

from __future__ import annotations

import base64
import contextlib
import ftplib
import hashlib
import http.client
import json
import re
import shutil
import socket
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from urllib.request import url2pathname

from panscape.data.limits import limits
from panscape.errors import fail
from panscape.log import Progress, logger

SCHEMES = ("http", "https", "ftp", "file")
ATTEMPTS = 5
WAIT = 2.0  # s before the second attempt, twice as long before each further one
TIMEOUT = 60  # s without a byte
_PIECE = 1 << 20
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_NETWORK = (OSError, EOFError, http.client.HTTPException, ftplib.Error, ValueError)
_KEPT = "run the same command again: what has arrived is kept if the server can resume"


class _Failed(Exception):
    """A failed attempt: what happened, what the user can do, and whether another attempt may succeed."""

    def __init__(self, what: str, fix: str = "try the URL in a browser", *, again: bool = False):
        super().__init__(" ".join("".join(sign for sign in what if sign.isprintable()).split())[:200])
        self.fix, self.again = fix, again


@dataclass(frozen=True)
class _State:
    """What is known of the file of which a part has arrived."""

    url: str = ""  # SHA-256
    validator: str = ""
    total: int | None = None


def url_fault(url: str) -> str:
    """Return why a text is not a URL from which a file can be downloaded; empty if it is one.

    Examples
    --------
    >>> url_fault("https://example.org/a.h5ad"), url_fault("https://example.org/my file.h5ad")
    ('', 'it has blanks: write %20')
    >>> url_fault("http://[::1]:8000/a.h5ad"), url_fault("http://[::1/a.h5ad")
    ('', 'Invalid IPv6 URL')
    """
    if re.search(r"\s", url):
        return "it has blanks: write %20"
    if not url.isprintable():
        return "it has control characters"
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - this raises
        if parts.hostname:
            parts.hostname.encode("idna")
    except ValueError as error:
        return str(error)
    if parts.scheme not in SCHEMES:
        return "it does not begin with http, https, ftp or file"
    return "" if parts.hostname or parts.scheme == "file" else "it has no host"


def transfer(url: str, part: Path, where: str) -> bool:
    """Download a file, in several attempts if the connection breaks.

    Parameters
    ----------
    url
        Address, see :func:`url_fault`.
    part
        File for what has arrived. After an error it remains if the transfer can be resumed.
    where
        Configuration key for error messages.

    Returns
    -------
    Whether a part that had arrived before was kept.

    Raises
    ------
    UserError
        If there is no such file, the server does not answer as agreed, the connection breaks in all attempts,
        or the file exceeds ``limits.download_gb`` or the free space.
    """
    if why := url_fault(url):
        raise fail(where, f"{url} is not a URL ({why})", "write a full http, https, ftp or file URL")
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _attempt(url, part)
        except _Failed as failed:
            if not _state(url, part).validator:
                discard(part)
            if not failed.again or attempt == ATTEMPTS:
                raise fail(where, f"{url} cannot be retrieved ({failed})", failed.fix) from failed
            logger.warning("%s: %s; attempt %s of %s follows", url, failed, attempt + 1, ATTEMPTS)
        time.sleep(WAIT * 2 ** (attempt - 1))
    raise AssertionError("the last attempt returns or raises")


def discard(part: Path) -> None:
    """Remove what has arrived, and its record."""
    part.unlink(missing_ok=True)
    _record(part).unlink(missing_ok=True)


def _attempt(url: str, part: Path) -> bool:
    """Try once; return whether a part was kept."""
    state = _state(url, part)
    have = part.stat().st_size if state.validator and part.is_file() else 0
    if state.total is not None and have >= state.total > 0:
        if have == state.total:
            return True  # complete, but its run ended before it was checked
        have = 0
    request = _request(url)
    if have:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", state.validator)
    with _opened(request, part) as answer:
        have, total = _extent(answer, have, part)
        _check_room(total, have, part)
        if not have:
            _write_state(url, part, answer, total)
        _receive(answer, part, have, total)
    return have > 0


def _request(url: str) -> urllib.request.Request:
    """Return the request of a URL; name and password go into a header that redirections do not see."""
    parts = urlsplit(url)
    safe = "/:;=&?@!$'()*+,%~-._[]"
    netloc, given = parts.netloc, ""
    if parts.scheme in ("http", "https") and "@" in netloc:
        given, _, netloc = netloc.rpartition("@")
    host = netloc if netloc.isascii() else netloc.encode("idna").decode()
    address = (parts.scheme, host, quote(parts.path, safe), quote(parts.query, safe), "")
    request = urllib.request.Request(urlunsplit(address), headers={"User-Agent": "panscape"})
    if given:
        token = base64.b64encode(unquote(given).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {token}")
    return request


def _opened(request: urllib.request.Request, part: Path):
    """Open a request; other answers than a file are errors."""
    if request.type == "file" and not Path(url2pathname(urlsplit(request.full_url).path)).is_file():
        raise _Failed("there is no such file", "write the path of a file")
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        what = f"{error.code} {error.reason}"
        if error.code == 416:  # the file has become shorter
            discard(part)
            raise _Failed(what, again=True) from error
        if error.code in (401, 403):
            raise _Failed(what, "check the name and password, or token, of the URL") from error
        raise _Failed(what, again=error.code in (408, 429) or error.code >= 500) from error
    except urllib.error.URLError as error:
        raise _Failed(f"{error.reason}", again=_passes(error.reason)) from error
    except _NETWORK as error:
        raise _Failed(_named(error), again=_passes(error)) from error
    status = getattr(answer, "status", None)
    if status not in (None, 200, 206):
        answer.close()
        raise _Failed(f"the server answers {status} {answer.reason}")
    return answer


def _passes(error: object) -> bool:
    """Return whether an error of the network may be gone in a moment."""
    busy = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
    return busy or isinstance(error, TimeoutError | ConnectionResetError | BrokenPipeError)


def _named(error: BaseException) -> str:
    if isinstance(error, http.client.BadStatusLine) and not isinstance(error, ConnectionError):
        return f"the server does not answer with HTTP but {str(error)[:60]!r}"
    return f"{type(error).__name__}: {error}"


def _extent(answer, have: int, part: Path) -> tuple[int, int | None]:
    """Return how much of the file precedes an answer, and the size of the file if it is known."""
    length = _length(answer.headers)
    if getattr(answer, "status", None) != 206:
        return 0, length
    text = answer.headers.get("Content-Range", "")
    match = _RANGE.fullmatch(text)
    if not have or not match or int(match[1]) != have:
        discard(part)
        raise _Failed(f"the server sends another part than asked for: {text!r}", again=have > 0)
    total = int(match[2]) + 1 if match[3] == "*" else int(match[3])
    if length is not None and have + length != total:
        discard(part)
        raise _Failed(f"the server sends {length} bytes for the range {text!r}", again=True)
    logger.info("resuming after %s of %s bytes", have, total)
    return have, total


def _length(headers) -> int | None:
    """Return the length of an answer, None if it is not announced."""
    if "chunked" in headers.get("Transfer-Encoding", "").lower():
        return None
    texts = {text.strip() for line in headers.get_all("Content-Length") or [] for text in line.split(",")}
    if not texts:
        return None
    text = texts.pop()
    if texts or not re.fullmatch(r"\d{1,18}", text, re.ASCII):
        raise _Failed(f"the server announces a length that is none: {', '.join([text, *sorted(texts)])}")
    return int(text)


def _check_room(total: int | None, have: int, part: Path) -> None:
    most = limits().download
    if total is not None and total > most:
        raise _Failed(f"it has {total / 1e9:,.1f} GB", limits().advice("download_gb"))
    free = shutil.disk_usage(part.parent).free
    if total is not None and total - have > free:
        what = f"it needs {(total - have) / 1e9:,.1f} GB, {free / 1e9:,.1f} GB are free in {part.parent}"
        raise _Failed(what, "free space")


def _receive(answer, part: Path, have: int, total: int | None) -> None:
    """Append an answer to the part; a UserError of the disk is that of the writer."""
    progress = Progress("bytes", (total or have) - have)
    with open(part, "ab" if have else "wb") as file:
        while True:
            try:
                piece = answer.read(_PIECE)
            except _NETWORK as error:
                what = f"the connection broke after {have} bytes: {_named(error)}"
                raise _Failed(what, _KEPT, again=True) from error
            if not piece:
                break
            have += len(piece)
            if have > limits().download:
                what = f"it has more than {limits().download_gb:g} GB"
                raise _Failed(what, limits().advice("download_gb"))
            file.write(piece)
            progress.add(len(piece))
    if total is not None and have != total:
        raise _Failed(f"received {have} of {total} bytes", _KEPT, again=True)


def _record(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _state(url: str, part: Path) -> _State:
    """Return what is known of the file that a part is of; nothing if it is of another URL."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        state = _State(**json.loads(_record(part).read_text(encoding="utf-8")))
        sound = isinstance(state.validator, str) and isinstance(state.total, int | None)
        if sound and state.url == _digest(url):
            return state
    return _State()


def _write_state(url: str, part: Path, answer, total: int | None) -> None:
    etag = answer.headers.get("ETag", "")
    strong = etag if re.fullmatch(r'"[\x21\x23-\x7e]*"', etag) else ""
    validator = strong or answer.headers.get("Last-Modified", "")
    if getattr(answer, "status", None) is None or not validator.isprintable():
        validator = ""
    part.unlink(missing_ok=True)  # the record must not be that of other content
    _record(part).write_text(json.dumps(asdict(_State(_digest(url), validator, total))), encoding="utf-8")


def _digest(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()
