"""Base class of the stages' settings: defaults, and strict construction from a mapping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from panscape.errors import Problem, UserError, nearest
from panscape.log import logger


@dataclass(frozen=True)
class Renamed:
    """The new name of a setting.

    Parameters
    ----------
    name
        The new key.
    minus
        Number to subtract from an old value: 1 if a cell was counted among its own neighbours.
    values, instead
        Old values that moved to the new key, where the old key remains with other values, and the value that
        it then has.
    """

    name: str
    minus: int = 0
    values: tuple[str, ...] = ()
    instead: str = ""

    def moves(self, value: Any) -> bool:
        """Return whether an old key with this value is replaced."""
        return not self.values or value in self.values


class FromMapping:
    """Settings that can be constructed from a section of the configuration.

    Attributes
    ----------
    SECTION
        Name of the section, for error messages.
    BESIDE
        Keys of the section that belong to other settings.
    RENAMED
        Mapping of old to new keys. Old keys are accepted for one version, with a warning.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Cut(FromMapping):
    ...     SECTION = "cut"
    ...     height: float = 1.0
    >>> Cut.of({"height": 2.0})
    Cut(height=2.0)
    >>> Cut.of({"heigth": 2.0})
    Traceback (most recent call last):
    panscape.errors.UserError: 1 problem:
      - cut.heigth: unknown setting -> did you mean 'height'?
    """

    SECTION: ClassVar[str] = ""
    BESIDE: ClassVar[frozenset[str]] = frozenset()
    RENAMED: ClassVar[Mapping[str, Renamed]] = {}

    @classmethod
    def of(cls, settings: Self | Mapping[str, Any] | None = None) -> Self:
        """Return settings unchanged, or construct them from a mapping; None gives the defaults.

        Raises
        ------
        UserError
            If a key is unknown to all settings of the section, or an old and its new key are both given.
        """
        if isinstance(settings, cls):
            return settings
        known = {item.name for item in fields(cls)}  # type: ignore[arg-type]
        chosen: dict[str, Any] = {}
        problems: list[Problem] = []
        given: Mapping[str, Any] = settings if isinstance(settings, Mapping) else {}
        for key, value in given.items():
            if key in cls.RENAMED and cls.RENAMED[key].moves(value):
                problems += cls._take_old(key, value, given, chosen, known)
            elif key in known:
                chosen[key] = value
            elif key not in cls.BESIDE:
                problems.append(cls._unknown(key, known))
        if problems:
            raise UserError(problems)
        return cls(**chosen)

    @classmethod
    def _take_old(
        cls, key: str, value: Any, given: Mapping[str, Any], chosen: dict[str, Any], known: set[str]
    ) -> list[Problem]:
        """Assign the value of an old key to the new one; return a problem if both are given."""
        new = cls.RENAMED[key]
        if new.name in given:
            return [Problem(cls._where(key), f"its new name, {new.name}, is given too", "keep that one")]
        old = f"{cls._where(key)}: {value}" if new.values else cls._where(key)
        logger.warning(
            "%s is now %s: write that, the old name will be rejected in the next version", old, new.name
        )
        if new.values:
            chosen[key] = new.instead
        if new.name in known:
            chosen[new.name] = value - new.minus if new.minus else value
        return []

    @classmethod
    def _unknown(cls, key: str, known: set[str]) -> Problem:
        guess = nearest(key, sorted(known | cls.BESIDE))
        advice = f"did you mean {guess!r}?" if guess else f"there are {', '.join(sorted(known))}"
        return Problem(cls._where(key), "unknown setting", advice)

    @classmethod
    def _where(cls, key: str) -> str:
        return f"{cls.SECTION}.{key}" if cls.SECTION else key
