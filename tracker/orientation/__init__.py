"""Which route? A few questions lead from a clinical situation to what the rules make of it, with reason and source.

Not every device without CE marking is a matter of derogation: it may be custom-made (MDR art. 2(3)), a CE-marked device
may do, or the practitioner alone is responsible. Nouns: question, option, path, answer. Nothing is stored.
"""
