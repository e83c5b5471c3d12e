import io
import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_fd_to_metric_families

from paramedic_service.metrics.text import Family, label_pairs, number


@pytest.mark.parametrize(
    ("value", "spelling"),
    [
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (0.1, "0.1"),
        (-0.0, "-0.0"),
        (7, "7"),
        (2**60, "1152921504606846976"),
        (sys.float_info.max, "1.7976931348623157e+308"),
        (5e-324, "5e-324"),
    ],
)
def test_numbers_are_spelt_as_prometheus_reads_them(value, spelling):
    assert number(value) == spelling


def test_backslashes_quotes_and_line_breaks_in_labels_are_escaped():
    assert label_pairs({"a": 'x\\y"z\nw', "b": "100%{é}"}) == 'a="x\\\\y\\"z\\nw",b="100%{é}"'


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_label_reads_back_as_it_was(value):
    line = Family("paramedic_example", "Example.").prefix(label_pairs({"label": value})) + "1\n"
    # The format breaks lines at line feeds only, Python's readers at more unless told.
    [family] = text_fd_to_metric_families(io.StringIO(line, newline="\n"))
    assert family.samples[0].labels == {"label": value}
