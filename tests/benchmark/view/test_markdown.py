"""What a class or a file is called is text in Markdown, whatever signs it has."""

import pandas as pd

from benchmark.view.markdown import leaderboard, plain
from benchmark.view.sections import Section


def test_no_name_is_taken_for_html_a_link_or_a_cell() -> None:
    assert plain("<img src=x>") == r"\<img src=x>"
    assert plain("~~a~~ costs $1$") == r"\~\~a\~\~ costs \$1\$"
    assert plain("a|b") == r"a\|b"
    assert plain("[x](http://y)") == r"[x\](http://y)"
    assert plain("a\nb") == "a b"
    assert plain("# 1") == r"\# 1"
    assert plain("knn[n_neighbors=3]") == "knn[n_neighbors=3]"


def test_a_sign_in_a_table_does_not_shift_its_cells() -> None:
    table = pd.DataFrame({"model": ["knn"], "status and notes": ["only ever says <b>|c"]})
    text = leaderboard([Section("digits", table=table, after=["One.", "Two."])])
    assert r"only ever says \<b>\|c" in text
    assert "\n\nOne. Two.\n" in text
