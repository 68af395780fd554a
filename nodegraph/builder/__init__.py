"""Building graphs in Python: every call is checked at once, and what was built can be planned and run."""
