"""The campaign file: every key, its type, unit and default, each written once.

Numbers are in eV, A, fs, K (pressure in GPa, density in g/cm^3, rate in K/ps); a text such as ``"10 ps"`` or ``"1 nm"`` is
converted. A key, unit, species or name that is not known is an error that suggests the nearest.
"""

from alworkflows.schema import Settings, merge, parse
from alworkflows.settings.campaign import Campaign, GivenData, Overlap, Stage
from alworkflows.settings.descriptors import DescriptorSettings, PlipSettings
from alworkflows.settings.descriptors.plip import GaussianFunctions
from alworkflows.settings.dft import EspressoSettings, VaspSettings
from alworkflows.settings.labels import Approval, CalculatorSettings, LabelSettings
from alworkflows.settings.model import GroupSettings, LinearSettings, ModelSettings, UniversalSettings
from alworkflows.settings.reading import ReadSettings
from alworkflows.settings.regression import FitMethod, FitSettings, OutlierRule, TermsRule
from alworkflows.settings.samplers import (
    CompressSettings,
    DimerSettings,
    DrivenDynamics,
    Dynamics,
    FramesSettings,
    MeltSettings,
    QuenchSettings,
    RattleSettings,
    Sampler,
    SamplerSettings,
    StrainSettings,
    SurfaceMeltSettings,
)
from alworkflows.settings.selection import Criterion, Diversity, LevelKind, SelectionSettings, TrustLevels
from alworkflows.settings.stopping import Budget, Combine, Convergence
from alworkflows.settings.structures import GeometryLimits, StructureSettings
from alworkflows.yaml_text import read_yaml

__all__ = [
    "Approval",
    "Budget",
    "CalculatorSettings",
    "Campaign",
    "Combine",
    "CompressSettings",
    "Convergence",
    "Criterion",
    "DescriptorSettings",
    "DimerSettings",
    "Diversity",
    "DrivenDynamics",
    "Dynamics",
    "EspressoSettings",
    "FitMethod",
    "FitSettings",
    "FramesSettings",
    "GaussianFunctions",
    "GeometryLimits",
    "GivenData",
    "GroupSettings",
    "LabelSettings",
    "LevelKind",
    "LinearSettings",
    "MeltSettings",
    "ModelSettings",
    "OutlierRule",
    "Overlap",
    "PlipSettings",
    "QuenchSettings",
    "RattleSettings",
    "ReadSettings",
    "Sampler",
    "SamplerSettings",
    "SelectionSettings",
    "Settings",
    "Stage",
    "StrainSettings",
    "StructureSettings",
    "SurfaceMeltSettings",
    "TermsRule",
    "TrustLevels",
    "UniversalSettings",
    "VaspSettings",
    "merge",
    "parse",
    "read_yaml",
]
