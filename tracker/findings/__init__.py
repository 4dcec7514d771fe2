"""The reasons of a verdict (*motifs*): one table, read by the bench, by a page and by the documentation.

Nouns: finding (one reason, with its data), outcome (accepted, quarantined, refused). Regulation: each row of the table
names the article or decision it rests on.
"""
