"""Wrong answers to the last exercise on experiments that lie: each leaves out one thing."""

from __future__ import annotations

from mlsd.experiments import cuped, mean_lift, sample_ratio_p_value, sequential_boundary
from mlsd.lab_support.ad_click.lying_experiments import Experiment, naive_z


def adjusted_z(experiment: Experiment, one: str, two: str, days: slice) -> float:
    """Return z of two arms after CUPED, on the mean of some days."""
    chosen = experiment.of(one) | experiment.of(two)
    outcome = experiment.revenue[chosen][:, days].mean(axis=1)
    adjusted = cuped(outcome, experiment.users["before"].to_numpy()[chosen])
    treated = experiment.of(two)[chosen]
    found = mean_lift(adjusted[~treated], adjusted[treated])
    return 1.96 * found.estimate / (found.estimate - found.low)


def ship_all(experiment: Experiment) -> bool:
    """Ship whatever comes."""
    return True


def ship_positive(experiment: Experiment) -> bool:
    """Ship if the estimate is above zero."""
    return bool(naive_z(experiment)[-1] > 0)


def cuped_alone(experiment: Experiment) -> bool:
    """Ship if CUPED gives p < 0.05, without a check."""
    return adjusted_z(experiment, "control", "treatment", slice(None)) > 1.96


def budgets_ignored(experiment: Experiment) -> bool:
    """Never look at the users outside."""
    return _complete(experiment) and _above_boundary(experiment, _settled(experiment))


def novelty_ignored(experiment: Experiment) -> bool:
    """Judge by the mean of all days."""
    checked = _complete(experiment) and not _control_harmed(experiment)
    return checked and _above_boundary(experiment, slice(None))


def missing_users_ignored(experiment: Experiment) -> bool:
    """Never compare how many users the arms have."""
    return not _control_harmed(experiment) and _above_boundary(experiment, _settled(experiment))


def stop_ignored(experiment: Experiment) -> bool:
    """Hold a test that was stopped against 1.96, as if one look had been planned."""
    z = adjusted_z(experiment, "control", "treatment", _settled(experiment))
    return _complete(experiment) and not _control_harmed(experiment) and z > 1.96


def own_past(experiment: Experiment) -> bool:
    """Ship if treated users spend clearly more than before, without a control."""
    treated = experiment.of("treatment")
    spent = experiment.revenue[treated][:, _settled(experiment)].mean()
    return bool(spent > 1.12 * experiment.users["before"][treated].mean() / 14)


def outside_as_control(experiment: Experiment) -> bool:
    """Compare treated users with another market."""
    return adjusted_z(experiment, "outside", "treatment", _settled(experiment)) > 1.96


def _settled(experiment: Experiment) -> slice:
    return slice(7, None) if experiment.days == experiment.planned_days else slice(None)


def _complete(experiment: Experiment) -> bool:
    arms = [experiment.of(arm).sum() for arm in ("control", "treatment")]
    return sample_ratio_p_value(arms) > 0.001


def _control_harmed(experiment: Experiment) -> bool:
    return adjusted_z(experiment, "outside", "control", slice(None)) < -2.6


def _above_boundary(experiment: Experiment, days: slice) -> bool:
    boundary = sequential_boundary(experiment.planned_days)[experiment.days - 1]
    return bool(adjusted_z(experiment, "control", "treatment", days) > boundary)
