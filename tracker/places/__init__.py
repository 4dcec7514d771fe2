"""Patients counted under a derogation whose decision states a greatest number: places are taken and freed.

Noun: place. ANSM may cap the number of patients (domain reference 1.4).
"""
