from pathlib import Path

import policies

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- policies -->\n", "<!-- /policies -->\n"


def test_the_readme_holds_the_table():
    """To write it again: `python -c "import policies; print(policies.table(), end='')"`."""
    assert README.read_text().partition(BEGIN)[2].partition(END)[0] == policies.table()
