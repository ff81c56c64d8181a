"""Questions to the record, ready to ask.

>>> from aiida import load_profile, orm
>>> from workchains import provenance
>>> load_profile()
>>> campaign = orm.load_node(1234)
>>> for record in provenance.iterations(campaign):
...     print(record.key, record.stage, record.counts, record.labels, record.test_error)
>>> provenance.idle_share(campaign).share               # share of the wall time in which no job ran
>>> provenance.costs(campaign).steps["label"].core_hours  # what it cost: see Costs
>>> for interval in provenance.timeline(campaign):
...     print(interval.label, interval.start, interval.end, interval.seconds)
>>> [place.pk for place in provenance.find_frame("3fa2")]     # every node that holds the frame whose id begins so
>>> for event in provenance.frame_lineage("3fa2")[0].events:
...     print(event.kind, event.pk, event.facts)
>>> lineage = provenance.model_lineage(campaign.outputs.ensemble)     # what it was trained on, what that cost, what used it
"""

from workchains.provenance.ancestry import Relative, ancestry, uses
from workchains.provenance.costs import Cost, Costs, LabelCosts, core_hours_spent, costs
from workchains.provenance.event import Event
from workchains.provenance.frames import FrameLocation, find_frame, is_frame_id, resolve_frame
from workchains.provenance.iterations import evaluation, iterations
from workchains.provenance.labels import LabelTally, label_tallies, label_tally, labelled_frames, together
from workchains.provenance.leftovers import Disk, disk, folders_left
from workchains.provenance.lineage import FrameLineage, frame_lineage
from workchains.provenance.models import Lineage, Use, figure_lineage, frames_lineage, model_lineage, node_lineage
from workchains.provenance.places import Place, Places, is_labelling
from workchains.provenance.record import IterationRecord
from workchains.provenance.timeline import IdleShare, Interval, idle_share, span, timeline
from workchains.provenance.tree import Step, campaign_of, earlier_campaign, is_campaign, load_node, outputs_of, steps_below
from workchains.provenance.versions import check_version

__all__ = [
    "Cost",
    "Costs",
    "Disk",
    "Event",
    "FrameLineage",
    "FrameLocation",
    "IdleShare",
    "Interval",
    "IterationRecord",
    "LabelCosts",
    "LabelTally",
    "Lineage",
    "Place",
    "Places",
    "Relative",
    "Step",
    "Use",
    "ancestry",
    "campaign_of",
    "check_version",
    "core_hours_spent",
    "costs",
    "disk",
    "earlier_campaign",
    "evaluation",
    "figure_lineage",
    "find_frame",
    "folders_left",
    "frame_lineage",
    "frames_lineage",
    "idle_share",
    "is_campaign",
    "is_frame_id",
    "is_labelling",
    "iterations",
    "label_tallies",
    "label_tally",
    "labelled_frames",
    "load_node",
    "model_lineage",
    "node_lineage",
    "outputs_of",
    "resolve_frame",
    "span",
    "steps_below",
    "timeline",
    "together",
    "uses",
]
