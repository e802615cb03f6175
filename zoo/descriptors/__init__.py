"""Descriptors of samples and nodes: what a molecule, crystal, protein, atom or residue has, in words and numbers."""

from typing import TYPE_CHECKING

from ..base import lazy_names

if TYPE_CHECKING:
    from .describe_nodes import describe_nodes as describe_nodes
    from .describe_samples import describe_samples as describe_samples
    from .descriptor import Descriptor as Descriptor
    from .descriptor import SampleDescriptors as SampleDescriptors
    from .functional_groups import FUNCTIONAL_GROUPS as FUNCTIONAL_GROUPS
    from .functional_groups import OMITTED as OMITTED
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
