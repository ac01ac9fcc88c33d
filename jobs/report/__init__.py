"""report.html and report.json: what came out, to be looked at. Imports no torch."""
