import pytest

from s1.case_table import entries_by_case, read_case_table
from s1.errors import DomainMapError

CASES = ["x1", "x2", "x3"]


@pytest.fixture
def entries(tmp_path):
    """Return a function that writes a table and returns the entries of a column."""

    def read(table, column="domain", cases=CASES):
        path = tmp_path / "domains.csv"
        path.write_bytes(table.encode())
        return entries_by_case(read_case_table(path), column, cases, path)

    return read


@pytest.mark.parametrize(
    "table",
    [
        "x1,A\nx2,B\nx3,A\n",
        "case,domain\nx1,A\nx2,B\nx3,A\n",
        "domain;scanner;Case\nA;s;x1\nB;s;x2\nA;s;x3\n",
        "\ufeffx1\tA\r\nx2\tB\r\n\r\nx3\tA\r\n",
        "case,domain,note\nx1,A,a;b;c;d;e\nx2,B,\nx3,A\n",
        "case;domain\nx1.png;A\nx2_0000.png;B\nx3_0000.nii.gz;A\n",
    ],
)
def test_tables_with_and_without_header_or_file_endings_and_of_any_separator_are_read(entries, table):
    assert entries(table) == {"x1": "A", "x2": "B", "x3": "A"}


def test_a_case_name_may_contain_what_looks_like_a_file_ending(entries):
    assert entries("x.tif,A\nx,B\nx.2.png,C\n", cases=["x.tif", "x", "x.2"]) == {"x.tif": "A", "x": "B", "x.2": "C"}


def test_a_quote_that_is_left_open_is_refused_with_its_line(entries):
    with pytest.raises(DomainMapError, match=r"line 2: cannot be read as a table .* is a quote left open\?"):
        entries('x1,A\n"x2,B\nx3,A\n')


def test_every_problem_is_listed(entries):
    with pytest.raises(DomainMapError) as caught:
        entries("x1,A\nx1,B\nx33,A\nx33,B\n", cases=["x1", "x2", "x3"])
    lines = [line.strip() for line in str(caught.value).splitlines()]
    assert lines[0].endswith("domains.csv does not match the cases (5 problems):")
    assert lines[1:] == [
        "line 2: case 'x1' is in 'B' here, in 'A' above",
        "line 3: case 'x33' does not exist, did you mean 'x3'?",
        "line 4: case 'x33' does not exist, did you mean 'x3'?",
        "case 'x2' is not in the table",
        "case 'x3' is not in the table",
    ]


def test_a_column_may_not_be_empty_for_some_cases(entries):
    with pytest.raises(DomainMapError, match=r"domains\.csv: line 3: case 'x2' has no group$"):
        entries("case,domain,group\nx1,A,p\nx2,A\n", "group", ["x1", "x2"])


@pytest.mark.parametrize("table", ["", "case,domain\n", "x1\n", "x1,\n"])
def test_a_table_without_case_and_domain_is_refused(entries, table):
    with pytest.raises(DomainMapError, match=r"domains\.csv: .*expected rows of `case,domain`"):
        entries(table)


def test_a_missing_or_binary_file_is_named(tmp_path):
    path = tmp_path / "domains.csv"
    with pytest.raises(DomainMapError, match=r"domains\.csv: no such file"):
        read_case_table(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DomainMapError, match=r"domains\.csv: cannot be read as a table"):
        read_case_table(path)
