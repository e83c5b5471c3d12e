"""Telling people of incidents without Alertmanager: a webhook, signed, retried, rate-limited, once an incident."""
