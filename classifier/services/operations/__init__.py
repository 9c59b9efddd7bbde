"""Operations: backup, restore, sweep, storage errors, metrics."""
