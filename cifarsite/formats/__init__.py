"""How dates are written in each language; numbers are written as Django has it."""
