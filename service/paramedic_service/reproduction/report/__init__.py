"""A reproduction as one page for people: no scripts, nothing loaded from anywhere, everything escaped."""

from paramedic_service.reproduction.report.page import render

__all__ = ["render"]
