"""The work of the commands as plain functions, which can also be called from a notebook."""

from typing import TYPE_CHECKING

from hyle.zoo import lazy_names

if TYPE_CHECKING:
    from .analyse import analyses_data as analyses_data
    from .analyse import analysis_names as analysis_names
    from .compare import COMPARISON_SUFFIXES as COMPARISON_SUFFIXES
    from .compare import as_data as as_data
    from .compare import by_name as by_name
    from .compare import check_common as check_common
    from .compare import check_suffix as check_suffix
    from .compare import compare as compare
    from .compare import compare_with_progress as compare_with_progress
    from .compare import compare_without_outliers as compare_without_outliers
    from .compare import engine_options as engine_options
    from .compare import find_compared as find_compared
    from .compare import write_comparison as write_comparison
    from .dimension import check_k as check_k
    from .dimension import dimension as dimension
    from .dimension import estimator_names as estimator_names
    from .dimension import scales as scales
    from .distill import check_student_name as check_student_name
    from .distill import checkpoint_folder as checkpoint_folder
    from .distill import distill as distill
    from .distill import save_result as save_result
    from .distill import student_name as student_name
    from .distill_samples import check_draw as check_draw
    from .distill_samples import find_teachers as find_teachers
    from .distill_samples import train_val_test_split as train_val_test_split
    from .doctor import diagnose as diagnose
    from .doctor import verdict as verdict
    from .embed import LastModelCache as LastModelCache
    from .embed import check_views as check_views
    from .embed import chosen_layers as chosen_layers
    from .embed import embed as embed
    from .embed import embed_with_progress as embed_with_progress
    from .embed import embedding_data as embedding_data
    from .estimate import estimate_comparison as estimate_comparison
    from .estimate import print_estimate as print_estimate
    from .evaluate_student import evaluate as evaluate
    from .groups import with_groups as with_groups
    from .metrics import metric_facts as metric_facts
    from .metrics import metrics_text as metrics_text
    from .metrics import select_metrics as select_metrics
    from .metrics import write_metrics as write_metrics
    from .models import install_script as install_script
    from .models import markdown as markdown
    from .models import meanings as meanings
    from .models import model_facts as model_facts
    from .models import select_models as select_models
    from .models import sensitivity as sensitivity
    from .models import study_facts as study_facts
    from .models import study_markdown as study_markdown
    from .models import study_state as study_state
    from .panel import METRICS as METRICS
    from .panel import choose_panel as choose_panel
    from .panel import panel_attributes as panel_attributes
    from .panel import write_panel_report as write_panel_report
    from .report import HISTORY_FILES as HISTORY_FILES
    from .report import HISTORY_OTHERS as HISTORY_OTHERS
    from .report import REPORT_FILES as REPORT_FILES
    from .report import REPORT_OTHERS as REPORT_OTHERS
    from .report import headline as headline
    from .report import make_folder as make_folder
    from .report import report_data as report_data
    from .report import write_all as write_all
    from .report import write_history as write_history
    from .sources import find_representations as find_representations
    from .sweep import SWEEP_SUFFIXES as SWEEP_SUFFIXES
    from .sweep import parse_sweep as parse_sweep
    from .sweep import sweep as sweep
    from .sweep import sweep_data as sweep_data
    from .sweep import sweep_steps as sweep_steps
    from .sweep import sweep_with_progress as sweep_with_progress
    from .sweep import swept_single as swept_single
    from .sweep import write_sweep as write_sweep
    from .weights import fetch_weights as fetch_weights
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
