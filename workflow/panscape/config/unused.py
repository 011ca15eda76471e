"""Settings that have no effect beside other settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def unused(written: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a warning for every written setting that changes nothing.

    Parameters
    ----------
    written
        What the user wrote, under the keys of this version.
    config
        The valid, complete configuration.

    Examples
    --------
    >>> from panscape.coscape.landscape.settings import LandscapeSettings
    >>> config = {"landscape": {"distance": "corrected", "eta": 0.3}}
    >>> next(unused({"landscape": {"eta": 0.3}}, config)).partition(":")[0]
    'landscape.eta'
    """
    from panscape.coscape.landscape.settings import LandscapeSettings

    section = written.get("landscape")
    if not isinstance(section, Mapping) or "landscape" not in config:
        return
    settings = LandscapeSettings.of(config["landscape"])
    for key in settings.unused:
        if key in section:
            yield f"landscape.{key}: {settings.without_effect(key)}"
