"""Parser of the filter expressions of `keep`, which select cells by their annotations.

The grammar is as follows; no code is executed::

    either     := both ("or" both)*
    both       := negation ("and" negation)*
    negation   := "not" negation | "(" either ")" | comparison
    comparison := operand (("==" | "!=" | "<" | "<=" | ">" | ">=") operand)+
                | operand ["not"] "in" "[" literal ("," literal)* "]"
                | boolean column
    operand    := column | "string" | 'string' | number | true | false

Column names that are not plain words are quoted in backticks. A comparison with a missing value is false,
``!=`` and ``not in`` included.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from panscape.errors import UserError, fail

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
      | (?P<string>"[^"]*"|'[^']*')
      | (?P<quoted>`[^`]+`)
      | (?P<word>[^\W\d]\w*)
      | (?P<sign>==|!=|<=|>=|[<>()\[\],])
    )""",
    re.VERBOSE,
)
LONGEST, DEEPEST = 10_000, 50  # characters, levels of not and parentheses
SHOWN = 300  # characters in messages
ORDER = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}
_HINTS = {
    "=": "write == for equality",
    "&": "write and",
    "|": "write or",
    "~": "write not",
    "!": "write not, or != between two values",
    "'": "close the quote",
    '"': "close the quote",
    "`": "close the backtick",
}


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    position: int


@dataclass(frozen=True)
class Column:
    """A column: its name and position in the expression."""

    name: str
    position: int


@dataclass(frozen=True)
class Literal:
    """A string, number or boolean."""

    value: str | float | bool
    position: int


def mistake(text: str, position: int, problem: str, fix: str, where: str) -> UserError:
    """Return the error for a problem at a character of an expression.

    Parameters
    ----------
    text
        The expression.
    position
        Offset of the character, from 0; the message counts from 1.
    problem
        Description of the problem.
    fix
        Advice on the correction.
    where
        Configuration key of the expression.

    Returns
    -------
    The error, for the caller to raise.
    """
    shown = text
    if len(text) > SHOWN:
        start = max(0, min(position - SHOWN // 2, len(text) - SHOWN))
        shown = f"...{text[start : start + SHOWN]}..."
    return fail(where, f"{shown!r}, at character {position + 1}: {problem}", fix)


def _tokens(text: str, where: str) -> list[_Token]:
    tokens, position = [], 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            position += len(text[position:]) - len(text[position:].lstrip())
            sign = text[position]
            fix = _HINTS.get(sign, "put column names that are not plain words in `backticks`")
            raise mistake(text, position, f"unexpected {sign!r}", fix, where)
        kind = str(match.lastgroup)  # every alternative of the pattern is a named group
        content = match[kind]
        keyword = kind == "word" and content in ("and", "or", "not", "in")
        tokens.append(_Token("sign" if keyword else kind, content, match.start(kind)))
        position = match.end()
    return [*tokens, _Token("end", "", len(text))]


class _Parser:
    """Recursive-descent parser of one expression; returns a nested tuple (operation, parts...)."""

    def __init__(self, text: str, where: str):
        if len(text) > LONGEST:
            what = f"{text[:60]!r}... has {len(text):,} characters, at most {LONGEST:,} are possible"
            raise fail(where, what, "list many values in a column of a table (metadata) instead")
        self.text, self.where = text, where
        self.depth = 0
        self.tokens, self.next = _tokens(text, where), 0

    def parse(self) -> tuple:
        tree = self.either()
        self.expect("")
        return tree

    def error(self, expected: str) -> UserError:
        token = self.tokens[self.next]
        problem = f"unexpected {token.text!r}" if token.text else "it ends too early"
        return mistake(self.text, token.position, problem, f"expected {expected}", self.where)

    def peek(self, *texts: str) -> bool:
        token = self.tokens[self.next]
        return token.kind in ("sign", "end") and token.text in texts

    def take(self) -> _Token:
        self.next += 1
        return self.tokens[self.next - 1]

    def expect(self, text: str) -> None:
        if not self.peek(text):
            raise self.error(repr(text) if text else "and, or, or the end")
        self.next += 1

    def either(self) -> tuple:
        parts = [self.both()]
        while self.peek("or"):
            self.take()
            parts.append(self.both())
        return ("or", *parts) if len(parts) > 1 else parts[0]

    def both(self) -> tuple:
        parts = [self.negation()]
        while self.peek("and"):
            self.take()
            parts.append(self.negation())
        return ("and", *parts) if len(parts) > 1 else parts[0]

    def negation(self) -> tuple:
        if not self.peek("not", "("):
            return self.comparison()
        self.depth += 1
        if self.depth > DEEPEST:
            position = self.tokens[self.next].position
            problem = f"more than {DEEPEST} levels of not and parentheses"
            raise mistake(self.text, position, problem, "write a simpler expression", self.where)
        if self.take().text == "not":
            tree: tuple = ("not", self.negation())
        else:
            tree = self.either()
            self.expect(")")
        self.depth -= 1
        return tree

    def comparison(self) -> tuple:
        left = self.operand()
        negated = self.peek("not")
        if negated:
            self.take()
        if negated or self.peek("in"):
            self.expect("in")
            return ("not in" if negated else "in", left, self.choices())
        steps = []
        while self.peek("==", "!=", *ORDER):
            sign = self.take().text
            steps.append((sign, left, right := self.operand()))
            left = right
        if len(steps) > 1:
            return ("and", *steps)
        if steps:
            return steps[0]
        if isinstance(left, Column):
            return ("true", left)
        raise self.error("a comparison such as == or in")

    def choices(self) -> list[Literal]:
        self.expect("[")
        items = []
        while not self.peek("]"):
            item = self.operand()
            if isinstance(item, Column):
                fix = "put text in quotes"
                raise mistake(self.text, item.position, f"{item.name} is not a value", fix, self.where)
            items.append(item)
            if not self.peek("]"):
                self.expect(",")
        self.take()
        return items

    def operand(self) -> Column | Literal:
        token = self.tokens[self.next]
        if token.kind not in ("number", "string", "quoted", "word"):
            raise self.error("a column, a text in quotes or a number")
        self.next += 1
        if token.kind == "number":
            return Literal(float(token.text), token.position)
        if token.kind == "string":
            return Literal(token.text[1:-1], token.position)
        if token.kind == "word" and token.text.lower() in ("true", "false"):
            return Literal(token.text.lower() == "true", token.position)
        return Column(token.text.strip("`"), token.position)


def parse_keep(expression: str, where: str) -> tuple:
    """Parse a filter expression.

    Raises
    ------
    UserError
        If the expression is malformed; the message gives the position and what was expected there.
    """
    return _Parser(expression, where).parse()
