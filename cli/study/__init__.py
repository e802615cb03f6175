"""The study of Edamadaka et al. on models and data available here: its plan, its findings one by one, and the page."""

from .findings import Finding as Finding
from .findings import findings as findings
from .page import judged_data as judged_data
from .page import write_page as write_page
from .plan import SETS as SETS
from .plan import StudyResult as StudyResult
from .plan import StudyResults as StudyResults
from .plan import StudySet as StudySet
from .rules import load_rules as load_rules
from .specifications import Specification as Specification
from .study import Judged as Judged
from .study import StudyOutcome as StudyOutcome
from .study import judged as judged
from .study import study as study
from .verdict import Estimate as Estimate
from .verdict import Verdict as Verdict
from .verdict import judge as judge
