"""The report: one self-contained HTML page on a campaign that ended, failed or still runs."""

from workchains.report.data import Report

__all__ = ["Report"]
