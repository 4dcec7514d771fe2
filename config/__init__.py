"""Settings and logging: read by the composition roots only, passed down as values."""
