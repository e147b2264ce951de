from mlsd.runtime import InputError


def test_the_message_is_one_line():
    assert str(InputError("log.csv:\n  row 3\tis short")) == "log.csv: row 3 is short"
    assert isinstance(InputError("x"), ValueError)
