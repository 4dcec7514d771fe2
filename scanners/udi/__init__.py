"""Text in, unique device identifier out: one module per issuing entity, all pure.

Nothing here knows the operating system, the clock or the network: the day against which a two-digit year is read is an
argument. Every module offers the same few names: ``parse``, ``format``, and where a standard has one ``check_digit``.
"""
