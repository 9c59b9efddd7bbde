"""What an operator needs: backup, restore, sweep, storage errors, metrics."""
