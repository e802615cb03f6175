"""Pictures of samples: molecules, crystals and proteins as small SVGs, and their geometry for 3D viewers."""

from typing import TYPE_CHECKING

from ..base import lazy_names

if TYPE_CHECKING:
    from .depict import Drawing as Drawing
    from .depict import depict as depict
    from .depict import draw as draw
    from .geometry import Geometry as Geometry
    from .geometry import find_geometry as find_geometry
    from .geometry import structure_of as structure_of
    from .labels import describe_sample as describe_sample
    from .labels import frequent_element as frequent_element
    from .logo import information as information
    from .logo import sequence_logo as sequence_logo
    from .logo import window as window
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
