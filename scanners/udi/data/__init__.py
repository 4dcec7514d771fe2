"""Tables that come from a standard: each file carries its origin, version and date, and the script that makes it."""
