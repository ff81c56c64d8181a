"""The section on labels that contradict those of frames like them."""

from dataclasses import replace

from synthetic import empty, outliers, report

from workchains.report.outlier_section import outliers as section


def test_frames_are_named_with_what_is_off_and_what_they_counted():
    made = section(report())
    assert "2 of 114 training frames contradict frames like them: 1 left out, 1 counted for less" in made.caption
    assert "1 test frame is off" in made.caption
    trained, tested, alone = made.tables
    assert trained.rows[0] == (
        f"{1:016x}",
        "O8Zn8",
        "batch_iteration_01[1]",
        "forces by 1.2 eV/A, 15 x frames like it (0.08); energy by 250 meV/atom, 40 x frames like it (2)",
        "left out",
    )
    assert trained.rows[1][-1] == "0.04 of it"
    assert tested.rows[0][-1] == "never trained on"
    assert alone.rows[0][-1] == "in full"
    assert "like no others" in alone.caption


def test_what_was_not_looked_at_or_found_is_said():
    nothing = {**outliers(), "count": 0, "frames": [], "alone": [], "tests": []}
    made = section(replace(report(), outliers=nothing))
    assert "None of 114 training frames is off; no test frame is off." in made.caption
    assert not made.tables
    skipped = section(replace(report(), outliers={**nothing, "skipped": "too few"}))
    assert skipped.missing == "Labels were not held against each other: too few."
    assert section(empty()).missing == "No fit has looked at labels yet."


def test_a_long_list_is_cut_and_that_is_told():
    many = {**outliers(), "frames": outliers()["frames"] * 80}
    table = section(replace(report(), outliers=many)).tables[0]
    assert len(table.rows) == 100
    assert table.caption.endswith("(the first 100 of 160)")
