"""A deadline that comes after a number of looks at it, not with the clock."""

from alworkflows.deadline import Deadline


class After(Deadline):
    """Expires after a number of looks."""

    def __init__(self, looks):
        super().__init__()
        self.left = looks

    def remaining(self):
        self.left -= 1
        return 0.0 if self.left < 0 else 1e9
