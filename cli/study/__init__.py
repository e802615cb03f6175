"""The study of Edamadaka et al. on models and data available here: its plan, its findings one by one, and the page."""

from .findings import Finding as Finding
from .findings import findings as findings
from .page import write_page as write_page
from .plan import SETS as SETS
from .plan import StudyResult as StudyResult
from .plan import StudyResults as StudyResults
from .plan import StudySet as StudySet
from .study import study as study
