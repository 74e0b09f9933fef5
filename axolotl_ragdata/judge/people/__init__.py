"""People beside judges: blind pairs for raters, their choices joined back, and judges calibrated by people's scores."""
