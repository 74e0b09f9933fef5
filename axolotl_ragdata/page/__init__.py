"""Pages that explain a run: one HTML file each, without a script, that loads nothing from anywhere."""

from __future__ import annotations

from axolotl_ragdata.page.charts import Chart, bars, histogram, intervals
from axolotl_ragdata.page.shell import POLICY, link_to, render

__all__ = ["POLICY", "Chart", "bars", "histogram", "intervals", "link_to", "render"]
