"""A campaign made by hand that has all a report reads: fingerprints, real ensembles, a judgement."""

import numpy as np
import pytest

from alworkflows.models import Ensemble, LinearModel
from alworkflows.settings import PlipSettings

DESCRIPTORS = PlipSettings.gaussians((2.0, 3.0), (1.0,), cutoff=4.0, l=(1,), m=(4,))


def small_ensemble():
    size = LinearModel(DESCRIPTORS, ("Cu",), np.zeros(1), np.zeros(1)).descriptors.size
    members = []
    for index in range(2):
        weights = np.zeros(size)
        weights[[0, index + 1]] = 0.1
        members.append(LinearModel(DESCRIPTORS, ("Cu",), weights, np.zeros(1)))
    return Ensemble(members)


@pytest.fixture(scope="module")
def complete(finished, make_frames, tmp_path_factory):
    """Return the class of campaigns like the one made by hand, but whose nodes can be read to the bottom."""
    path = tmp_path_factory.mktemp("model") / "ensemble.npz"
    small_ensemble().save(path)

    class Complete(type(finished)):
        def job(self, label, key, begin, end, inputs, outputs, *args, **options):
            if label == "DescribeJob":
                rows = np.random.default_rng(begin).normal(size=(len(inputs["candidates"]), 5))
                outputs["deviation"].set_array("fingerprints", rows)
            if label == "FitJob":
                outputs["ensemble"].put_file(path)
            return super().job(label, key, begin, end, inputs, outputs, *args, **options)

        def judge(self):
            """Add the job that judges both ensembles on both test frames."""
            rng = np.random.default_rng(1)
            arrays = self.orm.ArrayData()
            reference = rng.normal(size=(8, 3))
            for name, values in {
                "reference_forces": reference,
                "predicted_forces": reference + 0.1,
                "largest_error": np.array([0.2, 0.3]),
                "disagreement": np.array([0.1, 0.2]),
                "atoms": np.array([4, 4]),
                "group": np.array([0, 1]),
            }.items():
                arrays.set_array(name, values)
            names = ("melt", "surface", "all")
            errors = [{name: {"force_rmse": error, "force_std": 2.0} for name in names} for error in (0.4, 0.1)]
            inputs = {f"ensembles__iteration_{number:02d}": self.nodes["ensemble", number] for number in (1, 2)}
            report = {"groups": ["melt", "surface"], "errors": errors}
            self.job("EvaluateJob", "evaluate", 106, 109, inputs, {"evaluation": arrays}, seconds=1.0, report=report)

    return Complete


@pytest.fixture(scope="module")
def judged(complete, make_frames):
    """Return a finished campaign: to be read, not changed."""
    campaign = complete(make_frames, first=1000)
    campaign.judge()
    campaign.finish()
    return campaign.node


@pytest.fixture(scope="module")
def unjudged(complete, make_frames):
    """Return a campaign that has no judgement; each test sets its state."""
    return complete(make_frames, first=2000)
