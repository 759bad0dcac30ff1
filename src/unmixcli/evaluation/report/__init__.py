"""Results as pages and pictures that open anywhere and ask nothing of a network."""

from unmixcli.evaluation.report.writing import write_report

__all__ = ["write_report"]
