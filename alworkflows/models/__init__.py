"""Models: sparse linear regression on descriptors, committees, their errors and their file."""

from alworkflows.models.accuracy import force_errors
from alworkflows.models.ensemble import Ensemble, Prediction
from alworkflows.models.linear.fitting import Fit
from alworkflows.models.linear.model import LinearModel
from alworkflows.models.linear.normal import fold_of
from alworkflows.models.train import train

__all__ = ["Ensemble", "Fit", "LinearModel", "Prediction", "fold_of", "force_errors", "train"]
