"""Read a Comparison: its scores, tables, energies, samples and outliers."""

from typing import TYPE_CHECKING

from hyle.zoo import lazy_names

if TYPE_CHECKING:
    from .by_label import ByLabel as ByLabel
    from .by_label import by_label_data as by_label_data
    from .by_label import print_by_label as print_by_label
    from .changes import print_outliers as print_outliers
    from .columns import pairs_in_order as pairs_in_order
    from .columns import score_columns as score_columns
    from .energies import add_energy_errors as add_energy_errors
    from .energies import energy_errors as energy_errors
    from .known_samples import find_samples as find_samples
    from .known_samples import sample_sizes as sample_sizes
    from .known_samples import sample_words as sample_words
    from .listing import notes as notes
    from .listing import print_comparison as print_comparison
    from .listing import print_layers as print_layers
    from .numbers import estimate as estimate
    from .numbers import integer as integer
    from .numbers import number as number
    from .numbers import text as text
    from .outliers import listed as listed
    from .outliers import outlying as outlying
    from .outliers import outlying_in_any as outlying_in_any
    from .outliers import without as without
    from .paired import ceilings_data as ceilings_data
    from .paired import ceilings_of as ceilings_of
    from .paired import differences_data as differences_data
    from .paired import differences_of as differences_of
    from .paired import parse_difference as parse_difference
    from .paired import parse_pair as parse_pair
    from .paired import print_ceilings as print_ceilings
    from .paired import print_differences as print_differences
    from .ranks import with_ranks as with_ranks
    from .ranks import without_resamples as without_resamples
    from .replicates import replicate_ceiling as replicate_ceiling
    from .replicates import seed_replicates as seed_replicates
    from .samples import LABEL as LABEL
    from .samples import add_labels as add_labels
    from .samples import add_samples as add_samples
    from .samples import find_column as find_column
    from .samples import find_embeddings as find_embeddings
    from .samples import joined as joined
    from .samples import read_column as read_column
    from .samples import read_table as read_table
    from .samples import split_column as split_column
    from .scores import CONTROL as CONTROL
    from .scores import NOT_SIGNIFICANT as NOT_SIGNIFICANT
    from .scores import UNRESOLVED as UNRESOLVED
    from .scores import PairScores as PairScores
    from .scores import errors as errors
    from .scores import modalities as modalities
    from .scores import model_names as model_names
    from .scores import per_model as per_model
    from .scores import read_scores as read_scores
    from .scores import single_metrics as single_metrics
    from .table import long_table as long_table
    from .table import write_csv as write_csv
    from .trained import TRAINED as TRAINED
    from .trained import TRAINED_ON_SAMPLES as TRAINED_ON_SAMPLES
    from .trained import marked_names as marked_names
    from .trained import trained_note as trained_note
    from .trained import trained_on_samples as trained_on_samples
    from .undefined import undefined_scores as undefined_scores
    from .units import count_repeated as count_repeated
    from .units import dependent_groups as dependent_groups
    from .units import known_groups as known_groups
    from .units import repeated_states as repeated_states
    from .units import row_words as row_words
    from .units import sizes_of_groups as sizes_of_groups
    from .units import states_of_one_thing as states_of_one_thing
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
