"""The stock as a whole: one search, filters, exports, and its picture by state and by end of derogation.

One unit with its life is in ``devices``; this room stands above the derogations, by which the stock is filtered.
"""
