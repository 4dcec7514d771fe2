"""The register as a whole: searched and narrowed page by page, drawn over time.

One derogation, its decisions and what may be recorded of it are in ``derogations``, on which this room stands.
Nouns: line, filter, timeline.
"""
