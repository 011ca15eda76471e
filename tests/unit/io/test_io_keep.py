"""The language of `keep`, against pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panscape.data.filter_expression import parse_keep
from panscape.data.readers.keep import keep_mask
from panscape.errors import UserError

WHERE = "studies[0].keep"


@pytest.fixture
def obs() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "day": [8.5, 9.0, np.nan, 12.0],
            "cell type": pd.Categorical(["neural tube", "gut", None, "gut"]),
            "plate": [1, 2, 3, 4],
            "code": pd.Categorical([1, 2, 2, 1]),
            "doublet": [True, False, False, True],
            "checked": pd.array([True, None, False, True], dtype="boolean"),
            "in_vitro": ["a'b", "é", "", "x"],
        }
    )


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("`cell type` == 'gut'", "0101"),
        ("`cell type` != 'gut'", "1000"),  # a missing value equals nothing and differs from nothing
        ("`cell type` in ['gut', 'neural tube']", "1101"),
        ("`cell type` not in ['gut']", "1000"),
        ("day < 10", "1100"),
        ("not day < 10", "0011"),
        ("8.5 < day <= 12", "0101"),
        ("8.5 <= day < 12", "1100"),
        ("day >= 9 and doublet", "0001"),
        ("day >= 9 or not doublet", "0111"),
        ("not doublet", "0110"),
        ("doublet == True", "1001"),
        ("doublet == false", "0110"),
        ("checked", "1001"),
        ("checked == false", "0010"),
        ("code == 2", "0110"),
        ("plate in [1, 4.0, 7,]", "1001"),
        ("plate in []", "0000"),
        ("plate == code", "1100"),
        ('in_vitro == "a\'b"', "1000"),
        ("in_vitro == 'é' or in_vitro == ''", "0110"),
        ("plate > -1e0", "1111"),
        ("(plate==1)or(plate==4)and not(doublet)", "1000"),
        ("not not plate == 1", "1000"),
        (" plate\n== 3 ", "0010"),
    ],
)
def test_meaning(obs, text, kept):
    mask = keep_mask(text, obs, WHERE)
    assert mask.dtype == bool and "".join("01"[int(value)] for value in mask) == kept


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("plate = 1", 7, "write == for equality"),
        ("plate == 1 & day > 3", 12, "write and"),
        ("plate == 1 | day > 3", 12, "write or"),
        ("~doublet", 1, "write not"),
        ("day == 'x", 8, "close the quote"),
        ("`cell type == 'gut'", 1, "close the backtick"),
        ("cell type == 'gut'", 6, "unexpected 'type'"),
        ("plate ==", 9, "ends too early"),
        ("", 1, "ends too early"),
        ("(plate == 1", 12, "expected ')'"),
        ("plate == 1)", 11, "unexpected ')'"),
        ("plate in 1", 10, "expected '['"),
        ("plate in [day]", 11, "day is not a value"),
        ("plate in [1 2]", 13, "expected ','"),
        ("plate not 3", 11, "expected 'in'"),
        ("'gut'", 6, "expected a comparison"),
        ("plate == 1 and", 15, "ends too early"),
        ("plate == 1.2.3", 10, "unexpected"),
        ("plate == 3x", 10, "unexpected"),
        ("__import__('os')", 11, "unexpected '('"),
        ("day.max() > 3", 4, "unexpected '.'"),
        ("plate == 1; x", 11, "unexpected ';'"),
    ],
)
def test_mistakes_are_told_with_their_place(obs, text, place, message):
    with pytest.raises(UserError) as caught:
        parse_keep(text, WHERE)
    assert f"{text!r}, at character {place}:" in str(caught.value) and message in str(caught.value)
    assert str(caught.value).count(WHERE) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dya < 3", "no column 'dya' -> columns: day, cell type"),
        ("nosuch", "no column 'nosuch'"),
        ("gut == `cell type`", "put text in quotes"),
        ("plate == '1'", "column 'plate' of number (e.g. 1, 2, 3) is compared with the text '1'"),
        ("`cell type` == 1", "column 'cell type' of text"),
        ("`cell type` in ['gut', 2]", "the number 2"),
        ("`cell type` < 'gut'", "only numbers are ordered"),
        ("plate", "of number"),
        ("doublet > false", "only numbers are ordered"),
    ],
)
def test_columns_and_kinds_must_fit(obs, text, message):
    with pytest.raises(UserError) as caught:
        keep_mask(text, obs, WHERE)
    assert message in str(caught.value)


NUMBERS, WORDS = ["x", "two words"], ["label", "Stück"]


@st.composite
def frames(draw):
    rows = draw(st.integers(1, 12))
    number = st.one_of(st.integers(-3, 3).map(float), st.just(np.nan))
    word = st.sampled_from(["a", "b c", "", "it's", None])
    table = {name: draw(st.lists(number, min_size=rows, max_size=rows)) for name in NUMBERS}
    table |= {name: draw(st.lists(word, min_size=rows, max_size=rows)) for name in WORDS}
    return pd.DataFrame(table).astype({name: draw(st.sampled_from(["object", "category"])) for name in WORDS})


number_column = st.sampled_from(NUMBERS).map(lambda name: f"`{name}`" if " " in name else name)
word_column = st.sampled_from(WORDS)
number_text = st.sampled_from(["-2", "0", "1.0", "2.5", "1e0", "+3", ".5"])
word_text = st.sampled_from(['"a"', "'b c'", "''", '"it\'s"', "'zzz'"])
negation = st.sampled_from(["", "not "])
leaves = st.one_of(
    st.tuples(
        number_column,
        st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
        st.one_of(number_text, number_column),
    ).map(" ".join),
    st.tuples(word_column, st.sampled_from(["==", "!="]), word_text).map(" ".join),
    st.tuples(number_column, negation, st.lists(number_text, min_size=1, max_size=3)).map(
        lambda t: f"{t[0]} {t[1]}in [{', '.join(t[2])}]"
    ),
    st.tuples(word_column, negation, st.lists(word_text, min_size=1, max_size=3)).map(
        lambda t: f"{t[0]} {t[1]}in [{', '.join(t[2])}]"
    ),
)
expressions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        inner.map(lambda text: f"not ({text})"),
        inner.map(lambda text: f"({text})"),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join),
    ),
    max_leaves=8,
)


def by_python(text: str, row: dict) -> bool:
    """Evaluate row by row in Python, which has the same grammar apart from backticks and missing values."""

    class Value:
        def __init__(self, value):
            self.value = value

        def _with(self, other, compare):
            other = other.value if isinstance(other, Value) else other
            return False if pd.isna(self.value) or pd.isna(other) else compare(self.value, other)

        def __eq__(self, other):
            return self._with(other, lambda a, b: a == b)

        def __ne__(self, other):
            return self._with(other, lambda a, b: a != b)

        def __lt__(self, other):
            return self._with(other, lambda a, b: a < b)

        def __le__(self, other):
            return self._with(other, lambda a, b: a <= b)

        def __gt__(self, other):
            return self._with(other, lambda a, b: a > b)

        def __ge__(self, other):
            return self._with(other, lambda a, b: a >= b)

        __hash__ = None

    names = {name.replace(" ", "_"): Value(value) for name, value in row.items()}
    # the oracle may use what the code under test must not
    return bool(eval(text.replace("`two words`", "two_words"), {"__builtins__": {}}, names))


@settings(max_examples=200)
@given(frames(), expressions)
def test_like_python_row_by_row(frame, text):
    if " not in " in text:  # with a missing value Python finds it not in the list, we find nothing
        frame = frame.dropna().reset_index(drop=True)
    expected = [by_python(text, row) for row in frame.to_dict("records")]
    assert keep_mask(text, frame, WHERE).tolist() == expected


@settings(max_examples=100)
@given(frames(), expressions)
def test_like_pandas_where_nothing_is_missing(frame, text):
    frame = frame.dropna().reset_index(drop=True)
    frame[WORDS] = frame[WORDS].astype(object)
    expected = frame.eval(text, engine="python")
    assert keep_mask(text, frame, WHERE).tolist() == np.asarray(expected).tolist()


@settings(max_examples=200)
@given(st.text(alphabet="ab`'\"()[]<>=!&|~,. 12notinadr_\n\\", max_size=25))
def test_any_text_is_read_or_refused(text):
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]})
    try:
        assert keep_mask(text, frame, WHERE).dtype == bool
    except UserError as error:
        assert WHERE in str(error)
