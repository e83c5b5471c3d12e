"""HTTP: metrics, probes, and the page that links to them."""
