"""Labels: computed frame by frame, judged before they are believed, within the time that a job has."""

from alworkflows.labelling.acceptance import label_frame
from alworkflows.labelling.label_deadline import LabelDeadline
from alworkflows.labelling.run import LabelReport, label, run_labels

__all__ = ["LabelDeadline", "LabelReport", "label", "label_frame", "run_labels"]
