"""Frameworks that report by themselves; each module is imported by those who use that framework."""
