"""Choices made again on labelled data: pools, and how many labels a rule needs to reach an error."""
