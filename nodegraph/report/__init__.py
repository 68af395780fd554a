"""The report that stays with every run, as text and as a static HTML page; and what it reads of the log."""

from nodegraph.report.page import html_report, run_html
from nodegraph.report.text import text_report

__all__ = ["html_report", "run_html", "text_report"]
