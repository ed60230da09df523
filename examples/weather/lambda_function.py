"""Four years of Seattle's weather: what a month was like, with pandas."""

from pathlib import Path

import pandas as pd

# Read once, when the environment starts; every invocation after that finds it in memory.
DAYS = pd.read_csv(Path(__file__).with_name("seattle-weather.csv"), parse_dates=["date"])


def lambda_handler(event, context):
    days = DAYS[DAYS["date"].dt.year == event.get("year", 2015)]
    if "month" in event:
        days = days[days["date"].dt.month == event["month"]]
    if days.empty:
        raise ValueError("there are data for 2012 to 2015")
    warmest = days.loc[days["temp_max"].idxmax()]
    print(f"{len(days)} days")
    return {
        "days": len(days),
        "rain_mm": round(float(days["precipitation"].sum()), 1),
        "mean_max_c": round(float(days["temp_max"].mean()), 1),
        "warmest": {"date": warmest["date"].date().isoformat(), "max_c": float(warmest["temp_max"])},
        "weather": {kind: int(count) for kind, count in days["weather"].value_counts().items()},
    }
