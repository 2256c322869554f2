"""The product's detectors in the form that a scoring harness calls: arrays in, scores out.

`anomalies(series, warmup, per_day, frame)` gives a score and an alarm for each row, from that row
and the rows before it. `drift(history, current)` and `embeddings(history, current)` give more than
1 for drift. The work is done by `tollbook_collector.detect`; here columns are only put into order.
"""

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from tollbook_collector.detect import drift as numeric
from tollbook_collector.detect.embeddings import embedding_drift, fit_clusters, topics_of
from tollbook_collector.detect.follow import follow
from tollbook_collector.detect.grid import Floats, grid_of
from tollbook_collector.detect.single import single_alarms, single_scores


def list_cost(frame: pd.DataFrame, warmup: int) -> Floats:
    """Return dollars by a price list that is fitted on the warm-up; the product knows the list."""
    tokens = np.stack(
        [
            (frame["tokens_in"] - frame["tokens_cached"]).to_numpy(float),
            frame["tokens_cached"].to_numpy(float),
            frame["tokens_out"].to_numpy(float),
        ],
        axis=1,
    )
    spend = frame["spend"].to_numpy(float)
    size = tokens[:warmup].mean(0) + 1e-9
    mean = spend[:warmup].mean() + 1e-12
    prices, _ = nnls(tokens[:warmup] / size, spend[:warmup] / mean)
    return np.asarray(tokens @ (prices / size) * mean)


def rows_of(frame: pd.DataFrame, warmup: int) -> Floats:
    """Return the frame in the order of `channels.COLUMNS`, shape (1, columns, rows)."""
    names = ("spend", "requests", "tokens_in", "tokens_out", "tokens_cached", "errors")
    columns = [frame[name].to_numpy(float) for name in names]
    return np.stack([*columns, list_cost(frame, warmup)])[None]


def anomalies(
    series: pd.Series, warmup: int, per_day: int, frame: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return `score` and `alarm` for each row; without a frame the series is a lone metric."""
    if frame is None:
        values = series.to_numpy(float)
        lone = single_scores(values, warmup, per_day)
        alarm = single_alarms(values, lone)
        return pd.DataFrame({"score": lone, "alarm": alarm}, index=series.index)
    said = follow(rows_of(frame, warmup), grid_of(per_day))
    return pd.DataFrame({"score": said.strength[0], "alarm": said.opened[0]}, index=series.index)


def drift(history: list[Floats], current: Floats) -> float:
    """Return more than 1 where a window of counts is unlike the windows before it."""
    return numeric.numeric_drift(history, current).score


def embeddings(history: list[Floats], current: Floats) -> float:
    """Return more than 1 where a window of vectors is unlike the windows before it."""
    clusters = fit_clusters(np.concatenate(history))
    known = [topics_of(clusters, vectors) for vectors in history]
    return embedding_drift(known, topics_of(clusters, current))


embeddings.kinds = ("embed",)  # type: ignore[attr-defined]
