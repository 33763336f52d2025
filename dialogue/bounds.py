"""Bounds of numeric settings: types that pydantic checks where params.yaml is read."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt, Interval

Count = Annotated[int, Ge(0)]
"""A number of things; 0 where the setting says what that means."""
Positive = Annotated[int, Ge(1)]
"""A number of things of which there must be one."""
Seed = Annotated[int, Interval(ge=0, lt=2**32)]
"""A seed that every generator takes, numpy's too."""
Amount = Annotated[float, Ge(0)]
"""A measure such as a temperature, or seconds to wait."""
Duration = Annotated[float, Gt(0)]
"""Seconds after which something is given up."""
Share = Annotated[float, Interval(ge=0, le=1)]
"""A part of a whole."""
