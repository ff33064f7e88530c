"""Tables as they come: what their columns are, learnt from a frame or an array, and undone on the way out.

>>> import pandas as pd
>>> frame = pd.DataFrame({"age": [31, 44, 58], "country": ["NL", "DE", "NL"], "since": pd.to_datetime("2020-01-05")})
>>> schema = Schema.learn(frame)
>>> schema.encode(frame)
array([[31.,  1.,  0.],
       [44.,  0.,  0.],
       [58.,  1.,  0.]])
>>> bool(schema.decode(schema.encode(frame)).equals(frame))
True
"""

from .category import Category
from .column import Column
from .conditions import Conditions
from .numbers import Boolean, Number
from .schema import Schema
from .times import Date, Duration, Time

__all__ = ["Boolean", "Category", "Column", "Conditions", "Date", "Duration", "Number", "Schema", "Time"]
