"""What the settings of the stages share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Self


class FromMapping:
    """A dataclass of settings that is also made from a section of the configuration."""

    @classmethod
    def of(cls, settings: Self | Mapping[str, Any] | None) -> Self:
        """Take settings as they are, or those of a mapping's items that belong here; the defaults of None."""
        if isinstance(settings, cls):
            return settings
        known = {item.name for item in fields(cls)}
        return cls(**{key: value for key, value in (settings or {}).items() if key in known})
