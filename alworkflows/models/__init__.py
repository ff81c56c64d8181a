"""Models behind one contract, ensembles of any of them, what fits them, their errors and their file."""

from alworkflows.models.accuracy import Comparison, compare, force_errors
from alworkflows.models.contract import Model, Trainer
from alworkflows.models.ensemble import Ensemble
from alworkflows.models.evaluation import EnsemblePrediction, Prediction
from alworkflows.models.linear.fitting import Fit
from alworkflows.models.linear.model import LinearModel
from alworkflows.models.registry import MODELS
from alworkflows.models.sample import fold_of
from alworkflows.models.train import train

__all__ = [
    "MODELS",
    "Comparison",
    "Ensemble",
    "EnsemblePrediction",
    "Fit",
    "LinearModel",
    "Model",
    "Prediction",
    "Trainer",
    "compare",
    "fold_of",
    "force_errors",
    "train",
]
