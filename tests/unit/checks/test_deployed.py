from mlsd.checks.deployed import check_policy


class Policy:
    def act(self, requests):
        return requests


def earns(answer):
    return "" if answer(["a row"]) else "earns nothing"


def test_what_is_not_a_policy_is_told_before_anything_is_deployed():
    def never(answer):
        raise AssertionError("deployed")

    result = check_policy(lambda log: 5, list, never)
    assert result.message == "return a policy, with a method act"
    result = check_policy(lambda log: Policy(), list, never, methods=("act", "observe"))
    assert result.message == "return a policy, with methods act and observe"


def test_a_policy_is_graded_by_what_it_earns():
    assert repr(check_policy(lambda log: Policy(), list, earns)) == "passed (4 points)"
    assert check_policy(lambda log: Policy(), list, lambda a: "poor").message == "poor"


def test_other_rules_are_told_before_anything_is_deployed():
    result = check_policy(lambda log: Policy(), list, earns, also=lambda policy: "no trees here")
    assert result.message == "no trees here"


def test_the_answer_is_made_from_what_the_exercise_gives():
    seen = []
    check_policy(lambda log: seen.append(log) or Policy(), lambda: "log", lambda answer: "")
    assert set(seen) == {"log"}


def test_a_stub_is_not_attempted():
    assert check_policy(lambda log: ..., list, earns).status == "not attempted"
    assert check_policy(..., list, earns).status == "not attempted"
