"""Trace59: the traceability register of devices without CE marking, used under a derogation of ANSM."""
