"""Pages: what the report and the review page are both made of."""
