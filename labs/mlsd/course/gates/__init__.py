"""Gates: small functions that look at one thing each and return what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mlsd.course.document import Course, Document, Problem, load_course
from mlsd.course.gates import (
    code,
    concepts,
    executed,
    exercises,
    figures,
    frame,
    guesses,
    labs,
    language,
    links,
    outputs,
    sizes,
    sync,
)

Gate = Callable[[Document], list[Problem]]
CourseGate = Callable[[Course], list[Problem]]

NOTEBOOK_GATES: tuple[Gate, ...] = (
    outputs.built,
    frame.title_stands,
    sync.notebook_matches_source,
    code.cells_parse,
    code.imports_first,
    code.no_path_tricks,
    code.no_magics,
    code.nothing_hidden,
    code.no_absolute_paths,
    outputs.executed_in_order,
    outputs.outputs_fresh,
    outputs.tagged_cells_have_outputs,
    outputs.outputs_clean,
    outputs.figures_read,
    figures.figures_titled,
    guesses.guesses_compared,
    guesses.answers_unasserted,
    language.plain_words,
    language.formulas_in_latex,
    language.renders_as_written,
    sizes.within_ranges,
)
CHAPTER_GATES: tuple[Gate, ...] = (
    frame.opening_complete,
    frame.sections_in_order,
    frame.minutes_per_section,
    frame.results_hold_a_table,
    frame.ending_complete,
    frame.reader_takes_part,
)
LAB_GATES: tuple[Gate, ...] = (
    labs.exercises_complete,
    labs.checks_imported,
    labs.regions_inside_functions,
    labs.stubs_documented,
    exercises.head_states_cost,
    exercises.prompts_itemised,
    exercises.prose_exercise,
    labs.no_solution_left,
    labs.solution_passes,
    labs.wrong_answers_registered,
    sync.lab_regenerates,
)
COURSE_GATES: tuple[CourseGate, ...] = (
    concepts.introduced_once,
    concepts.introduced_before_needed,
    concepts.concepts_defined,
    concepts.labs_belong,
    guesses.guess_names_unique,
    links.links_resolve,
    links.links_complete,
    concepts.readme_current,
    concepts.glossary_current,
)
EXECUTED_LAB_GATES: tuple[Gate, ...] = (
    executed.unsolved_lab_runs,
    executed.wrong_answers_fail,
    executed.points_agree,
)


def check_document(document: Document) -> list[Problem]:
    """Return what the static gates find in one chapter or lab."""
    own = CHAPTER_GATES if document.unit.kind == "chapter" else LAB_GATES
    return [problem for gate in (*NOTEBOOK_GATES, *own) for problem in gate(document)]


def check_course(root: Path) -> list[Problem]:
    """Return what the static gates find in a project: files that do not load come first.

    Parameters
    ----------
    root : Path
        The project. Chapters and labs are found by their names; there may be none.
    """
    course, problems = load_course(root)
    for document in course.documents:
        problems += check_document(document)
    for gate in COURSE_GATES:
        problems += gate(course)
    return problems
