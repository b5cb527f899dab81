"""The words of refusal: every problem at /problems/{code} and every member-level fault, in English and Spanish."""

from api.problems.faults import FAULTS, spoken_fault
from api.problems.pages import page
from api.problems.table import LANGUAGES, PROBLEMS, Problem

__all__ = ["FAULTS", "LANGUAGES", "PROBLEMS", "Problem", "page", "spoken_fault"]
