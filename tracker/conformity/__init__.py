"""Where each device under a derogation stands on its way to the CE mark, and whether everybody calls it the same.

The experts' opinion of 24 June 2025 (clinical evaluation consultation, MDR art. 54) criticised differing names,
populations and indications first: they are compared here across what the register holds. The hospital takes no part in
the assessment itself; it records what the manufacturer states.
Nouns: statement (of the pathway), naming, difference, explanation.
"""
