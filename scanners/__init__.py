"""Reads and writes the labels of medical devices.

Three kinds of rooms: ``readers`` (bytes or pixels to text), ``udi`` (text to UDI: GS1, HIBCC, ICCBBA, IFA, the French
patient label and our own unit label), ``symbols`` (writes labels). Nothing here knows Flask, a database, the settings
or the rest of the program; the parsers know neither operating system nor clock.

``scan`` reads one text and never raises.
"""

from scanners.recognition import scan
from scanners.result import Element, Fault, PatientIdentity, Precision, Scan, Standard, Status, Udi

__all__ = ["Element", "Fault", "PatientIdentity", "Precision", "Scan", "Standard", "Status", "Udi", "scan"]
