"""Findings of one fault, joined into an incident with ranked causes and remedies."""
