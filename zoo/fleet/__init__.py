"""Extraction by one worker or many: in this process, in processes of this machine, or on a Ray cluster."""

from typing import TYPE_CHECKING

from ..base import lazy_names

if TYPE_CHECKING:
    from .fleet import Fleet as Fleet
    from .here import Here as Here
    from .job import Job as Job
    from .job import Part as Part
    from .job import address_of as address_of
    from .processes import Processes as Processes
    from .ray_cluster import RayCluster as RayCluster
    from .ray_connection import check_ray as check_ray
    from .serve import serve as serve
    from .shards import SHARD_SIZE as SHARD_SIZE
    from .weights import fetched_card as fetched_card
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
