"""How much memory a comparison on a CPU takes."""

from __future__ import annotations

from collections.abc import Sequence

from ..base import BLOCK_BYTES, MIN_BLOCK, count_cores
from ..block_pass import PassPlan
from ..context import KEPT_PRODUCTS
from ..gram import MAX_ENTRIES, HalfProduct
from ..metrics import Metric
from ..neighbours import EXTRA_CANDIDATES, KEPT_BYTES, PART, WAITING, products_fit, tile_shape

# Bytes of a neighbour in a table, of a float32, of what is known of a row (its id, whether it repeats another), and of
# the norms of a row in a model.
NEIGHBOUR, FLOAT, ROW, NORMS = 8, 4, 128, 32
# Bytes of compiled programs with the buffers of BLAS, of threads and modules where nothing is compiled, and entries of
# distances that a thread handles at once.
PROGRAMS, THREADS, DISTANCES = 3 * 2**26, 2**24, 3 * 2**19
# Bytes of an entry of a product that waits to be compared with the candidates of a row.
ENTRY = 64


def estimate_memory(
    n: int,
    widths: Sequence[int],
    metrics: Sequence[Metric],
    plan: PassPlan,
    *,
    k: int,
    queries: int | None = None,
    permutations: int = 0,
    jackknife: bool = False,
) -> int:
    """Return the bytes that a comparison takes beyond its inputs.

    Args:
        n: number of samples.
        widths: columns of each model.
        metrics: that are computed.
        plan: of the pass.
        k: neighbours of the pair metrics.
        queries: number of samples that are compared with all.
        permutations: their number.
        jackknife: whether groups are left out, without which all is computed again.
    """
    m, rows, cores = len(widths), min(n, queries or n), count_cores()
    inputs, largest = n * sum(widths) * FLOAT, n * max(widths) * FLOAT
    together, searched = bool(plan.kernels or plan.ranks), bool(plan.tables)
    beside = min(m, cores) if products_fit(n, widths) else 1  # models that are multiplied at the same time
    alone, few = searched and not together, m * n * n <= MAX_ENTRIES
    # The points: all while they are few, else of the models whose products of all rows are computed, or of the one that
    # is searched in tiles.
    whole = (alone and n * n * FLOAT <= BLOCK_BYTES) or (few and (together or searched))
    copied = beside if whole else alone and largest <= KEPT_BYTES
    points = inputs if inputs <= BLOCK_BYTES else largest * copied
    if permutations and (plan.features or together):
        points += 3 * inputs  # as they are, next to each other, and in another order
    if jackknife:
        points += inputs
    blocks = 0
    if plan.kernels and not searched:
        blocks = max(BLOCK_BYTES, MIN_BLOCK * m * n * FLOAT)
    elif together:
        blocks = max(BLOCK_BYTES, MIN_BLOCK * m * n * FLOAT) * 3 // 2
    elif searched and queries:
        blocks = max(KEPT_BYTES if largest <= KEPT_BYTES else BLOCK_BYTES, MIN_BLOCK * n * FLOAT)
    elif searched:
        # The product of all rows, or a tile with the candidates of all.
        side = n if n * n * FLOAT <= BLOCK_BYTES else tile_shape(n)[0]
        candidates = sum(neighbours + EXTRA_CANDIDATES for _, neighbours in plan.tables)
        blocks = beside * side * side * FLOAT + (n * candidates * NEIGHBOUR + 2 * WAITING * ENTRY) * (side < n)
    if "rbf" in plan.kernels:  # one half of the products of the widest models, from their median to the pass
        half = HalfProduct.entries(n) * FLOAT
        blocks += min(m, KEPT_PRODUCTS // half) * half
    if together or searched:
        blocks += cores * 4 * max(DISTANCES, PART * n * bool(together or queries)) * FLOAT
    if few and (together or searched):
        blocks += m * n * n * FLOAT
    tables = m * rows * sum(neighbours for _, neighbours in plan.tables) * NEIGHBOUR
    if any("neighbours" in metric.needs for metric in metrics):
        # In the order of the indices; as masked kernels, and what one of these takes while it is computed.
        masked = [metric.name for metric in metrics if metric.name.startswith("cknna")]
        others = len({*masked} - {"cknna", "cknna_calibrated_form"})
        tables += int(rows * k * NEIGHBOUR * (m * (1 + others) + (m / 8 + 5) * bool(masked)))
    programs = THREADS if few else PROGRAMS
    known = n * ROW + m * n * NORMS + permutations * (n * FLOAT + m * m * 8)
    return int(programs + known + points + min(blocks, 3 * m * n * n * FLOAT) + tables)
