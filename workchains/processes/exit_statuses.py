"""Exit statuses that one process knows another by."""

#: of a training step whose members would be too few
COMMITTEE_TOO_SMALL = 406
