"""Statistics of rows: means with intervals clustered by HR image, paired tests, rankings. Pure functions.

No scipy at run time: the only quantiles that are needed are a table of 28 numbers.
"""

from refbench.stats.holm import holm
from refbench.stats.interval import Interval, mean_interval
from refbench.stats.paired import Comparison, compare, compare_differences, compare_images
from refbench.stats.ranking import Ranking, rank
from refbench.stats.summary import MetricSummary, RowsSummary, summarise

__all__ = [
    "Comparison",
    "Interval",
    "MetricSummary",
    "Ranking",
    "RowsSummary",
    "compare",
    "compare_differences",
    "compare_images",
    "holm",
    "mean_interval",
    "rank",
    "summarise",
]
