"""A failed implantation or an explantation that was entered wrongly: its details corrected, or taken back.

Nouns: amendment (*rectification*), withdrawal (*annulation*), as for uses (``corrections``): a correction is a new
dated fact that names the record it corrects; the wrong record stays for ever (design, decision 5).
"""
