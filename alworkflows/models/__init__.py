"""Models: sparse linear regression on descriptors, committees, their errors and their file."""

from alworkflows.models.ensemble import Ensemble, Prediction
from alworkflows.models.errors import force_errors
from alworkflows.models.fit import Fit
from alworkflows.models.linear import LinearModel
from alworkflows.models.normal import fold_of
from alworkflows.models.train import train

__all__ = ["Ensemble", "Fit", "LinearModel", "Prediction", "fold_of", "force_errors", "train"]
